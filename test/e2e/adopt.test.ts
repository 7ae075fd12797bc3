import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { pings, shell } from './hosts.js';
import { sharedLab } from './lab.js';
import { lastingFacts, mesh, meshEvents } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
const hosts = ['docker41', 'docker42', 'docker43'];
const on = (host: string, text: string) => shell(lab, host, text);

/** What people do by hand: docker0 anew with an address of its own, br0 with a tunnel to one other host, in docker0. */
const byHand = (own: number, other: number) => `
  ip link set docker0 down
  ip link delete docker0
  ovs-vsctl --if-exists del-br br0
  ip link add docker0 type bridge
  ip addr add 172.17.${own}.1/24 dev docker0
  ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev
  ovs-vsctl add-port br0 gre0 -- set interface gre0 type=gre options:remote_ip=192.168.199.${other}
  ip link set br0 master docker0
  ip link set docker0 up
  ip link set br0 up
  ip route add 172.17.0.0/16 dev docker0
  systemctl restart docker`;

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'adopt.yml');
  await writeFile(inventory, `${await readFile(lab.inventoryFile, 'utf8')}    mesh_adopt: true\n`);
  await on('docker41', byHand(41, 42));
  await on('docker42', byHand(42, 41));
  // Beside what the others have: a flow and a setting of somebody's; Docker neither runs nor starts at boot on the third.
  await on('docker42', 'ovs-ofctl -O OpenFlow13 add-flow br0 priority=7,udp,tp_dst=9,actions=drop');
  await on('docker42', `echo '{ "log-level": "warn" }' >/etc/docker/daemon.json; systemctl restart docker`);
  await on(
    'docker43',
    // Its own firewall rules stand in another order after a second start: compare like with like.
    `systemctl restart docker; systemctl disable docker openvswitch-switch
     systemctl stop docker.socket docker; ip link delete docker0`,
  );
});

afterAll(async () => {
  await mesh('teardown', inventory, '--yes');
  const fresh = `ovs-vsctl --if-exists del-br br0
    rm -f /etc/docker/daemon.json; systemctl stop docker.socket docker; ip link delete docker0 2>/dev/null || :
    rm -rf /var/lib/docker/network; systemctl enable docker openvswitch-switch; systemctl reset-failed docker
    systemctl start docker.socket docker`;
  await Promise.all(hosts.map((host) => on(host, fresh)));
});

describe('a mesh on hosts that were connected by hand', () => {
  it('takes over what is there, and gives it back as it was: bridge, ports, flows, docker0, services', async () => {
    const before = await lastingFacts(inventory);
    const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect(await pings(lab, 'docker41', '172.17.43.1')).toBe(3);
    expect(await on('docker41', 'ovs-vsctl list-ports br0')).toBe('gre-docker42\ngre-docker43\n');
    // An admin's own: it stays, though mesh made the file.
    await on('docker41', `sed -i 's/^{/{ "registry-mirrors": ["http:\\/\\/m"],/' /etc/docker/daemon.json`);
    const down = await meshEvents('teardown', inventory, '--yes');
    expect(down.code, JSON.stringify(down.events.slice(-5))).toBe(0);
    expect(await on('docker41', 'ovs-vsctl list-ports br0')).toBe('gre0\n');
    expect(await on('docker42', 'ovs-ofctl dump-flows br0')).toMatch(/priority=7,udp,tp_dst=9 actions=drop/);
    expect(await on('docker43', 'systemctl is-active docker docker.socket || :')).toBe('inactive\ninactive\n');
    expect(await on('docker41', 'cat /etc/docker/daemon.json')).toMatch(
      /^\{ "registry-mirrors": \["http:\/\/m"\]\s*\}\s*$/,
    );
    expect(await on('docker42', 'cat /etc/docker/daemon.json')).toBe('{ "log-level": "warn" }\n');
    expect(await lastingFacts(inventory)).toEqual(before);
    expect(await pings(lab, 'docker41', '172.17.43.1', 1)).toBe(0);
    const again = await meshEvents('teardown', inventory, '--yes');
    expect(again.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
  });
});
