import { describe, expect, it } from 'vitest';
import { loadInventory } from '../../src/inventory/load.js';
import { toGraph, toHostText, toTable } from '../../src/inventory/tables.js';
import type { Inventory } from '../../src/inventory/types.js';
import { writeFiles } from './write.js';

const files = {
  'inventory.yml': `all:
  vars:
    ansible_user: root
  hosts:
    docker[41:42]:
      mesh_tunnel_type: gre
    docker43: {ansible_host: 10.0.0.43, ansible_port: 2222, mesh_underlay_address: 192.168.199.43}
  children:
    web: {hosts: {docker41: , docker43: }}
`,
  'group_vars/web.yml': 'ansible_become: yes\nansible_become_password: ${BECOME}\n',
};

async function shown(text: (inventory: Inventory) => string, limit?: string): Promise<string> {
  const directory = writeFiles(files);
  const inventory = await loadInventory(`${directory}/inventory.yml`, limit === undefined ? {} : { limit });
  // Columns are as wide as the paths in them, so only their contents are compared.
  return text(inventory).replaceAll(`${directory}/`, '').replace(/ {2,}/g, ' | ');
}

describe('what people see of an inventory', () => {
  it('is a line per host, then a line per value with the place that set it and the hosts that have it', async () => {
    const locked = { docker41: '172.17.41.0/24' };
    expect(await shown((inventory) => toTable(inventory, locked))).toBe(
      `HOST | ADDRESS | USER | SLICE | GROUPS
docker41 | docker41 | root | 172.17.41.0/24 | web
docker42 | docker42 | root | to be allotted | ungrouped
docker43 | 10.0.0.43:2222, underlay 192.168.199.43 | root | to be allotted | web

VARIABLE | VALUE | FROM | HOSTS
ansible_become | true | group_vars/web.yml:1 | docker41 and docker43
ansible_become_password | ******** ($BECOME) | group_vars/web.yml:2 | docker41 and docker43
ansible_host | 10.0.0.43 | host docker43 | inventory.yml:7 | docker43
ansible_port | 2222 | host docker43 | inventory.yml:7 | docker43
ansible_user | root | group all | inventory.yml:3 | all
mesh_tunnel_type | gre | hosts | inventory.yml:6 | docker41 and docker42
mesh_underlay_address | 192.168.199.43 | host docker43 | inventory.yml:7 | docker43`,
    );
  });

  it('is what the limit leaves', async () => {
    const table = await shown((inventory) => toTable(inventory), 'docker42');
    expect(table.split('\n').filter((line) => line.startsWith('docker'))).toEqual([
      'docker42 | docker42 | root | to be allotted | ungrouped',
    ]);
  });

  it('says that one host has no tunnels', async () => {
    const directory = writeFiles({ 'inventory.yml': 'all: {hosts: {docker41: }}\n' });
    expect(toTable(await loadInventory(`${directory}/inventory.yml`))).toContain(
      '\n\ndocker41 is the only host of the mesh: it has no tunnels.',
    );
  });

  it('is a tree of groups', async () => {
    expect(await shown((inventory) => toGraph(inventory))).toBe(`@all:
 | |--@ungrouped:
 | | | |--docker42 | (docker42)
 | |--@web:
 | | | |--docker41 | (docker41)
 | | | |--docker43 | (10.0.0.43:2222, underlay 192.168.199.43)`);
  });

  it('is all of one host, each setting with where it came from', async () => {
    const text = await shown((inventory) =>
      inventory.hosts.flatMap((host) => (host.name === 'docker43' ? toHostText(host) : [])).join(),
    );
    expect(text).toContain('\n | become password | ******** ($BECOME)\n');
    expect(text).toContain('\n | mesh_cidr | 172.17.0.0/16 | default\n');
    expect(text).toContain('\n | mesh_slice | allotted by mesh\n');
    expect(text).toContain('\n | mesh_underlay_address | 192.168.199.43 | host docker43 | inventory.yml:7\n');
  });
});
