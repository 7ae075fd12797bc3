import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadInventory } from '../../src/inventory/load.js';
import type { MeshSettings } from '../../src/inventory/types.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-settings-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function settings(lines: readonly string[]): Promise<MeshSettings | undefined> {
  const file = join(folder, 'inventory.yml');
  const vars = lines.map((line) => `    ${line}\n`).join('');
  await writeFile(file, `all:\n  hosts:\n    docker41: { ansible_host: 192.168.199.41 }\n  vars:\n${vars}`);
  return (await loadInventory(file, { evaluate: (text) => text })).hosts[0]?.mesh;
}

describe('Docker’s bridge', () => {
  it('is docker0: dockerd gives an address of one’s choice to no other', async () => {
    expect(await settings(['mesh_docker_bridge: docker0'])).toMatchObject({ dockerBridge: 'docker0' });
    await expect(settings(['mesh_docker_bridge: br-web'])).rejects.toThrow(
      'mesh_docker_bridge must be docker0, the only bridge whose address dockerd takes from its settings',
    );
  });
});

describe('where Open vSwitch comes from', () => {
  it('is decided by mesh itself unless the inventory says so', async () => {
    expect(await settings(['a: 1'])).toMatchObject({ ovsSource: 'auto', ovsFiles: [], ovsDowngrade: false });
  });

  it('can be a release, a mirror, a path on this machine, or RPMs', async () => {
    const one = await settings([
      'mesh_ovs_version: 2.17.9',
      'mesh_ovs_url: ./openvswitch.tar.gz',
      'mesh_ovs_files: a.rpm',
    ]);
    expect(one).toMatchObject({ ovsVersion: '2.17.9', ovsUrl: './openvswitch.tar.gz', ovsFiles: ['a.rpm'] });
    const two = await settings(['mesh_ovs_files: [a.rpm, b.rpm]', 'mesh_ovs_downgrade: yes']);
    expect(two).toMatchObject({ ovsFiles: ['a.rpm', 'b.rpm'], ovsDowngrade: true });
  });

  it.each([
    ['mesh_ovs_version: 3.1', 'mesh_ovs_version must be a release of Open vSwitch, in quotes'],
    ['mesh_ovs_version: latest', 'mesh_ovs_version must be a release'],
    ['mesh_ovs_url: ftp://example.com/a', 'mesh_ovs_url must be an http(s) URL, or a path on this machine'],
    ['mesh_ovs_files: []', 'mesh_ovs_files must be the path of an RPM'],
    ['mesh_ovs_sha256: "beef"', 'mesh_ovs_sha256 must be 64 hexadecimal digits'],
  ])('%s', async (line, message) => {
    await expect(settings([line])).rejects.toThrow(message);
  });
});
