import { execFileSync } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { sharedLab } from './lab.js';
import { mesh } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'underlay.yml');
  await copyFile(lab.inventoryFile, inventory);
});
afterAll(async () => {
  const { code, stdout, stderr } = await mesh('teardown', inventory, '--yes');
  expect(code, stdout + stderr).toBe(0);
});

const nft = (...words: string[]) => execFileSync('ip', ['netns', 'exec', lab.laptop, 'nft', ...words]);

async function bridges(host: string): Promise<string[]> {
  const { stdout } = await lab.exec(host, ['ovs-vsctl', 'list-br']);
  return stdout.split('\n').filter((name) => name !== '' && name !== 'br-phy');
}

describe('an underlay that does not let tunnels through', () => {
  beforeAll(() => {
    nft('add', 'chain', 'bridge', 'lab', 'probe', '{ type filter hook forward priority 1; policy accept; }');
  });
  afterAll(() => nft('delete', 'chain', 'bridge', 'lab', 'probe'));

  it('is found where only small packets pass', async () => {
    nft('add', 'rule', 'bridge', 'lab', 'probe', 'ip', 'protocol', 'gre', 'ip', 'length', '>', '1400', 'drop');
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes');
    expect(code, stdout + stderr).toBe(1);
    expect(stdout).toContain('IP protocol 47 passes, but not with packets of 1458 bytes inside');
    for (const host of ['docker41', 'docker42', 'docker43']) expect(await bridges(host)).toEqual([]);
    nft('flush', 'chain', 'bridge', 'lab', 'probe');
  });

  it('is found before anything of the mesh is made, at both ends of the pair, and leaves the others alone', async () => {
    await lab.blockGre('docker41', 'docker42');
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes');
    await lab.unblockGre('docker41', 'docker42');
    expect(code, stdout + stderr).toBe(1);
    expect(stdout).toContain(
      'docker42 (192.168.199.42): a plain ping is answered, but IP protocol 47 does not come through',
    );
    expect(stdout).toContain(
      'docker41 (192.168.199.41): a plain ping is answered, but IP protocol 47 does not come through',
    );
    expect(stdout).toContain('or choose another mesh_tunnel_type');
    expect(await bridges('docker41')).toEqual([]);
    expect(await bridges('docker42')).toEqual([]);
    expect(await bridges('docker43')).toEqual(['br0']);
    expect((await lab.exec('docker41', ['test', '-e', '/etc/docker/daemon.json'])).code).toBe(1);
  });

  it('is no obstacle any more once it lets them through: a plain deploy completes the mesh', async () => {
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/All 6 pairs pass/);
    for (const host of ['docker41', 'docker42', 'docker43']) {
      expect(await bridges(host)).toEqual(['br0']);
      const { stdout: timers } = await lab.exec(host, ['systemctl', 'list-units', '--all', '--plain', 'mesh-probe*']);
      expect(timers).not.toContain('mesh-probe');
      expect((await lab.exec(host, ['ip', 'route', 'show', '169.254.0.0/16'])).stdout).toBe('');
    }
  });
});
