import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { removeContainers, runContainers, running, shell } from './hosts.js';
import { sharedLab } from './lab.js';
import { mesh } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
const hosts = ['docker41', 'docker42', 'docker43'];
const on = (host: string, text: string) => shell(lab, host, text);

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'settings.yml');
  await copyFile(lab.inventoryFile, inventory);
});

/** Docker as a fresh host has it: no settings, no flags of its own, its bridge at its own address. */
async function reset(host: string): Promise<void> {
  await on(
    host,
    `rm -rf /etc/docker/daemon.json /etc/systemd/system/docker.service.d; systemctl daemon-reload
     systemctl stop docker.socket docker; ip link delete docker0 2>/dev/null || :; rm -rf /var/lib/docker/network
     systemctl reset-failed docker; systemctl start docker.socket docker`,
  );
}
const flags = (words: string) => `mkdir -p /etc/systemd/system/docker.service.d
  printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// %s\\n' ${words} >/etc/systemd/system/docker.service.d/flags.conf
  systemctl daemon-reload`;

afterAll(async () => {
  await Promise.all(hosts.map((host) => removeContainers(lab, host)));
  await mesh('teardown', inventory, '--yes');
  await Promise.all(hosts.map(reset));
});

describe('hosts whose Docker has settings that the mesh cannot live with', () => {
  it('are refused with the reason before anything changes: a flag, an overlapping network, containers under live-restore', async () => {
    await on('docker41', `echo '{"live-restore": true}' >/etc/docker/daemon.json; systemctl restart docker`);
    await runContainers(lab, 'docker41', { kept: '' });
    await on('docker42', `${flags('--mtu=1400')}; systemctl restart docker`);
    await on(
      'docker43',
      `echo '{"bip": "10.200.0.1/24"}' >/etc/docker/daemon.json; systemctl restart docker
       docker network create --subnet 172.17.128.0/24 theirs`,
    );
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes', '--restart-docker');
    const said = (stdout + stderr).replace(/\s+/g, ' ');
    expect(code, said).toBe(1);
    expect(said).toMatch(/live-restore is on and containers run \(kept\)/);
    expect(said).toMatch(
      /dockerd is started with --mtu 1400; it does not start when \/etc\/docker\/daemon.json sets mtu/,
    );
    expect(said).toMatch(/overlaps the Docker network theirs \(172\.17\.128\.0\/24\)/);
    for (const host of hosts) {
      expect(said).toMatch(new RegExp(`${host} +refused`));
      expect((await lab.exec(host, ['ovs-vsctl', 'br-exists', 'br0'])).code).toBe(2);
    }
    expect(await running(lab, 'docker41')).toEqual(['kept']);
    await Promise.all(hosts.map((host) => removeContainers(lab, host)));
    await Promise.all(hosts.map(reset));
  });

  it('keep their old settings and a running dockerd where it does not start with the new ones; `icc: false` is refused', async () => {
    // dockerd runs without the flag that it will find when it is restarted: nobody can see that beforehand.
    await on('docker42', flags('--mtu=1400'));
    await on('docker42', `echo '{"debug": false}' >/etc/docker/daemon.json`);
    await on('docker43', `echo '{"icc": false}' >/etc/docker/daemon.json; systemctl restart docker`);
    await runContainers(lab, 'docker42', { kept: '' });
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes', '--restart-docker');
    const said = (stdout + stderr).replace(/\s+/g, ' ');
    expect(code, said).toBe(1);
    expect(said).toMatch(/docker41 +done/);
    expect(said).toMatch(/docker42 +failed/);
    expect(said).toMatch(/dockerd does not start with the new settings: the old ones are put back/);
    expect(said).toMatch(/docker43 +refused/);
    expect(said).toMatch(/`icc: false` in \/etc\/docker\/daemon.json forbids containers to talk to each other/);
    expect(await on('docker42', 'cat /etc/docker/daemon.json')).toBe('{"debug": false}\n');
    expect(await on('docker42', 'systemctl is-active docker')).toBe('active\n');
    expect(await running(lab, 'docker42')).toEqual(['kept']);
    expect(await on('docker42', 'ip -o link show dev br0')).not.toContain('master docker0');
  });
});
