import type { HostFacts } from '../../facts/types.js';
import { fatesOfRestart, fatesOfStop } from '../docker-daemon/fates.js';
import {
  dockerStarts,
  removeLink,
  removeService,
  setBridgeAddresses,
  setOpenvSwitch,
  setService,
} from '../facts-edit-host.js';
import type { ContainerFate } from '../types.js';

/** What is known of a package beside that it is installed: how the host looks afterwards. */
interface KnownPackage {
  readonly installed: (facts: HostFacts, version: string | null) => HostFacts;
  readonly removed: (facts: HostFacts) => HostFacts;
  /** Shell text after its removal: what its own scripts leave running or standing. */
  readonly afterRemoval?: string;
  readonly note?: string;
  /** How containers fare when it is removed, and when another version takes its place. */
  readonly fates?: Readonly<Record<'removed' | 'exchanged', (facts: HostFacts) => readonly ContainerFate[]>>;
}

const RUNNING = { load: 'loaded', active: 'active', enabled: 'enabled' } as const;

/** Debian's policy starts and enables the services of a package as it is installed; on the Red Hat side nobody does. */
function services(names: readonly string[], facts: HostFacts): HostFacts {
  const deb = facts.system.known && facts.system.value.packageFormat === 'deb';
  const state = deb ? RUNNING : { load: 'loaded', active: 'inactive', enabled: 'disabled' };
  return names.reduce((seen, name) => setService(seen, name, state), facts);
}

function openvSwitch(names: readonly string[]): KnownPackage {
  return {
    installed: (facts, version) => {
      const deb = facts.system.known && facts.system.value.packageFormat === 'deb';
      const bridges = facts.openvswitch.known ? facts.openvswitch.value.bridges : [];
      return setOpenvSwitch(services(names, facts), { installed: true, running: deb, version, bridges });
    },
    removed: (facts) =>
      setOpenvSwitch(names.reduce(removeService, facts), {
        installed: false,
        running: false,
        version: null,
        bridges: [],
      }),
  };
}

/** What the kernel filters then, nobody can say before: it is empty on a host that had no iptables. */
function bringIptables(facts: HostFacts): HostFacts {
  if (!facts.iptables.known || facts.iptables.value.installed) return facts;
  return { ...facts, iptables: { known: true, value: { installed: true, policies: {}, rules: [] } } };
}

const DOCKER_SERVICES = ['docker', 'docker.service'] as const;

const docker: KnownPackage = {
  installed: (facts, version) => {
    // Every package of Docker's depends on iptables.
    const seen = services(DOCKER_SERVICES, bringIptables(facts));
    const before = facts.docker.known ? facts.docker.value : undefined;
    if (before?.installed) return seen;
    const running = facts.system.known && facts.system.value.packageFormat === 'deb';
    const made: HostFacts = {
      ...seen,
      docker: {
        known: true,
        value: {
          installed: true,
          running,
          version,
          flags: [],
          flavour: 'engine',
          liveRestore: false,
          swarm: false,
          networks: running
            ? [
                {
                  name: 'bridge',
                  driver: 'bridge',
                  subnets: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1', range: null }],
                  options: {
                    'com.docker.network.bridge.name': 'docker0',
                    'com.docker.network.driver.mtu': '1500',
                  },
                },
                { name: 'host', driver: 'host', subnets: [], options: {} },
                { name: 'none', driver: 'null', subnets: [], options: {} },
              ]
            : [],
          containers: [],
        },
      },
    };
    if (!running) return made;
    return dockerStarts(setBridgeAddresses(made, 'docker0', ['172.17.0.1/16'], ['172.17.0.0/16']));
  },
  removed: (facts) => {
    const gone = removeLink(DOCKER_SERVICES.reduce<HostFacts>(removeService, facts), 'docker0');
    const value = {
      installed: false,
      running: false,
      version: null,
      flags: [],
      flavour: 'engine',
      liveRestore: false,
      swarm: false,
      networks: [],
      containers: [],
    } as const;
    return { ...gone, docker: { known: true, value } };
  },
  fates: { removed: fatesOfStop, exchanged: (facts) => fatesOfRestart(facts, false) },
  afterRemoval: 'ip link delete docker0 2>/dev/null || :',
  note: 'images and volumes in /var/lib/docker stay (`apt-get purge docker.io` would delete them), and Docker’s iptables chains stay until the next boot',
};

const iptables: KnownPackage = { installed: bringIptables, removed: (facts) => facts };

const ovs = openvSwitch(['openvswitch-switch', 'openvswitch-switch.service', 'ovs-vswitchd', 'ovsdb-server']);
const ovsRpm = openvSwitch(['openvswitch', 'openvswitch.service', 'ovs-vswitchd', 'ovsdb-server']);

/** The packages of which mesh knows what they bring. */
export const knownPackages: ReadonlyMap<string, KnownPackage> = new Map([
  ['openvswitch-switch', ovs],
  ['openvswitch', ovsRpm],
  ...['openvswitch2.17', 'openvswitch3.1', 'openvswitch3.3', 'openvswitch3.5'].map((name) => [name, ovsRpm] as const),
  ['docker.io', docker],
  ['docker-ce', docker],
  ['docker', docker],
  ['moby-engine', docker],
  ['iptables', iptables],
  ['iptables-nft', iptables],
]);

/** A package that mesh knows nothing of may bring any service: those that were not found are then to be seen. */
export function maybeServices(facts: HostFacts): HostFacts {
  const services = Object.entries(facts.services).map(([name, fact]) => {
    const missing = fact.known && fact.value.load === 'not-found';
    return [name, missing ? { known: true as const, value: { ...fact.value, load: 'pending' } } : fact] as const;
  });
  return { ...facts, services: Object.fromEntries(services) };
}
