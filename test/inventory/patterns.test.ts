import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { loadInventory } from '../../src/inventory/load.js';
import { selectHosts, splitPattern } from '../../src/inventory/patterns.js';

const folder = new URL('patterns/', import.meta.url);
const record: { readonly [pattern: string]: readonly string[] } = JSON.parse(
  readFileSync(new URL('hosts.json', folder), 'utf8'),
);
const inventory = await loadInventory(new URL('inventory.yml', folder).pathname);
const select = (pattern: string) => selectHosts(inventory, pattern).map((host) => host.name);

describe('the hosts that ansible-core selects, in its order', () => {
  it('covers every kind of pattern', () => {
    expect(Object.keys(record).length).toBeGreaterThan(50);
  });

  it.each(Object.entries(record))('%s', (pattern, hosts) => {
    // Where Ansible warns that a part matches nothing, mesh stops; nothing left of something is no mistake.
    if (hosts.length === 0 && !['empty', 'web:!web'].includes(pattern))
      expect(() => select(pattern)).toThrow(InputError);
    else expect(select(pattern)).toEqual(hosts);
  });
});

describe('selectHosts', () => {
  const names = inventory.hosts.map((host) => host.name);
  const part = fc.constantFrom(...names, 'all', 'web', 'prod', 'core', 'web*', '~d.*', 'empty');

  it('takes away and keeps, wherever in the pattern that stands', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), fc.array(part), fc.array(part), (any, both, never) => {
        const signed = [...any, ...both.map((one) => `&${one}`), ...never.map((one) => `!${one}`)];
        const found = select(signed.join(','));
        expect(select([...signed].reverse().join(',')).sort()).toEqual([...found].sort());
        expect(new Set(found).size).toBe(found.length);
        const union = new Set(any.flatMap(select));
        for (const name of names) {
          const wanted =
            union.has(name) &&
            both.every((one) => select(one).includes(name)) &&
            !never.some((one) => select(one).includes(name));
          expect(found.includes(name)).toBe(wanted);
        }
      }),
    );
  });

  it('throws nothing but InputError, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'we1b*?[]!&~:,.-()\\ @{}|^$'), maxLength: 12 }), (pattern) => {
        try {
          for (const name of select(pattern)) expect(names).toContain(name);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });

  it('takes "mesh" for the meshed hosts where no group has that name', () => {
    expect(select('mesh:&web[0]')).toEqual(['web1.example.com']);
  });
});

describe('splitPattern', () => {
  it.each([
    ['a:b', ['a', 'b']],
    ['a,b:c', ['a', 'b:c']],
    [' a , b ', ['a', 'b']],
    ['fd00::41', ['fd00::41']],
    ['web[0:2]:&prod', ['web[0:2]', '&prod']],
    ['docker41:22', ['docker41:22']],
  ])('%s', (pattern, parts) => {
    expect(splitPattern(pattern)).toEqual(parts);
  });
});
