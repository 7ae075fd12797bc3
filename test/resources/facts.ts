import type { HostFacts, Link, OvsBridge, OvsInterface, OvsPort } from '../../src/facts/types.js';
import type { Change, Diff, Resource } from '../../src/resources/types.js';

/** Facts for tests: a fresh host with Docker and Open vSwitch and nothing of mesh's, changed by what is given. */
export function hostFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    host: 'docker41',
    tookMs: 40,
    system: known({
      hostname: 'docker41',
      machineId: '4e0c1c0f6cf04c6c9d3b1b7f0f3a4141',
      bootId: '00000000-0000-4000-8000-000000000041',
      kernel: '6.1.0-18-amd64',
      architecture: 'x86_64',
      osId: 'debian',
      osLike: [],
      osVersion: '12',
      osName: 'Debian GNU/Linux 12 (bookworm)',
      packageFormat: 'deb',
      init: 'systemd',
      clock: 1_700_000_000,
      uptimeSeconds: 3600,
      memoryBytes: 1 << 30,
      diskFreeBytes: 10 * 2 ** 30,
      modules: ['openvswitch', 'vport_gre', 'ip_gre'],
      sshClient: '192.168.199.1',
      nameservers: [],
      actors: [],
    }),
    links: known([
      aLink('lo', { mtu: 65536, kind: null }, 1),
      aLink('eth0', {}, 2),
      aLink('docker0', { kind: 'bridge' }, 3),
    ]),
    addresses: known([
      { link: 'lo', family: 4, address: '127.0.0.1', prefix: 8, scope: 'host' },
      { link: 'eth0', family: 4, address: '192.168.199.41', prefix: 24, scope: 'global' },
      { link: 'docker0', family: 4, address: '172.17.0.1', prefix: 16, scope: 'global' },
    ]),
    routes: known([
      { to: 'default', via: '192.168.199.1', link: 'eth0', source: null, protocol: 'static', metric: null },
      { to: '192.168.199.0/24', via: null, link: 'eth0', source: '192.168.199.41', protocol: 'kernel', metric: null },
      { to: '172.17.0.0/16', via: null, link: 'docker0', source: '172.17.0.1', protocol: 'kernel', metric: null },
    ]),
    openvswitch: known({ installed: true, running: true, version: '3.1.0', bridges: [] }),
    docker: known({
      installed: true,
      running: true,
      version: '20.10.24',
      flags: ['/usr/sbin/dockerd', '-H', 'fd://'],
      flavour: 'engine',
      liveRestore: false,
      swarm: false,
      networks: [
        {
          name: 'bridge',
          driver: 'bridge',
          subnets: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1', range: null }],
          options: { 'com.docker.network.bridge.name': 'docker0' },
        },
      ],
      containers: [],
    }),
    iptables: known({
      installed: true,
      policies: {
        'filter/INPUT': 'ACCEPT',
        'filter/FORWARD': 'DROP',
        'filter/OUTPUT': 'ACCEPT',
        'filter/DOCKER-USER': '-',
      },
      rules: ['filter -A FORWARD -j DOCKER-USER', 'filter -A DOCKER-USER -j RETURN'],
    }),
    packages: {},
    services: {},
    files: {},
    sysctls: { 'net.ipv6.conf.br0.disable_ipv6': known(null) },
    checks: {},
    packaging: known({ openvswitch: null, selinux: false, builds: {} }),
    mesh: known({ records: {}, lastRun: null, lock: null }),
    ...changes,
  };
}

export function known<T>(value: T): { readonly known: true; readonly value: T } {
  return { known: true, value };
}

export const unknown = { known: false, why: 'the command was not allowed' } as const;

export function aLink(name: string, changes: Partial<Link> = {}, index = 9): Link {
  return { name, index, mac: null, mtu: 1500, up: true, master: null, kind: 'veth', ...changes };
}

export function anInterface(name: string, changes: Partial<OvsInterface> = {}): OvsInterface {
  return { name, type: '', options: {}, mtuRequest: null, error: null, externalIds: {}, ...changes };
}

export function aPort(name: string, changes: Partial<OvsPort> = {}): OvsPort {
  return { name, protected: false, tag: null, externalIds: {}, interfaces: [anInterface(name)], ...changes };
}

/** A bridge of Open vSwitch that somebody made with add-br alone. */
export function aBridge(name: string, changes: Partial<OvsBridge> = {}): OvsBridge {
  return {
    name,
    datapath: 'system',
    failMode: null,
    controllers: [],
    protocols: [],
    stp: false,
    rstp: false,
    externalIds: {},
    otherConfig: {},
    ports: [aPort(name, { interfaces: [anInterface(name, { type: 'internal' })] })],
    flows: known(['cookie=0x0, table=0, priority=0 actions=NORMAL']),
    ...changes,
  };
}

/** The facts with these bridges of Open vSwitch, their devices included. */
export function withBridges(facts: HostFacts, ...bridges: readonly OvsBridge[]): HostFacts {
  const links = facts.links.known ? facts.links.value : [];
  const made = bridges
    .filter((bridge) => !links.some((link) => link.name === bridge.name))
    .map((bridge, at) => aLink(bridge.name, { kind: bridge.datapath === 'netdev' ? 'tun' : 'openvswitch' }, 20 + at));
  return {
    ...facts,
    links: known([...links, ...made]),
    openvswitch: known({ installed: true, running: true, version: '3.1.0', bridges }),
  };
}

/** The facts with former values on the host. */
export function withFormer(facts: HostFacts, records: Readonly<Record<string, unknown>>): HostFacts {
  return { ...facts, mesh: known({ records, lastRun: null, lock: null }) };
}

/** What a resource plans for parameters as a playbook would give them. */
export function plan<P>(resource: Resource<P>, params: unknown, facts: HostFacts): Diff {
  return resource.diff(resource.schema.parse(params), facts);
}

/** The changes of a diff that must have some answer. */
export function changesOf(diff: Diff): readonly Change[] {
  if (diff.kind === 'changes') return diff.changes;
  throw new Error(diff.kind === 'refused' ? diff.sentence : `${diff.what}: ${diff.why}`);
}

/** The facts after all changes of a diff. */
export function applied(diff: Diff, facts: HostFacts): HostFacts {
  return changesOf(diff).reduce((now, change) => change.effect(now), facts);
}

/** Every shell text of a change: command, undo and guard. */
export function shellTexts(change: Change): readonly string[] {
  return [
    change.command,
    ...('command' in change.undo ? [change.undo.command] : []),
    ...(change.guard === undefined ? [] : [change.guard]),
  ];
}

/** Messages of a schema's refusal; empty where it takes the parameters. */
export function complaints<P>(resource: Resource<P>, params: unknown): readonly string[] {
  const parsed = resource.schema.safeParse(params);
  return parsed.success ? [] : parsed.error.issues.map((issue) => issue.message);
}
