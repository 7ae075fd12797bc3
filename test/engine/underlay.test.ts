import { describe, expect, it } from 'vitest';
import { resolveUnderlays } from '../../src/engine/underlay.js';
import { InputError } from '../../src/errors.js';
import { loadInventory } from '../../src/inventory/load.js';
import { writeFiles } from '../inventory/write.js';

const names: { readonly [name: string]: string } = {
  docker41: '192.168.199.41',
  docker42: '192.168.199.42',
  'docker41.lan': '192.168.199.41',
  laptop: '127.0.1.1',
  inside: '172.17.5.5',
};

async function resolved(hosts: string): Promise<unknown> {
  const directory = writeFiles({ 'inventory.yml': `all:\n  hosts:\n${hosts}` });
  const inventory = await loadInventory(`${directory}/inventory.yml`);
  const lookup = async (name: string) => names[name] ?? Promise.reject(new Error('ENOTFOUND'));
  try {
    return Object.fromEntries(await resolveUnderlays(inventory.hosts, lookup));
  } catch (error) {
    if (error instanceof InputError) return error.message.replaceAll(`${directory}/`, '');
    throw error;
  }
}

describe('resolveUnderlays', () => {
  it('looks names up and leaves addresses alone', async () => {
    expect(await resolved('    docker41:\n    docker43: {ansible_host: 192.168.199.43}\n')).toEqual({
      docker41: '192.168.199.41',
      docker43: '192.168.199.43',
    });
  });

  it.each([
    [
      'a name without an address',
      '    docker41:\n    docker99:\n',
      'inventory.yml:4:5: the underlay address of docker99, "docker99", is a name without an IPv4 address\n  3 |     docker41:\n  4 |     docker99:\n    |     ^\n  fix: write an address below docker99, such as mesh_underlay_address: 192.168.199.41',
    ],
    [
      'two names of one host',
      '    docker41:\n    docker41.lan:\n',
      'inventory.yml:4:5: docker41.lan has the underlay address 192.168.199.41 (docker41), as docker41 has (line 3)\n  3 |     docker41:\n  4 |     docker41.lan:\n    |     ^\n  fix: give each host its own mesh_underlay_address',
    ],
    [
      'the name of the machine itself',
      '    docker41:\n    laptop:\n',
      'inventory.yml:4:5: 127.0.1.1 (laptop) cannot be the underlay address of laptop: no tunnel can end there\n  3 |     docker41:\n  4 |     laptop:\n    |     ^\n  fix: set mesh_underlay_address to the address by which the other hosts reach this one',
    ],
    [
      'a name that leads into the container network',
      '    docker41:\n    inside:\n',
      'inventory.yml:4:5: the underlay address 172.17.5.5 of inside is inside mesh_cidr 172.17.0.0/16: containers would hide it\n  3 |     docker41:\n  4 |     inside:\n    |     ^\n  fix: choose a mesh_cidr that no host has an address in, such as 172.18.0.0/16',
    ],
  ])('refuses %s', async (_, hosts, says) => {
    expect(await resolved(hosts)).toBe(says);
  });
});
