import { describe, expect, it } from 'vitest';
import { preflight } from '../../src/network/preflight.js';
import { type MemberOptions, member } from './members.js';

function findings(...members: MemberOptions[]) {
  return preflight({ members: members.map(member), lockedMtu: 1462 }).map(({ host, code, severity }) =>
    [severity, code, host].filter(Boolean).join(' '),
  );
}

describe('preflight', () => {
  it('has nothing to say about two sound hosts', () => {
    expect(
      findings({ number: 41, mesh: { datapath: 'system' } }, { number: 42, mesh: { datapath: 'system' } }),
    ).toEqual([]);
  });

  it('notes that one host has no tunnels', () => {
    expect(findings({ mesh: { datapath: 'system' } })).toEqual(['note one-host']);
  });

  it.each<[string, MemberOptions, string]>([
    ['the underlay address is elsewhere', { address: '10.0.0.5' }, 'refuse underlay-not-on-host docker41'],
    ['the kernel has no GRE', { system: { modules: ['openvswitch'] } }, 'refuse kernel-without-tunnels docker41'],
    ['the underlay is smaller than the mesh', { linkMtu: 1400 }, 'refuse underlay-too-small docker41'],
    ['there is no systemd', { system: { init: 'other' } }, 'refuse no-systemd docker41'],
    ['Open vSwitch shall be built', { mesh: { ovsSource: 'build' } }, 'refuse no-source docker41'],
    [
      'Open vSwitch is missing and no package can bring it',
      {
        system: { packageFormat: 'rpm', osName: 'CentOS Stream 9' },
        facts: {
          openvswitch: { known: true, value: { installed: false, running: false, version: null, bridges: [] } },
        },
      },
      'refuse no-source docker41',
    ],
    [
      'the answer of Open vSwitch is unknown',
      { facts: { openvswitch: { known: false, why: 'timed out' } } },
      'refuse openvswitch-unknown docker41',
    ],
    [
      'another link takes a part of the network',
      {
        facts: {
          routes: {
            known: true,
            value: [{ to: '172.17.99.0/24', via: null, link: 'tun0', source: null, protocol: null, metric: null }],
          },
        },
      },
      'warn route-in-cidr docker41',
    ],
  ])('finds that %s', (_, options, wanted) => {
    const first = { ...options, mesh: { datapath: 'system' as const, ...options.mesh } };
    expect(findings(first, { number: 42, mesh: { datapath: 'system' } })).toEqual([wanted]);
  });

  it('warns of a network on the host that holds the whole mesh_cidr, but not of the default route', () => {
    const route = { via: null, link: 'eth0', source: null, protocol: null, metric: null };
    const routes = {
      known: true as const,
      value: [
        { ...route, to: '172.16.0.0/12' },
        { ...route, to: 'default' },
      ],
    };
    expect(
      findings({ mesh: { datapath: 'system' }, facts: { routes } }, { number: 42, mesh: { datapath: 'system' } }),
    ).toEqual(['warn cidr-in-network docker41']);
  });

  it('refuses a mesh that would hide the person from the host, and warns of hidden name servers', () => {
    const system = { sshClient: '172.17.3.4', nameservers: ['172.17.0.53', '192.168.199.1', 'fe80::1'] };
    const mesh = { datapath: 'system' as const };
    const other = { number: 42, mesh };
    expect(findings({ mesh, system }, other)).toEqual([
      'refuse laptop-in-cidr docker41',
      'warn nameserver-in-cidr docker41',
    ]);
    const route = { to: '172.17.0.0/16', via: null, link: 'docker0', source: null, protocol: null, metric: null };
    const routes = { known: true as const, value: [route] };
    expect(findings({ mesh, system, facts: { routes } }, other)).toEqual([]);
  });

  it('warns where hosts are told different MTUs', () => {
    const mesh = { datapath: 'system' as const };
    expect(findings({ mesh: { ...mesh, mtu: 1400 } }, { number: 42, mesh: { ...mesh, mtu: 1300 } })).toEqual([
      'warn different-mtus',
    ]);
  });

  it('finds clones by their machine-id', () => {
    const same = { system: { machineId: 'one' }, mesh: { datapath: 'system' as const } };
    expect(findings({ number: 41, ...same }, { number: 42, ...same })).toEqual([
      'warn same-machine-id docker41',
      'warn same-machine-id docker42',
    ]);
  });

  it('warns of host names that two hosts share', () => {
    const same = { system: { hostname: 'localhost' }, mesh: { datapath: 'system' as const } };
    expect(findings({ number: 41, ...same }, { number: 42, ...same })).toEqual([
      'warn same-hostname docker41',
      'warn same-hostname docker42',
    ]);
  });

  it('finds the one clock that is off', () => {
    const at = (number: number, clock: number) => ({
      number,
      system: { clock },
      mesh: { datapath: 'system' as const },
    });
    expect(findings(at(41, 1000), at(42, 1003), at(43, 90_000))).toEqual(['warn clock-off docker43']);
    expect(findings(at(41, 1000), at(42, 1030), at(43, 1059))).toEqual([]);
  });

  it.each<[string, MemberOptions, string[]]>([
    ['the disk is full', { system: { diskFreeBytes: 3e6 } }, ['refuse disk-full docker41']],
    ['the disk is nearly full', { system: { diskFreeBytes: 300e6 } }, ['warn disk-scarce docker41']],
    [
      'it is in a Kubernetes cluster',
      { system: { actors: ['NetworkManager', 'k3s-agent'] } },
      ['warn kubernetes docker41'],
    ],
    ['it is in a swarm', { docker: { swarm: true } }, ['warn swarm docker41']],
    ['its Docker is old', { docker: { version: '1.13.1' } }, ['warn docker-old docker41']],
    ['its Docker is old enough', { docker: { version: '17.06.2-ce' } }, []],
    ['its Docker is new', { docker: { version: '28.2.2' } }, []],
  ])('looks around: %s', (_, options, wanted) => {
    const first = { ...options, mesh: { datapath: 'system' as const } };
    expect(findings(first, { number: 42, mesh: { datapath: 'system' } })).toEqual(wanted);
  });

  it('warns where the userspace datapath cannot reach the underlay', () => {
    expect(findings({ number: 41 }, { number: 42 })).toEqual([
      'warn netdev-underlay docker41',
      'warn netdev-underlay docker42',
    ]);
  });

  it('says what to type where firewalld rules', () => {
    const system = { actors: ['firewalld'] };
    const members = [member({ number: 41, system, mesh: { datapath: 'system' } }), member({ number: 42 })];
    const found = preflight({ members, lockedMtu: 1462 }).find(({ code }) => code === 'firewalld');
    expect(found).toMatchObject({ host: 'docker41', severity: 'warn' });
    expect(found?.fix).toBe(
      "firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=192.168.199.42/32 protocol value=gre accept'; firewall-cmd --reload",
    );
  });

  it('says what to do about everything that it refuses', () => {
    const found = preflight({ members: [member({ address: '10.0.0.5', system: { init: 'other' } })] });
    for (const { severity, fix } of found) if (severity === 'refuse') expect(fix).toBeTruthy();
  });
});
