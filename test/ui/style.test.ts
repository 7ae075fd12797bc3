import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseScreen } from '../../src/ui/screen.js';
import { createStyle, wantsColor, wantsUnicode } from '../../src/ui/style.js';
import { fakeTerminal } from './terminal.js';

describe('wantsColor', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, true, false],
  ])('%j on a terminal: %s → %s', (env, terminal, wanted) => {
    expect(wantsColor(env, terminal)).toBe(wanted);
  });
});

describe('wantsUnicode', () => {
  it.each([
    [{ LANG: 'en_US.UTF-8' }, true],
    [{ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, false],
    [{ LC_CTYPE: 'C.utf8' }, true],
    [{ LANG: 'en_US.UTF-8', TERM: 'linux' }, false],
    [{}, false],
  ])('%j → %s', (env, wanted) => {
    expect(wantsUnicode(env)).toBe(wanted);
  });

  it('has an ASCII form of every symbol', () => {
    const { symbols } = createStyle({ color: false, unicode: false });
    expect(Object.values(symbols).flat().join('')).toMatch(/^[\u0020-\u007e]+$/);
  });
});

describe('chooseScreen', () => {
  const terminal = fakeTerminal(80, 24).stream;
  const pipe: NodeJS.WriteStream = Object.create(terminal, { isTTY: { value: false } });
  const base = { output: 'text', stdout: pipe, stderr: terminal, env: {} } as const;

  it.each([
    ['a terminal', {}, 'live'],
    ['no terminal', { stderr: pipe, stdout: terminal }, 'lines'],
    ['CI', { env: { CI: 'true' } }, 'lines'],
    ['CI=false', { env: { CI: 'false' } }, 'live'],
    ['a dumb terminal', { env: { TERM: 'dumb' } }, 'lines'],
    ['--verbose', { verbose: true }, 'lines'],
    ['--quiet', { quiet: true }, 'lines'],
    ['--output jsonl', { output: 'jsonl' as const }, 'jsonl'],
  ])('on %s', (_, rest, kind) => {
    expect(chooseScreen({ ...base, ...rest }).kind).toBe(kind);
  });

  it('loads listr2 for the live list only', () => {
    const out = mkdtempSync(join(tmpdir(), 'mesh-screen-'));
    try {
      const args = [
        'src/ui/screen.ts',
        '--bundle',
        '--splitting',
        '--format=esm',
        '--platform=node',
        `--outdir=${out}`,
      ];
      execFileSync('node_modules/.bin/esbuild', [...args, '--packages=external', '--log-level=error']);
      const loading = readdirSync(out).filter((file) => readFileSync(join(out, file), 'utf8').includes('"listr2"'));
      expect(loading).toEqual([expect.stringMatching(/^live-/)]);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
