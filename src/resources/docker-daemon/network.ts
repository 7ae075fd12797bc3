import ipaddr from 'ipaddr.js';
import type { DockerFacts, DockerNetwork } from '../../facts/types.js';
import type { Json, JsonObject } from './json-text.js';

/** Docker's default bridge network as its settings ask for it; undefined: they leave it to dockerd. */
export interface WantedNetwork {
  readonly subnet: string | undefined;
  readonly gateway: string | undefined;
  /** `null`: containers get addresses out of the whole subnet. */
  readonly range: string | null | undefined;
  readonly mtu: number | undefined;
}

/** The keys of daemon.json that shape the default bridge network. */
export const NETWORK_KEYS = ['bip', 'fixed-cidr', 'mtu'] as const;

export function wantedNetwork(settings: JsonObject): WantedNetwork {
  const { bip, mtu, 'fixed-cidr': fixed } = settings;
  const gateway = typeof bip === 'string' ? bip.split('/')[0] : undefined;
  return {
    subnet: typeof bip === 'string' ? subnetOf(bip) : undefined,
    gateway,
    range: typeof fixed === 'string' ? subnetOf(fixed) : gateway === undefined ? undefined : null,
    mtu: typeof mtu === 'number' ? mtu : undefined,
  };
}

/** The default bridge network: the one on `bridge`, else the one that is named so. */
export function bridgeNetwork(docker: DockerFacts, bridge: string): DockerNetwork | undefined {
  const on = (network: DockerNetwork) => network.options['com.docker.network.bridge.name'] === bridge;
  return docker.networks.find(on) ?? docker.networks.find((network) => network.name === 'bridge');
}

/** What the running network has otherwise than the settings want it, as words for people. */
export function networkDifferences(wanted: WantedNetwork, network: DockerNetwork | undefined): readonly string[] {
  const now = network?.subnets.find((subnet) => !subnet.subnet.includes(':'));
  const mtu = Number(network?.options['com.docker.network.driver.mtu'] ?? 1500);
  return [
    wanted.subnet !== undefined && wanted.subnet !== now?.subnet && `subnet ${wanted.subnet}`,
    wanted.gateway !== undefined && wanted.gateway !== now?.gateway && `address ${wanted.gateway}`,
    wanted.range !== undefined &&
      wanted.range !== (now?.range ?? null) &&
      (wanted.range === null ? 'containers in the whole subnet' : `containers in ${wanted.range}`),
    wanted.mtu !== undefined && wanted.mtu !== mtu && `MTU ${wanted.mtu}`,
  ].filter((part) => part !== false);
}

/** The network as dockerd makes it with these settings. */
export function networkAfter(network: DockerNetwork | undefined, wanted: WantedNetwork, bridge: string): DockerNetwork {
  const now = network?.subnets.find((subnet) => !subnet.subnet.includes(':'));
  const six = network?.subnets.filter((subnet) => subnet.subnet.includes(':')) ?? [];
  const subnet = wanted.subnet ?? now?.subnet ?? '172.17.0.0/16';
  const four = {
    subnet,
    gateway: wanted.gateway ?? now?.gateway ?? null,
    range: wanted.range === undefined ? (now?.range ?? null) : wanted.range,
  };
  const mtu = wanted.mtu === undefined ? {} : { 'com.docker.network.driver.mtu': String(wanted.mtu) };
  return {
    name: network?.name ?? 'bridge',
    driver: 'bridge',
    subnets: [four, ...six],
    options: { 'com.docker.network.bridge.name': bridge, ...network?.options, ...mtu },
  };
}

/** The networks of Docker's that share addresses with `cidr`, but for the default bridge network itself. */
export function overlapping(docker: DockerFacts, bridge: string, cidr: string): readonly string[] {
  const own = bridgeNetwork(docker, bridge);
  return docker.networks
    .filter((network) => network !== own)
    .flatMap((network) =>
      network.subnets.filter(({ subnet }) => overlaps(subnet, cidr)).map(({ subnet }) => `${network.name} (${subnet})`),
    );
}

/** `172.17.41.1/16` → `172.17.0.0/16`. The text itself where it is no IPv4 CIDR. */
export function subnetOf(cidr: string): string {
  if (!ipaddr.IPv4.isValidCIDR(cidr)) return cidr;
  return `${ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()}/${cidr.split('/')[1]}`;
}

/** Whether two IPv4 CIDRs have an address in common; false where one is not of IPv4. */
export function overlaps(one: string, other: string): boolean {
  if (!ipaddr.IPv4.isValidCIDR(one) || !ipaddr.IPv4.isValidCIDR(other)) return false;
  const [a, aBits] = ipaddr.IPv4.parseCIDR(one);
  const [b, bBits] = ipaddr.IPv4.parseCIDR(other);
  return a.match(b, Math.min(aBits, bBits));
}

/** What is wrong with a value that mesh understands; undefined: nothing, or mesh leaves the key to dockerd. */
export function wrongSetting(key: string, value: Json, settings: JsonObject): string | undefined {
  if (value === null) return undefined;
  if (key === 'mtu') {
    const good = typeof value === 'number' && Number.isInteger(value) && value >= 68 && value <= 65535;
    return good ? undefined : 'must be a whole number from 68 to 65535 (RFC 791), without quotes';
  }
  if (key === 'bip') {
    if (typeof value !== 'string' || !ipaddr.IPv4.isValidCIDR(value) || !value.includes('/')) {
      return 'must be docker0’s IPv4 address with its prefix, like 172.17.41.1/16';
    }
    const network = value.split('/')[0] === subnetOf(value).split('/')[0];
    return network
      ? `is the address of a network; docker0 needs one of a host in it, like ${firstHost(value)}`
      : undefined;
  }
  if (key !== 'fixed-cidr') return undefined;
  if (typeof value !== 'string' || !ipaddr.IPv4.isValidCIDR(value)) {
    return 'must be an IPv4 CIDR, like 172.17.41.0/24';
  }
  const { bip } = settings;
  const outside = typeof bip === 'string' && !within(value, bip);
  return outside ? `must lie within the network of bip (${subnetOf(bip)})` : undefined;
}

function within(inner: string, outer: string): boolean {
  return overlaps(inner, outer) && Number(inner.split('/')[1]) >= Number(outer.split('/')[1]);
}

function firstHost(cidr: string): string {
  const [address, bits] = subnetOf(cidr).split('/');
  const octets = (address ?? '').split('.');
  return `${[...octets.slice(0, 3), Number(octets[3]) + 1].join('.')}/${bits}`;
}
