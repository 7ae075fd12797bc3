import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { addressOf, pings, removeContainers, runContainers, shell } from './hosts.js';
import { sharedLab } from './lab.js';
import { lastingFacts, mesh, meshEvents, promised, sentences } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
let before: unknown;
const hosts = ['docker41', 'docker42', 'docker43'];
const soon = { timeout: 60_000, interval: 200 };
const on = (host: string, text: string) => shell(lab, host, text);

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'routed.yml');
  await writeFile(inventory, `${await readFile(lab.inventoryFile, 'utf8')}    mesh_addressing: routed\n`);
  // A dockerd that was restarted once tells its bridge's gateway, a fresh one does not: compare like with like.
  await Promise.all(hosts.map((host) => on(host, 'systemctl restart docker')));
  before = await lastingFacts(inventory);
});

afterAll(async () => {
  await Promise.all(hosts.map((host) => removeContainers(lab, host)));
  await mesh('teardown', inventory, '--yes');
});

describe('a routed mesh', () => {
  it('is made as the plan says, proven, and not changed the second time', async () => {
    const planned = await promised(inventory);
    const first = await meshEvents('deploy', inventory, '--yes');
    expect(sentences(first.events)).toEqual(planned);
    expect(first.events.filter((event) => event.kind === 'probe' && event.state !== 'pass')).toEqual([]);
    expect(first.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: planned.length });
    const second = await meshEvents('deploy', inventory, '--yes');
    expect(second.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
  });

  it('carries pings between containers without one ICMP redirect', async () => {
    for (const host of ['docker41', 'docker42']) await runContainers(lab, host, { box: '' });
    const address = await addressOf(lab, 'docker42', 'box');
    expect(await on('docker41', 'ip -o -4 addr show dev docker0')).toContain(' 172.17.41.1/24 ');
    expect(address).toMatch(/^172\.17\.42\.\d+$/);
    const redirects = () =>
      on(
        'docker41',
        `awk '$1 == "Icmp:" && !n { n = split($0, name) } $1 == "Icmp:" { for (i = 2; i <= n; i++) if (name[i] == "OutRedirects") print $i }' /proc/net/snmp | tail -n 1`,
      );
    const was = await redirects();
    expect(was).toMatch(/^\d+\n$/);
    expect(await pings(lab, 'docker41', address, 10, 'box')).toBe(10);
    expect(await redirects()).toBe(was);
  });

  async function isBack(): Promise<void> {
    await expect.poll(() => on('docker41', 'systemctl is-active mesh || :'), soon).toBe('active\n');
    await expect.poll(() => pings(lab, 'docker41', '172.17.42.1', 1), soon).toBe(1);
    expect(await on('docker41', 'ip -o link show dev br0')).toContain('master docker0');
    expect(await on('docker41', 'ip route show 172.17.0.0/16')).toMatch(/dev docker0 proto 201/);
    expect(await on('docker41', 'sysctl -n net.ipv4.conf.docker0.send_redirects')).toBe('0\n');
  }

  it('is back, its route and its settings too, after restarts and after a reboot', async () => {
    await on('docker41', 'systemctl restart docker');
    await isBack();
    await on('docker41', 'systemctl restart openvswitch-switch');
    await isBack();
    await lab.reboot('docker41');
    await isBack();
    const { events } = await meshEvents('deploy', inventory, '--yes');
    expect(events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
  });

  it('leaves every host as it was when it is taken down', async () => {
    await Promise.all(hosts.map((host) => removeContainers(lab, host)));
    const { code, stdout, stderr } = await mesh('teardown', inventory, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect(await lastingFacts(inventory)).toEqual(before);
  });
});
