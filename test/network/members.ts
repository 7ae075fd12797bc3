import type { DockerFacts, HostFacts, Link, SystemFacts } from '../../src/facts/types.js';
import type { Host, MeshSettings } from '../../src/inventory/types.js';
import type { Member } from '../../src/network/desired.js';

export const settings: MeshSettings = {
  cidr: '172.17.0.0/16',
  slicePrefix: 24,
  underlayAddress: '192.168.199.41',
  addressing: 'flat',
  tunnelType: 'gre',
  bridge: 'br0',
  dockerBridge: 'docker0',
  datapath: 'netdev',
  topology: 'full',
  adopt: false,
  openHosts: false,
  ovsSource: 'auto',
  ovsFiles: [],
  ovsDowngrade: false,
};

const system: SystemFacts = {
  hostname: 'docker41',
  machineId: 'a',
  bootId: 'b',
  kernel: '6.1.0',
  architecture: 'x86_64',
  osId: 'debian',
  osLike: [],
  osVersion: '12',
  osName: 'Debian GNU/Linux 12 (bookworm)',
  packageFormat: 'deb',
  init: 'systemd',
  clock: 1,
  uptimeSeconds: 1,
  memoryBytes: 1,
  diskFreeBytes: 10e9,
  modules: ['openvswitch', 'vport_gre'],
  sshClient: '192.168.199.1',
  nameservers: [],
  actors: [],
};

const eth0: Link = { name: 'eth0', index: 2, mac: '02:00:00:00:00:01', mtu: 1500, up: true, master: null, kind: null };

export interface MemberOptions {
  readonly number?: number;
  readonly mesh?: Partial<MeshSettings>;
  readonly system?: Partial<SystemFacts>;
  readonly docker?: Partial<DockerFacts>;
  readonly linkMtu?: number;
  readonly address?: string;
  readonly facts?: Partial<HostFacts>;
  readonly absent?: boolean;
  readonly unseen?: boolean;
}

/** A member of a mesh at 192.168.199.N with Open vSwitch and Docker, for tests of the network's rules. */
export function member(options: MemberOptions = {}): Member {
  const number = options.number ?? 41;
  const name = `docker${number}`;
  const underlay = `192.168.199.${number}`;
  const host: Host = {
    name,
    at: { file: 'inventory.yml', line: number, column: 1 },
    groups: [],
    vars: new Map(),
    connection: { host: underlay, proxyJump: [], knownHostsFiles: [], become: { enabled: false, user: 'root' } },
    mesh: { ...settings, underlayAddress: underlay, ...options.mesh },
  };
  const facts: HostFacts = {
    host: name,
    tookMs: 1,
    system: { known: true, value: { ...system, machineId: name, hostname: name, ...options.system } },
    links: { known: true, value: [{ ...eth0, mtu: options.linkMtu ?? 1500 }] },
    addresses: {
      known: true,
      value: [{ link: 'eth0', family: 4, address: options.address ?? underlay, prefix: 24, scope: 'global' }],
    },
    routes: { known: true, value: [] },
    openvswitch: { known: true, value: { installed: true, running: true, version: '3.1.0', bridges: [] } },
    docker: {
      known: true,
      value: {
        installed: true,
        running: true,
        version: '20.10',
        flags: [],
        flavour: 'engine',
        liveRestore: false,
        swarm: false,
        networks: [],
        containers: [],
        ...options.docker,
      },
    },
    iptables: { known: true, value: { installed: true, policies: { 'filter/INPUT': 'ACCEPT' }, rules: [] } },
    packages: {},
    services: {},
    files: {},
    sysctls: {},
    checks: {},
    packaging: { known: true, value: { openvswitch: null, selinux: false, builds: {} } },
    mesh: { known: true, value: { records: {}, lastRun: null, lock: null } },
    ...options.facts,
  };
  return {
    host,
    underlay,
    slice: `172.17.${number}.0/24`,
    absent: options.absent ?? false,
    ...(options.unseen ? {} : { facts }),
  };
}
