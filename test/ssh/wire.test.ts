import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote } from '../../src/quote.js';
import { markerSearch } from '../../src/ssh/start-marker.js';
import { loginQuote, SCRIPT_COMMAND, wire, wrapScript } from '../../src/ssh/wire.js';

/** Shells that may be somebody's login shell; those that are not installed are left out. */
const shells = ['sh', 'bash', 'dash', 'csh', 'tcsh', 'fish', 'zsh', 'ksh'].filter((name) =>
  ['/bin', '/usr/bin'].some((folder) => existsSync(`${folder}/${name}`)),
);

describe.each(shells)('the line for a login shell, under %s', (shell) => {
  it('carries any command', () => {
    const text = fc.string({ unit: fc.constantFrom(...`ab '"\\!$\`*?~#&|;<>(){}[]=%^@,:é\t\n`), maxLength: 12 });
    fc.assert(
      fc.property(text, (value) => {
        const { line, marker } = wire(`printf %s ${quote(value)}`);
        const { stdout, stderr } = spawnSync(shell, ['-c', line], { encoding: 'utf8' });
        expect([stdout, stderr]).toEqual([`${marker}\n${value}`, `${marker}\n`]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('loginQuote', () => {
  it('leaves plain words alone and puts what shells differ on outside of quotes', () => {
    expect(loginQuote('root')).toBe('root');
    expect(loginQuote('a b')).toBe("'a b'");
    expect(loginQuote("it's")).toBe("'it'\\''s'");
    expect(loginQuote('a!b\\c')).toBe("'a'\\!'b'\\\\'c'");
  });
});

describe('a script on stdin', () => {
  const run = (input: string) => spawnSync('sh', ['-c', SCRIPT_COMMAND], { input, encoding: 'utf8' });
  const script = 'echo one\nif true; then\n  echo two\nfi\necho three >&2\nexit 5\n';

  it('runs with its own exit code', () => {
    expect(run(wrapScript(script))).toMatchObject({ status: 5, stdout: 'one\ntwo\n', stderr: 'three\n' });
  });

  it('runs nothing of a part of it', () => {
    const whole = wrapScript(script);
    const complete = whole.lastIndexOf('}') + 1;
    for (let length = 1; length < complete; length++) expect(run(whole.slice(0, length)).stdout, `${length}`).toBe('');
  });

  it('keeps line numbers', () => {
    expect(run(wrapScript('true\ntrue\nno-such-command')).stderr).toMatch(/\b3\b/);
  });
});

describe('sudo’s line', () => {
  it('has the prompt, the user and no secret', () => {
    const { line, prompt } = wire('id', 'web admin');
    expect(line).toMatch(new RegExp(`^exec env LC_ALL=C sudo -H -S -p ${prompt} -u 'web admin' -- sh -c '`));
    execFileSync('sh', ['-n', '-c', line]);
  });
});

describe('the marker', () => {
  it('is found however the stream is cut', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 1, max: 20 }), (before, after, size) => {
        const search = markerSearch('mesh-begin-0123');
        const all = Buffer.from(`${before}mesh-begin-0123\n${after}`);
        let rest = Buffer.alloc(0);
        for (let at = 0; at < all.length; at += size) {
          rest = Buffer.concat([rest, search.feed(all.subarray(at, at + size)) ?? Buffer.alloc(0)]);
        }
        expect(search.found).toBe(true);
        expect([search.preamble.toString(), rest.toString()]).toEqual([before, after]);
      }),
    );
  });

  it('keeps the end of an endless preamble', () => {
    const search = markerSearch('marker');
    for (let i = 0; i < 100; i++) search.feed(Buffer.alloc(10_000, 'x'));
    expect(search.preamble.length).toBeLessThanOrEqual(65_536);
    expect(search.feed(Buffer.from('marker\nrest'))?.toString()).toBe('rest');
  });
});
