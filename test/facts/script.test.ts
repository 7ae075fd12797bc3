import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseInterests, mergeInterests } from '../../src/facts/interests.js';
import { parseFacts } from '../../src/facts/parse.js';
import { observeScript } from '../../src/facts/script.js';
import type { HostFacts, Interests } from '../../src/facts/types.js';
import { nonce, value } from './fixture.js';

const available = (command: string, ...words: string[]) => spawnSync(command, words).error === undefined;
const shells = [['sh'], ['dash'], ['bash', '--posix'], ['busybox', 'sh']].filter(([command = '']) =>
  available(command, '-c', ':'),
);

function observeHere(shell: readonly string[], interests: Partial<Interests>): HostFacts {
  const merged = mergeInterests([interests]);
  const [command = 'sh', ...words] = shell;
  const { stdout } = spawnSync(command, [...words, '-s'], { input: observeScript(merged, nonce) });
  return parseFacts('here', stdout, nonce, merged, 1);
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'facts-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('the script run by %s', (_name, shell) => {
  it('brings back every byte of files, with mode and kind', () => {
    const contents: Record<string, Buffer> = {
      plain: Buffer.from('hello\n'),
      'no newline': Buffer.from('x'),
      empty: Buffer.alloc(0),
      'quote \' " $(id) `id` ;': Buffer.from('quoted'),
      'new\nline': Buffer.from('named with a newline'),
      binary: Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256)),
      hostile: Buffer.from(
        `\n0000000000000000 end contents 0\n\n0000000000000000 begin docker\n==> /etc/passwd <==\n\n${folder}\n`,
      ),
      large: Buffer.alloc(262_145, 'a'),
      umlaut: Buffer.from('\ufeffgrün\n'),
    };
    const paths = Object.keys(contents).map((name) => join(folder, name));
    for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
    chmodSync(join(folder, 'plain'), 0o4750);
    mkdirSync(join(folder, 'folder'), { recursive: true });
    rmSync(join(folder, 'link'), { force: true });
    symlinkSync('nowhere', join(folder, 'link'));
    const others = ['folder', 'link', 'missing', 'plain/below', 'missing/deep/er'].map((name) => join(folder, name));
    const { files } = observeHere(shell, { files: [...paths, ...others] });

    for (const [name, content] of Object.entries(contents)) {
      const file = value(files[join(folder, name)]);
      const text = content.equals(Buffer.from(content.toString('utf8'))) && content.length <= 262_144;
      expect(file, name).toMatchObject({
        kind: 'file',
        size: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
        content: text ? content.toString('utf8') : null,
      });
    }
    expect(value(files[join(folder, 'plain')])).toMatchObject({ mode: '4750' });
    expect(value(files[join(folder, 'folder')])).toMatchObject({ kind: 'directory' });
    expect(value(files[join(folder, 'link')])).toEqual({ kind: 'other', what: 'symbolic link' });
    for (const name of ['missing', 'plain/below', 'missing/deep/er']) {
      expect(value(files[join(folder, name)]), name).toEqual({ kind: 'absent' });
    }
  });

  it('reads settings and runs checks', () => {
    const checks = ['true', 'exit 3', 'no-such-command-here', "echo 'unclosed", 'cat', `test -d '${folder}'`];
    const facts = observeHere(shell, {
      checks,
      sysctls: ['kernel.ostype', 'kernel.no_such_setting', "kernel/$(touch '/x')"],
    });
    expect(facts.sysctls['kernel.ostype']).toEqual({ known: true, value: 'Linux' });
    expect(facts.sysctls['kernel.no_such_setting']).toEqual({ known: true, value: null });
    const codes = checks.map((check) => value(facts.checks[check]));
    expect(codes.slice(0, 3)).toEqual([0, 3, 127]);
    expect(codes[3]).toBeGreaterThan(0);
    expect(codes.slice(4)).toEqual([0, 0]);
  });

  it('reads the system and the network of this machine', () => {
    const facts = observeHere(shell, {});
    expect(value(facts.system).kernel).toBe(spawnSync('uname', ['-r']).stdout.toString().trim());
    if (available('ip', '-V')) expect(value(facts.links).map(({ name }) => name)).toContain('lo');
  });
});

describe('the script', () => {
  it('does nothing when a part of it is missing', () => {
    const script = observeScript(baseInterests, nonce);
    const { stdout } = spawnSync('sh', ['-s'], { input: script.slice(0, script.lastIndexOf('observe 2>')) });
    expect(stdout.length).toBe(0);
  });

  it.runIf(available('shellcheck', '--version'))('is clean for shellcheck', () => {
    const interests = mergeInterests([
      {
        packages: ['a', 'b+c'],
        services: ['d'],
        files: ['/etc/x', "/it's"],
        sysctls: ['net.ipv4.ip_forward'],
        checks: ['echo "$HOME"'],
        bridges: ['br0'],
      },
    ]);
    const { stdout } = spawnSync('shellcheck', ['-'], { input: observeScript(interests, nonce) });
    expect(stdout.toString()).toBe('');
  });
});

describe('interests', () => {
  it('are merged without doubles, in a stable order', () => {
    const merged = mergeInterests([{ files: ['/b', '/a'] }, { files: ['/b'], bridges: ['br0'] }, {}]);
    expect(merged).toEqual({ ...baseInterests, files: ['/a', '/b'], bridges: ['br0'] });
  });
});
