import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fingerprint,
  hashName,
  hostsMatch,
  judge,
  type KnownHost,
  keyType,
  knownHostsLine,
  knownName,
  knownTypes,
  parseKnownHosts,
} from '../../src/ssh/known-hosts.js';
import { appendKnownHost, readKnownHosts } from '../../src/ssh/known-hosts-file.js';

let folder: string;
const keys: Record<'first' | 'second' | 'ecdsa', string> = { first: '', second: '', ecdsa: '' };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-known-hosts-'));
  for (const [name, type] of [
    ['first', 'ed25519'],
    ['second', 'ed25519'],
    ['ecdsa', 'ecdsa'],
  ] as const) {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'c', '-f', join(folder, name)]);
    keys[name] = readFileSync(join(folder, `${name}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (key: string): Buffer => Buffer.from(key.split(' ')[1] ?? '', 'base64');
const read = (text: string): KnownHost[] => parseKnownHosts(text, 'known_hosts');

describe('reading known_hosts', () => {
  it('skips comments, empty lines and damaged keys, and counts lines', () => {
    const entries = read(
      `# a comment\n\n  docker41,192.168.199.41 ${keys.first} root@docker41\r\nbroken ssh-ed25519 AAAA\nwrong ssh-rsa ${keys.first.split(' ')[1]}\n@other x ${keys.first}\n@revoked\t*  ${keys.second}\n`,
    );
    expect(entries.map(({ line, hosts, marker }) => [line, hosts, marker])).toEqual([
      [3, 'docker41,192.168.199.41', undefined],
      [7, '*', 'revoked'],
    ]);
  });

  it('reads any text without throwing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => Array.isArray(read(text))));
    fc.assert(
      fc.property(fc.uint8Array(), (key) => ['string', 'undefined'].includes(typeof keyType(Buffer.from(key)))),
    );
  });
});

describe('names', () => {
  it.each([
    ['docker41', 'docker41', true],
    ['Docker41', 'docker41', true],
    ['docker4?', 'docker41', true],
    ['docker4?', 'docker4', false],
    ['*.example.org', 'a.b.example.org', true],
    ['*.example.org,!bad.example.org', 'bad.example.org', false],
    ['!bad.example.org,*.example.org', 'good.example.org', true],
    ['!bad.example.org', 'good.example.org', false],
    ['[docker41]:2222', '[docker41]:2222', true],
    ['[docker41]:2222', 'docker41', false],
    ['docker41', '[docker41]:2222', false],
    ['[*]:2222', '[docker41]:2222', true],
    ['*', '', true],
    ['|1|bad', 'docker41', false],
    ['|2|AAAA|AAAA', 'docker41', false],
  ])('%s covers %s: %s', (hosts, name, expected) => {
    expect(hostsMatch(hosts, name)).toBe(expected);
  });

  it('compares with patterns in linear time', () => {
    expect(hostsMatch(`${'*a'.repeat(2000)}b`, 'a'.repeat(20_000))).toBe(false);
  });

  it('writes the port where it is not 22', () => {
    expect([knownName('Docker41', 22), knownName('::1', 2222)]).toEqual(['docker41', '[::1]:2222']);
  });

  it('a hashed name covers its own name and no other', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.-]{1,30}$/), fc.stringMatching(/^[a-z0-9.-]{1,30}$/), (a, b) => {
        expect(hostsMatch(hashName(a), a)).toBe(true);
        expect(hostsMatch(hashName(a), b)).toBe(a === b);
      }),
    );
  });
});

describe('against ssh-keygen', () => {
  const names = [
    'docker41',
    'docker42',
    '192.168.199.41',
    '[docker41]:2222',
    '[::1]:22222',
    'bad.example.org',
    'a.example.org',
  ];

  const found = (file: string, name: string): number[] =>
    [...spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' }).stdout.matchAll(/found: line (\d+)/g)]
      .map(([, line]) => Number(line))
      .sort((a, b) => a - b);

  it('finds the same lines as ssh-keygen -F, plain and hashed by ssh-keygen -H', () => {
    const file = join(folder, 'compared');
    writeFileSync(
      file,
      [
        `docker41,192.168.199.41 ${keys.first}`,
        `docker41 ${keys.ecdsa}`,
        '# docker42 is new',
        `[docker41]:2222 ${keys.second}`,
        `[::1]:22222 ${keys.second} comment with spaces`,
        `*.example.org,!bad.example.org ${keys.first}`,
        `@revoked docker42 ${keys.second}`,
        `docker42 ${keys.first}`,
        '',
      ].join('\n'),
    );
    const check = (): void => {
      const entries = parseKnownHosts(readFileSync(file, 'utf8'), file);
      for (const name of names) {
        const lines = entries.filter((entry) => hostsMatch(entry.hosts, name)).map(({ line }) => line);
        expect(lines, name).toEqual(found(file, name));
      }
    };
    check();
    execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' });
    expect(readFileSync(file, 'utf8')).toContain('|1|');
    check();
  });

  it('has the fingerprint of ssh-keygen -l', () => {
    const printed = execFileSync('ssh-keygen', ['-lf', join(folder, 'first.pub')], { encoding: 'utf8' });
    expect(printed.split(' ')[1]).toBe(fingerprint(bytes(keys.first)));
  });

  it('writes lines that ssh-keygen finds', () => {
    const file = join(folder, 'written');
    const name = knownName('docker41', 2222);
    writeFileSync(file, [false, true].map((hashed) => `${knownHostsLine(name, bytes(keys.first), hashed)}\n`).join(''));
    expect(found(file, name)).toEqual([1, 2]);
  });
});

describe('verdicts', () => {
  const verdict = (text: string, key: string, name = 'docker41'): string => judge(read(text), name, bytes(key)).kind;

  it('knows them all', () => {
    expect(verdict(`docker41 ${keys.first}`, keys.first)).toBe('match');
    expect(verdict(`docker41 ${keys.second}\ndocker41 ${keys.first}`, keys.first)).toBe('match');
    expect(verdict(`docker41 ${keys.second}`, keys.first)).toBe('mismatch');
    expect(verdict(`docker41 ${keys.ecdsa}`, keys.first)).toBe('other-type');
    expect(verdict(`@revoked * ${keys.first}\ndocker41 ${keys.first}`, keys.first)).toBe('revoked');
    expect(verdict(`@revoked docker42 ${keys.first}\ndocker41 ${keys.first}`, keys.first)).toBe('match');
    expect(verdict(`@cert-authority *.example.org,docker41 ${keys.first}`, keys.first)).toBe('ca-only');
    expect(verdict(`docker42 ${keys.first}`, keys.first)).toBe('unknown');
    expect(verdict('', keys.first)).toBe('unknown');
  });

  it('says where the other key stands, and both fingerprints', () => {
    expect(judge(read(`\ndocker41 ${keys.second}`), 'docker41', bytes(keys.first))).toMatchObject({
      entry: { file: 'known_hosts', line: 2 },
      known: fingerprint(bytes(keys.second)),
      offered: fingerprint(bytes(keys.first)),
    });
  });

  it('lists the types of a host', () => {
    const entries = read(
      `docker41 ${keys.ecdsa}\n@revoked docker41 ${keys.first}\ndocker41 ${keys.ecdsa}\n* ${keys.second}`,
    );
    expect(knownTypes(entries, 'docker41')).toEqual(['ecdsa-sha2-nistp256', 'ssh-ed25519']);
  });
});

describe('files', () => {
  it('appends to a file whose last line is not ended, and makes files that only their owner reads', async () => {
    const file = join(folder, 'new', 'known_hosts');
    await appendKnownHost(file, `a ${keys.first}`);
    expect([statSync(file).mode & 0o777, statSync(join(folder, 'new')).mode & 0o777]).toEqual([0o600, 0o700]);
    writeFileSync(file, `a ${keys.first}`);
    await Promise.all(['b', 'c', 'd', 'e'].map((name) => appendKnownHost(file, `${name} ${keys.first}`)));
    const entries = await readKnownHosts([file]);
    expect(entries.map(({ hosts }) => hosts).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('reads several files in order and takes a missing one for empty', async () => {
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    writeFileSync(one, `x ${keys.first}\n`);
    writeFileSync(two, `y ${keys.second}\n`);
    const entries = await readKnownHosts([two, join(folder, 'none'), one]);
    expect(entries.map(({ hosts, file }) => [hosts, file])).toEqual([
      ['y', two],
      ['x', one],
    ]);
  });
});
