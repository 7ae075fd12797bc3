import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, labDown, labUp } from '../../src/lab/index.js';
import { shell } from './hosts.js';
import { mesh, meshEvents } from './mesh.js';

const name = `install-${process.pid}`;
let lab: Lab;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-install-test-'));
  lab = await labUp({
    name,
    hosts: 2,
    without: { docker42: ['openvswitch'] },
    inventoryFile: join(folder, 'lab.yml'),
  });
});
afterAll(async () => {
  await labDown(name);
  await rm(folder, { recursive: true, force: true });
});

describe('a host without Open vSwitch', () => {
  const underlay = () => shell(lab, 'docker42', 'ip -4 -o addr show');

  it('gets it, and is meshed though its underlay moves to it only later', async () => {
    await shell(
      lab,
      'docker42',
      `mkdir -p /etc/systemd/system/lab-underlay.service.d
       printf '[Service]\\nExecStartPre=/bin/sleep 8\\n' >/etc/systemd/system/lab-underlay.service.d/slow.conf
       systemctl daemon-reload`,
    );
    const { code, events } = await meshEvents('deploy', lab.inventoryFile, '--yes');
    expect(events.filter((event) => event.kind === 'probe' && event.state !== 'pass')).toEqual([]);
    expect(code).toBe(0);
    expect(await underlay()).toMatch(/br-phy +inet 192\.168\.199\.42\/24/);
    const second = await meshEvents('deploy', lab.inventoryFile, '--yes');
    expect(second.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
  });

  it('is without it again when the mesh is taken down', async () => {
    const { code, stdout, stderr } = await mesh('teardown', lab.inventoryFile, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect((await lab.exec('docker42', ['sh', '-c', 'command -v ovs-vsctl'])).code).not.toBe(0);
    await expect.poll(underlay, { timeout: 60_000, interval: 100 }).toMatch(/eth0 +inet 192\.168\.199\.42\/24/);
  });
});
