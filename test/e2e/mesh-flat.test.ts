import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { addressOf, pings, removeContainers, runContainers, running, shell } from './hosts.js';
import { sharedLab } from './lab.js';
import { mesh, meshEvents } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
const hosts = ['docker41', 'docker42', 'docker43'];
const soon = { timeout: 60_000, interval: 200 };
const on = (host: string, text: string) => shell(lab, host, text);
const everywhere = (text: string) => Promise.all(hosts.map((host) => on(host, text)));

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'flat.yml');
  await copyFile(lab.inventoryFile, inventory);
  await runContainers(lab, 'docker41', {
    plain: '',
    brief: '--rm',
    always: '--restart always',
    unless: '--restart unless-stopped',
  });
  await on('docker41', 'docker network create web');
  await runContainers(lab, 'docker41', { shop: '--network web', sidecar: '--network container:shop' });
  await runContainers(lab, 'docker42', { other: '--restart always' });
});

afterAll(async () => {
  await mesh('teardown', inventory, '--yes', '--restart-docker');
  await Promise.all(hosts.map((host) => removeContainers(lab, host)));
});

/** Sends one UDP datagram from docker0 to everybody. */
const broadcast = (from: number, port: number) =>
  `perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 17) or die; setsockopt(S, SOL_SOCKET, SO_BROADCAST, 1) or die;
   setsockopt(S, SOL_SOCKET, 25, "docker0") or die; bind(S, sockaddr_in(${from}, INADDR_ANY)) or die $!;
   send(S, "x", 0, sockaddr_in(${port}, INADDR_BROADCAST)) or die $!'`;

/** Sends one ICMPv6 packet of a type, 28 bytes long, from docker0 to all nodes. */
const icmp6 = (type: number) =>
  `perl -MSocket -e 'socket(S, PF_INET6, SOCK_RAW, 58) or die; setsockopt(S, SOL_SOCKET, 25, "docker0") or die;
   send(S, pack("C2 n C2 n x20", ${type}, 0, 0, 64, 0, 0), 0, pack_sockaddr_in6(0, Socket::inet_pton(AF_INET6, "ff02::1"))) or die $!'`;

/** Frames inside tunnels that tcpdump's line speaks of in these words, as `source > destination` of the hosts. */
function carried(lines: readonly string[], words: RegExp): string[] {
  return lines
    .filter((line) => words.test(line))
    .map((line) => /192\.168\.199\.(\d+) > 192\.168\.199\.(\d+)/.exec(line)?.slice(1).join(' > ') ?? line)
    .sort();
}

describe('a flat mesh of hosts with containers', () => {
  it('says before it happens what becomes of each container, and which are not on the mesh', async () => {
    const { stdout } = await mesh('plan', inventory);
    const plan = stdout.replace(/\s+/g, ' ');
    expect(plan).toContain('docker41: 4 of 6 containers are on the mesh; these are not: ');
    expect(plan).toMatch(/shop \(web\)/);
    expect(plan).toMatch(/sidecar \(web\)/);
    expect(plan).toContain('brief vanishes (--rm)');
    expect(plan).toContain('plain is started again by mesh');
    expect(plan).toContain('always restarts by its policy');
    expect(plan).toContain('unless restarts by its policy');
    expect(plan).not.toMatch(/every container/i);
  });

  it('restarts dockerd under containers only with consent of its own', async () => {
    const without = await mesh('deploy', inventory, '--yes');
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('docker41: brief vanishes (--rm)');
    expect(without.stderr).toContain('--restart-docker');
    expect((await lab.exec('docker41', ['ovs-vsctl', 'br-exists', 'br0'])).code).toBe(2);
    expect(await running(lab, 'docker41')).toContain('brief');
  });

  it('starts again what ran, host by host, and proves the mesh', async () => {
    const { code, events } = await meshEvents('deploy', inventory, '--yes', '--restart-docker');
    expect(code).toBe(0);
    const restarts = events.filter((event) => event.kind === 'step.started' || event.kind === 'step.ended');
    const order = restarts
      .filter(({ host, sentence }) => sentence.startsWith('restart dockerd') && host !== 'docker43')
      .map(({ host, kind }) => `${host} ${kind}`);
    expect(order).toEqual([
      'docker41 step.started',
      'docker41 step.ended',
      'docker42 step.started',
      'docker42 step.ended',
    ]);
    expect(await running(lab, 'docker41')).toEqual(['always', 'plain', 'shop', 'sidecar', 'unless']);
    expect(events.filter((event) => event.kind === 'probe' && event.state !== 'pass')).toEqual([]);
    const said = events.filter((event) => event.kind === 'finding' && event.code === 'containers-elsewhere');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ host: 'docker41', sentence: expect.stringContaining('3 of 5 containers') });
    expect(await addressOf(lab, 'docker41', 'plain')).toMatch(/^172\.17\.41\.\d+$/);
    expect(await pings(lab, 'docker41', await addressOf(lab, 'docker42', 'other'), 3, 'plain')).toBe(3);
  });

  it('says with a proof which containers nothing was proven of', async () => {
    const { code, stdout } = await mesh('verify', inventory);
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(
      /docker41 +3 of 5 containers are on the mesh; nothing is proven of these: shop \(web\), sidecar\s+\(web\)/,
    );
    expect(stdout).not.toMatch(/every container/i);
    const help = await mesh('--help');
    expect(help.stdout).not.toMatch(/every container/i);
  });

  it('pins one MTU on docker0, br0 and in containers, so that bulk TCP passes from docker0 to docker0', async () => {
    for (const link of ['docker0', 'br0']) {
      for (const said of await everywhere(`ip -o link show dev ${link}`)) expect(said).toContain(' mtu 1462 ');
    }
    const pid = (await on('docker41', "docker inspect -f '{{.State.Pid}}' plain")).trim();
    expect(await on('docker41', `nsenter -t ${pid} -n ip -o link show dev eth0`)).toContain(' mtu 1462 ');
    // docker43 has no container: its docker0 would still be at 1500 if only Docker had been told.
    // A host's own ports are closed to the other slices: this one is opened, as an administrator would.
    const door = (verb: string) => on('docker43', `iptables -w ${verb} INPUT -i docker0 -p tcp --dport 9100 -j ACCEPT`);
    await door('-I');
    await on(
      'docker43',
      'systemd-run --quiet --collect --unit=bulk systemd-socket-activate --accept --inetd -l 172.17.43.1:9100 head -c 4000000 /dev/zero',
    );
    try {
      const fetch = `bash -c 'exec 3<>/dev/tcp/172.17.43.1/9100 && timeout 30 cat <&3 | wc -c'`;
      await expect.poll(() => on('docker41', `${fetch} 2>/dev/null`).catch(() => ''), soon).toBe('4000000\n');
      expect(await on('docker41', `nsenter -t ${pid} -n ${fetch}`)).toBe('4000000\n');
    } finally {
      await on('docker43', 'systemctl stop bulk');
      await door('-D');
    }
  });

  it('has nothing on br0 but its own port and protected tunnels from a fixed address, one NORMAL flow, no controller', async () => {
    for (const host of hosts) {
      const peers = hosts.filter((one) => one !== host);
      expect((await on(host, 'ovs-vsctl list-ports br0')).trim().split('\n').sort()).toEqual(
        peers.map((peer) => `gre-${peer}`),
      );
      expect(await on(host, 'ovs-vsctl get-controller br0')).toBe('');
      for (const peer of peers) {
        expect(await on(host, `ovs-vsctl get port gre-${peer} protected`)).toBe('true\n');
        const own = `192.168.199.${host.slice(-2)}`;
        expect(await on(host, `ovs-vsctl get interface gre-${peer} options:local_ip`)).toBe(`"${own}"\n`);
      }
      const flows = (await on(host, 'ovs-ofctl --no-stats --no-names dump-flows br0')).split('\n').slice(0, -1);
      const rules = flows.filter((line) => line.includes('actions=')).map((line) => line.replace(/ cookie=\w+, /, ''));
      expect(rules.filter((line) => line.includes('actions=NORMAL'))).toEqual([
        expect.stringContaining('priority=0 actions=NORMAL'),
      ]);
      expect(rules.filter((line) => !/actions=(NORMAL|drop)/.test(line))).toEqual([]);
      expect(rules).toHaveLength(4);
    }
  });

  it('keeps the wire silent: one broadcast reaches each other host exactly once', async () => {
    const capture = await lab.capture('proto gre');
    await on('docker41', broadcast(4001, 4001));
    // What comes after it on the same way shows that whatever the first one became has gone by.
    expect(await pings(lab, 'docker41', '172.17.42.1')).toBe(3);
    expect(await pings(lab, 'docker41', '172.17.43.1')).toBe(3);
    const lines = await capture.stop();
    expect(carried(lines, /\.4001 > 255\.255\.255\.255\.4001/)).toEqual(['41 > 42', '41 > 43']);
  });

  it('has no IPv6 on br0, and drops router advertisements and DHCP offers, and nothing like them, at the tunnels', async () => {
    for (const said of await everywhere('ip -6 -o addr show dev br0')) expect(said).toBe('');
    const capture = await lab.capture('proto gre');
    await on('docker41', icmp6(134));
    await on('docker41', broadcast(67, 68));
    await on('docker41', icmp6(200));
    await on('docker41', broadcast(1067, 1068));
    expect(await pings(lab, 'docker41', '172.17.43.1')).toBe(3);
    const lines = await capture.stop();
    expect(carried(lines, /\.1067 > 255\.255\.255\.255\.1068/)).toEqual(['41 > 42', '41 > 43']);
    expect(carried(lines, /> ff02::1: ICMP6, .*length 28$/)).toEqual(['41 > 42', '41 > 43']);
    expect(carried(lines, /router advertisement/)).toEqual([]);
    expect(carried(lines, /\.67 > 255\.255\.255\.255\.68|BOOTP/)).toEqual([]);
  });

  it('says in the proof which check failed for which pair', async () => {
    await lab.blockGre('docker41', 'docker42');
    try {
      const { code, stdout } = await mesh('verify', inventory);
      expect(code, stdout).toBe(1);
      expect(stdout).toMatch(/docker41 +— +FAIL/);
      expect(stdout).toContain('4 of 6 pairs pass');
      expect(stdout).toMatch(/docker41 → docker42: docker0 ping failed/);
      expect(stdout).toMatch(/docker41 +failed/);
      expect(stdout).toMatch(/docker43 +done/);
      const deploy = await mesh('deploy', inventory, '--yes');
      expect(deploy.code, deploy.stdout).toBe(1);
      expect(deploy.stdout).toMatch(/docker41 → docker42: tunnel ping failed/);
    } finally {
      await lab.unblockGre('docker41', 'docker42');
    }
    expect((await mesh('deploy', inventory, '--yes')).code).toBe(0);
  });
});

describe('a flat mesh and restarts', () => {
  const peer = () => pings(lab, 'docker41', '172.17.42.1', 1);
  const membership = () => on('docker41', 'ip -o link show dev br0').catch(() => '');
  const flows = async () => (await on('docker41', 'ovs-ofctl dump-flows br0').catch(() => '')).match(/drop/g)?.length;

  async function isBack(): Promise<void> {
    await expect.poll(membership, soon).toContain('master docker0');
    await expect.poll(flows, soon).toBe(3);
    await expect.poll(peer, soon).toBe(1);
    expect(await on('docker41', 'ip -o link show dev docker0')).toContain(' mtu 1462 ');
    expect(await on('docker41', 'ip -6 -o addr show dev br0')).toBe('');
    await expect.poll(() => on('docker41', 'systemctl is-active mesh || :'), soon).toBe('active\n');
  }

  it('is back after Docker was stopped and started', async () => {
    await on('docker41', 'systemctl stop docker');
    await on('docker41', 'systemctl start docker');
    await isBack();
  });

  it('is back after Open vSwitch was restarted', async () => {
    await on('docker41', 'systemctl restart openvswitch-switch');
    await isBack();
  });

  it('does not start a Docker that somebody stopped, and is back when they start it', async () => {
    await on('docker41', 'systemctl stop docker');
    await on('docker41', 'systemctl restart openvswitch-switch');
    const state = () => on('docker41', 'systemctl show -P ActiveState mesh; systemctl show -P SubState mesh');
    await expect.poll(state, soon).toBe('failed\nfailed\n');
    expect(await on('docker41', 'systemctl is-active docker || :')).toBe('inactive\n');
    expect(await on('docker41', 'journalctl -u mesh -n 5 --no-pager')).toContain('done again when it starts');
    await on('docker41', 'systemctl start docker');
    await isBack();
  });

  it('takes br0 out of docker0 while a container holds an address outside its slice, and puts it back after', async () => {
    const settings = await on('docker41', 'cat /etc/docker/daemon.json');
    await on('docker41', `sed -i 's,172.17.41.0/24,172.17.99.0/24,' /etc/docker/daemon.json; systemctl restart docker`);
    await expect.poll(() => on('docker41', 'systemctl show -P ActiveState mesh'), soon).toBe('failed\n');
    expect(await membership()).not.toContain('master docker0');
    expect(await on('docker41', 'journalctl -u mesh -n 5 --no-pager')).toMatch(/a container has 172\.17\.99\.\d+/);
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes', '--restart-docker');
    expect(code, stdout + stderr).toBe(0);
    expect(await on('docker41', 'cat /etc/docker/daemon.json')).toBe(settings);
    await isBack();
  });

  it('is back after a reboot of the host, without mesh', async () => {
    await lab.reboot('docker41');
    await isBack();
    const { events } = await meshEvents('deploy', inventory, '--yes');
    expect(events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
    expect(await readFile(join(lab.folder, 'flat.lock'), 'utf8')).toContain('docker41: 172.17.41.0/24');
  });
});
