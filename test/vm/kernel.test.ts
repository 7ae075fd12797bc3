import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { pings, removeContainers, runContainers, shell } from '../e2e/hosts.js';
import { sharedLab } from '../e2e/lab.js';
import { mesh, meshEvents } from '../e2e/mesh.js';
import { forgedOn, forgeFrom } from './forge.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
let base = '';

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'vm.yml');
  base = await readFile(lab.inventoryFile, 'utf8');
});
afterAll(async () => {
  for (const host of ['docker41', 'docker42']) await removeContainers(lab, host);
  const { code, stdout, stderr } = await mesh('teardown', inventory, '--yes', '--restart-docker');
  expect(code, stdout + stderr).toBe(0);
});

async function settings(values: Readonly<Record<string, string | number | boolean>>): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) => `    ${name}: ${value}\n`);
  await writeFile(inventory, base + lines.join(''));
}

/** Deploys, and expects every pair to be proven. Resolves to the number of changes. */
async function deployed(): Promise<number> {
  const { code, events } = await meshEvents('deploy', inventory, '--yes', '--restart-docker');
  const probes = events.filter((event) => event.kind === 'probe');
  expect(probes.filter(({ state }) => state !== 'pass')).toEqual([]);
  expect(new Set(probes.map(({ from, to }) => `${from} ${to}`)).size).toBe(2);
  expect(code, JSON.stringify(events.at(-1))).toBe(0);
  const ended = events.at(-1);
  return ended?.kind === 'run.ended' ? ended.changed : -1;
}

/** Both directions between docker0 and docker0; a host that has just booted may need a moment. */
async function allPairs(): Promise<void> {
  await expect.poll(() => pings(lab, 'docker41', '172.17.42.1'), { timeout: 120_000 }).toBe(3);
  await expect.poll(() => pings(lab, 'docker42', '172.17.41.1'), { timeout: 120_000 }).toBe(3);
}

/** Whether sshd greets a container of docker41 at an address. */
async function greets(address: string): Promise<boolean> {
  const ask = `exec 3<>/dev/tcp/${address}/22 && read -r -N 4 said <&3 && [ "$said" = SSH- ]`;
  const { code } = await lab.exec('docker41', ['docker', 'exec', 'guest', 'timeout', '10', '/bin/bash', '-c', ask]);
  return code === 0;
}

describe('a mesh on the kernel’s datapath', () => {
  it('is made of the kernel’s GRE and proven, and not changed the second time', async () => {
    await settings({});
    await deployed();
    expect(await shell(lab, 'docker41', 'ovs-dpctl show')).toMatch(/^system@ovs-system:[\s\S]*gre_sys \(gre/);
    const capture = await lab.capture('proto gre');
    await allPairs();
    expect((await capture.stop()).length).toBeGreaterThanOrEqual(12);
    expect(await deployed()).toBe(0);
  });

  it('sends from the underlay address where the kernel would choose another', async () => {
    await shell(
      lab,
      'docker41',
      `ip address add 192.168.199.141/24 dev eth0
ip route replace 192.168.199.42/32 dev eth0 src 192.168.199.141`,
    );
    const sources = async () => {
      const capture = await lab.capture('proto gre and dst 192.168.199.42');
      await pings(lab, 'docker41', '172.17.42.1');
      return [
        ...new Set((await capture.stop()).map((line) => / (192[.\d]+) > 192\.168\.199\.42: GRE/.exec(line)?.[1])),
      ];
    };
    try {
      expect(await sources()).toEqual(['192.168.199.41']);
      // Without local_ip it is the other one: so this test can fail.
      await shell(lab, 'docker41', 'ovs-vsctl remove interface gre-docker42 options local_ip');
      expect(await sources()).toEqual(['192.168.199.141']);
    } finally {
      await shell(
        lab,
        'docker41',
        `ovs-vsctl set interface gre-docker42 options:local_ip=192.168.199.41
ip route delete 192.168.199.42/32 dev eth0
ip address delete 192.168.199.141/24 dev eth0`,
      );
    }
    await allPairs();
  });

  it('lets no container of another host reach a host but by pings, unless mesh_open_hosts says so', async () => {
    await runContainers(lab, 'docker41', { guest: '--network bridge' });
    expect(await pings(lab, 'docker41', '172.17.42.1', 3, 'guest')).toBe(3);
    expect(await greets('172.17.42.1')).toBe(false);
    expect(await greets('172.17.41.1')).toBe(true);
    await settings({ mesh_open_hosts: true });
    await deployed();
    expect(await greets('172.17.42.1')).toBe(true);
    await settings({});
    await deployed();
    expect(await greets('172.17.42.1')).toBe(false);
  });

  it('lets no container send packets of a tunnel, to a peer or to its own host', async () => {
    const toPeer = () => forgedOn(lab, 'docker42', () => forgeFrom(lab, 'docker41', 'guest', '192.168.199.42'));
    const toOwn = () =>
      forgedOn(lab, 'docker41', () => forgeFrom(lab, 'docker41', 'guest', '192.168.199.41', '192.168.199.42'));
    expect(await toPeer()).toBe(0);
    expect(await toOwn()).toBe(0);
    // Without the rules they arrive: so this test can fail.
    const rule = (command: string) => `iptables -w ${command} -p gre -m comment --comment mesh -j DROP`;
    await shell(lab, 'docker41', rule('-D DOCKER-USER'));
    await shell(lab, 'docker41', rule('-D INPUT -i docker0'));
    await shell(lab, 'docker41', 'iptables -w -I INPUT -i docker0 -p gre -j ACCEPT');
    try {
      expect(await toPeer()).toBe(3);
      expect(await toOwn()).toBe(3);
    } finally {
      await shell(lab, 'docker41', 'iptables -w -D INPUT -i docker0 -p gre -j ACCEPT');
      await settings({});
      expect(await deployed()).toBeGreaterThan(0);
    }
    expect(await toPeer()).toBe(0);
  });
});

describe('a host with a firewall', () => {
  /** What an administrator's own rules are, put in at boot and at every reload. */
  const rules = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`;
  const unit = `[Unit]
Description=Rules of the administrator
DefaultDependencies=no
After=local-fs.target
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/iptables-restore /etc/iptables.rules
ExecReload=/usr/sbin/iptables-restore /etc/iptables.rules

[Install]
WantedBy=multi-user.target
`;

  beforeAll(async () => {
    await shell(
      lab,
      'docker42',
      `cat >/etc/iptables.rules <<'RULES'
${rules}RULES
cat >/etc/systemd/system/netfilter-persistent.service <<'UNIT'
${unit}UNIT
systemctl daemon-reload
systemctl enable --now netfilter-persistent.service
systemctl restart docker.service`,
    );
  });
  afterAll(async () => {
    await shell(
      lab,
      'docker42',
      `systemctl disable netfilter-persistent.service
rm -f /etc/systemd/system/netfilter-persistent.service /etc/iptables.rules
systemctl daemon-reload
iptables -P INPUT ACCEPT
for rule in '-i lo' '-m conntrack --ctstate RELATED,ESTABLISHED' '-p tcp -m tcp --dport 22'; do iptables -D INPUT $rule -j ACCEPT; done`,
    );
  });

  /** Packets that the policy of docker42's INPUT dropped so far. */
  const dropped = async () =>
    Number(/policy DROP (\d+) packets/.exec(await shell(lab, 'docker42', 'iptables -w -L INPUT -n -v -x'))?.[1]);

  it('lets tunnels in from the peers, and from nobody else', async () => {
    await settings({});
    expect(await deployed()).toBeGreaterThan(0);
    expect(await shell(lab, 'docker42', 'iptables -w -S INPUT')).toMatch(
      /-A INPUT -s 192\.168\.199\.41\/32 ! -i docker0 -p (47|gre) -m comment --comment mesh -j ACCEPT/,
    );
    const before = await dropped();
    const stranger = ['ip', 'netns', 'exec', lab.laptop, 'ping', '-c', '3', '-i', '0.2', '-W', '1', '192.168.199.42'];
    const { run } = await import('../../src/lab/run.js');
    expect((await run(stranger)).code).not.toBe(0);
    expect(await dropped()).toBeGreaterThanOrEqual(before + 3);
  });

  it('still does after the administrator’s rules were loaded again, and after a reboot, with nothing deployed', async () => {
    await shell(lab, 'docker42', 'systemctl reload netfilter-persistent.service');
    await allPairs();
    await lab.reboot('docker42');
    await allPairs();
    const { code, stdout, stderr } = await mesh('plan', inventory, '--detailed-exitcode');
    expect(code, stdout + stderr).toBe(0);
  });
});

describe.each([
  ['vxlan', 4789],
  ['geneve', 6081],
])('a mesh of the kernel’s %s tunnels', (type, port) => {
  it('is proven over its UDP port', async () => {
    await settings({ mesh_tunnel_type: type, mesh_mtu: 1450 });
    await deployed();
    const capture = await lab.capture(`udp port ${port}`);
    await allPairs();
    expect((await capture.stop()).length).toBeGreaterThanOrEqual(12);
    expect(await deployed()).toBe(0);
  });
});

describe('a kernel without GRE', () => {
  const modules = '/lib/modules/$(uname -r)';

  it('is found before anything changes', async () => {
    await shell(
      lab,
      'docker42',
      `mv ${modules}/kernel/net/openvswitch/vport-gre.ko /root/
depmod
rmmod vport_gre 2>/dev/null || :`,
    );
    try {
      await settings({ mesh_mtu: 1450 });
      const before = await shell(lab, 'docker42', 'ovs-vsctl show');
      const { code, stdout, stderr } = await mesh('deploy', inventory, '--yes', '--limit', 'docker42');
      expect(stdout + stderr).toMatch(/docker42 +its kernel \S+ has no vport_gre/);
      expect(code).not.toBe(0);
      expect(await shell(lab, 'docker42', 'ovs-vsctl show')).toBe(before);
    } finally {
      await shell(lab, 'docker42', `mv /root/vport-gre.ko ${modules}/kernel/net/openvswitch/\ndepmod`);
    }
  });
});
