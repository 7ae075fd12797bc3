import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import {
  EMPTY_LOCK,
  type Lock,
  lockFileOf,
  parseLock,
  readLock,
  serializeLock,
  writeLock,
} from '../../src/inventory/lock.js';
import { writeFiles } from './write.js';

const lock: Lock = {
  ...EMPTY_LOCK,
  slices: { docker42: '172.17.42.0/24', docker41: '172.17.41.0/24' },
  retired: [{ slice: '172.17.7.0/24', host: 'docker7', since: '2026-01-31' }],
  mtu: 1462,
};

const FIX = 'restore the file from version control; without it, mesh reads the slices from the hosts';

function faults(text: string): string {
  try {
    parseLock(text, 'inventory.lock');
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'no fault';
}

describe('the lock file', () => {
  it.each([
    ['inventory.yml', 'inventory.lock'],
    ['lab/hosts.yaml', 'lab/hosts.lock'],
    ['hosts', 'hosts.lock'],
    ['prod.eu.yml', 'prod.eu.lock'],
  ])('of %s is %s', (inventory, file) => {
    expect(lockFileOf(inventory)).toBe(file);
  });

  it('is text that a person can read, sorted', () => {
    expect(serializeLock(lock)).toBe(
      [
        '# Written by mesh; commit it with the inventory. It keeps every host on its slice of the container network.',
        'version: 1',
        'slices:',
        '  docker41: 172.17.41.0/24',
        '  docker42: 172.17.42.0/24',
        'retired:',
        '  - slice: 172.17.7.0/24',
        '    host: docker7',
        '    since: "2026-01-31"',
        'mtu: 1462',
        'sources: {}',
        '',
      ].join('\n'),
    );
  });

  it('comes back as it was written, whatever the hosts are called', () => {
    const octet = fc.integer({ min: 1, max: 254 });
    const slice = octet.map((number) => `172.17.${number}.0/24`);
    const name = fc
      .string({ minLength: 1, unit: 'binary' })
      .filter((text) => text !== '__proto__' && !/\p{Cs}/u.test(text));
    const any = fc.record({
      slices: fc.dictionary(fc.oneof(name, fc.constantFrom('yes', '0600', '1:30', 'null', '~', '- a', '#')), slice),
      retired: fc.array(fc.record({ slice, host: name, since: fc.constant('2026-01-31') })),
      mtu: fc.option(fc.integer({ min: 576, max: 65_535 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(any, ({ slices, retired, mtu }) => {
        const written: Lock = { ...EMPTY_LOCK, slices: { ...slices }, retired, ...(mtu === undefined ? {} : { mtu }) };
        expect(parseLock(serializeLock(written), 'inventory.lock')).toEqual(written);
      }),
    );
  });

  it('is written whole beside the inventory, and only where it changes', async () => {
    const inventory = join(writeFiles({ 'inventory.yml': '' }), 'inventory.yml');
    expect(await readLock(inventory)).toEqual(EMPTY_LOCK);
    expect(await writeLock(inventory, lock)).toBe(true);
    expect(await writeLock(inventory, lock)).toBe(false);
    expect(await readLock(inventory)).toEqual(lock);
    expect(readdirSync(join(inventory, '..')).sort()).toEqual(['inventory.lock', 'inventory.yml']);
    expect(readFileSync(lockFileOf(inventory), 'utf8')).toBe(serializeLock(lock));
  });

  it('leaves nothing behind where it cannot be written', async () => {
    const directory = writeFiles({ 'inventory.yml': '' });
    mkdirSync(join(directory, 'inventory.lock'));
    await expect(writeLock(join(directory, 'inventory.yml'), lock)).rejects.toThrow(/EISDIR|directory/);
    expect(readdirSync(directory).sort()).toEqual(['inventory.lock', 'inventory.yml']);
  });

  it('says so where it cannot be read', async () => {
    const directory = writeFiles({});
    symlinkSync('inventory.lock', join(directory, 'inventory.lock'));
    await expect(readLock(join(directory, 'inventory.yml'))).rejects.toThrow(/^the lock file .* cannot be read: ELOOP/);
  });
});

describe('a lock file that a hand has changed', () => {
  it.each([
    ['empty', '', `inventory.lock:1:1: the lock file is empty\n  fix: ${FIX}`],
    [
      'a list',
      '- docker41\n',
      `inventory.lock:1:1: a lock file is a mapping, and this is a list\n  1 | - docker41\n    | ^\n  fix: ${FIX}`,
    ],
    [
      'without its version',
      'slices: {}\n',
      'inventory.lock:1:1: the lock file does not say its version\n  1 | slices: {}\n    | ^\n  fix: write "version: 1"',
    ],
    [
      'of a later version',
      'version: 2\n',
      'inventory.lock:1:10: this lock file has version 2; this mesh reads version 1\n  1 | version: 2\n    |          ^\n  fix: use the version of mesh that wrote it, or a newer one',
    ],
    [
      'a slice that is none',
      'version: 1\nslices:\n  docker41: 172.17.41.1/24\n',
      `inventory.lock:3:13: slices.docker41 must be a network such as 172.17.41.0/24\n  2 | slices:\n  3 |   docker41: 172.17.41.1/24\n    |             ^\n  fix: ${FIX}`,
    ],
    [
      'a slice that is empty',
      'version: 1\nslices:\n  docker41:\n',
      `inventory.lock:3:12: slices.docker41 must be text\n  2 | slices:\n  3 |   docker41:\n    |            ^\n  fix: ${FIX}`,
    ],
    [
      'a key misspelt',
      'version: 1\nslice: {}\n',
      'inventory.lock:2:1: "slice" does not belong here\n  1 | version: 1\n  2 | slice: {}\n    | ^\n  fix: did you mean "slices"?',
    ],
    [
      'a host twice, as merges leave it',
      'version: 1\nslices:\n  a: 172.17.1.0/24\n  a: 172.17.2.0/24\n',
      'inventory.lock:4:3: "a" is written twice, first in line 3\n  3 |   a: 172.17.1.0/24\n  4 |   a: 172.17.2.0/24\n    |   ^\n  fix: keep one of the two, or put what both say under one key',
    ],
    [
      'a day that is none',
      'version: 1\nretired:\n  - {slice: 172.17.1.0/24, host: a, since: yesterday}\n',
      `inventory.lock:3:44: retired.0.since must be a day such as 2026-01-31\n  2 | retired:\n  3 |   - {slice: 172.17.1.0/24, host: a, since: yesterday}\n    |                                            ^\n  fix: ${FIX}`,
    ],
    [
      'an MTU as text',
      'version: 1\nmtu: "1462"\n',
      `inventory.lock:2:6: mtu must be a number\n  1 | version: 1\n  2 | mtu: "1462"\n    |      ^\n  fix: ${FIX}`,
    ],
    [
      'the marks of a merge',
      'version: 1\nslices:\n<<<<<<< HEAD\n  a: 172.17.1.0/24\n=======\n  a: 172.17.2.0/24\n>>>>>>> other\n',
      'inventory.lock:3:1: a merge was left unfinished here\n  2 | slices:\n  3 | <<<<<<< HEAD\n    | ^\n  fix: keep one side, and remove the lines that start with <<<<<<<, ======= and >>>>>>>',
    ],
  ])('%s', (_, text, says) => {
    expect(faults(text)).toBe(says);
  });
});
