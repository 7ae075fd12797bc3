import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MASK, toAnsibleList } from '../../src/inventory/list.js';
import { loadInventory } from '../../src/inventory/load.js';

const fixtures = new URL('fixtures/', import.meta.url).pathname;
const names = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'expected.json')));

/** The record with the one thing that mesh never prints put in its place. */
function withoutPasswords(record: unknown): unknown {
  return JSON.parse(JSON.stringify(record), (key, value) => (/^ansible_.*pass(word)?$/.test(key) ? MASK : value));
}

/** Templates in settings are not the subject here: any answer will do. */
const evaluate = (text: string) => (text.includes('app_user') ? 'deploy' : 'evaluated.example.com');

describe('what ansible-inventory --list printed', () => {
  it('covers every sort of inventory', () => {
    expect(names.length).toBeGreaterThanOrEqual(14);
  });

  it.each(names)('%s', async (name) => {
    const directory = join(fixtures, name);
    const file = readdirSync(directory).find((entry) => entry.startsWith('inventory.')) ?? '';
    const expected: unknown = JSON.parse(
      readFileSync(join(directory, 'expected.json'), 'utf8').replace(/\bNaN\b/g, 'null'),
    );
    const inventory = await loadInventory(join(directory, file), { evaluate });
    expect(JSON.parse(JSON.stringify(toAnsibleList(inventory)))).toEqual(withoutPasswords(expected));
  });
});
