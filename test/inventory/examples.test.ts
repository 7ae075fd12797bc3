import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openInventory } from '../../src/cli/inventory-file.js';

const folder = fileURLToPath(new URL('../../inventory/', import.meta.url));
const examples = readdirSync(folder).filter((name) => name.endsWith('.yml') && !name.startsWith('lab'));

describe('the example inventories', () => {
  it('are these', () => {
    expect(examples.sort()).toEqual(['production.yml', 'routed.yml', 'seed.yml', 'two-hosts.yml']);
  });

  it.each(examples)('%s loads, without a warning, and its hosts make a mesh', async (name) => {
    const inventory = await openInventory(`${folder}${name}`, {});
    expect(inventory.warnings).toEqual([]);
    expect(inventory.meshed.length).toBeGreaterThan(1);
  });

  it('hold the two hosts that were once set up by hand', async () => {
    const { hosts } = await openInventory(`${folder}seed.yml`, {});
    expect(hosts.map(({ name, mesh }) => [name, mesh.underlayAddress, mesh.addressing, mesh.ovsSource])).toEqual([
      ['docker41', '192.168.199.41', 'routed', 'build'],
      ['docker42', '192.168.199.42', 'routed', 'build'],
    ]);
  });
});
