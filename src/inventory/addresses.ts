import { isIPv6 } from 'node:net';
import {
  type Cidr,
  containsAddress,
  formatCidr,
  parseAddress,
  parseCidr,
  parseInterface,
  sizeOf,
} from '../network/address.js';
import type { Complaints } from './complaints.js';
import { lineFrom, named, placeOf, sharing, verb } from './places.js';
import type { Host } from './types.js';

const SSH = ['ansible_ssh_host', 'ansible_host'];
const UNDERLAY = ['mesh_underlay_address', ...SSH];

/** Complains of hosts that SSH would reach at one place, and returns all but the first of each such place. */
export function checkSshAddresses(hosts: readonly Host[], complaints: Complaints): Set<Host> {
  const clashes = sharing(
    hosts,
    ({ connection: { host, port = 22, proxyJump } }) => JSON.stringify([host.toLowerCase(), port, proxyJump]),
    (host) => placeOf(host, ...SSH),
  );
  for (const { first, others, at } of clashes) {
    const { host, port = 22 } = first.connection;
    const where = lineFrom(placeOf(first, ...SSH), at);
    const message = `${named(others)} ${verb(others, 'is', 'are')} reached at ${host} port ${port}, as ${first.name} is (${where})`;
    complaints.fault(message, at, 'give each host its own ansible_host or ansible_port');
  }
  return new Set(clashes.flatMap(({ others }) => others));
}

/**
 * Complains of underlay addresses that no tunnel can end at: IPv6, shared, inside the container network, not a host's.
 * `addressOf` gives a host's address, or its name where that is not resolved yet.
 */
export function checkUnderlays(
  hosts: readonly Host[],
  addressOf: (host: Host) => string,
  complaints: Complaints,
): void {
  const place = (host: Host) => placeOf(host, ...UNDERLAY);
  const shown = (host: Host) => {
    const [address, written] = [addressOf(host), host.mesh.underlayAddress];
    return address === written ? address : `${address} (${written})`;
  };
  for (const host of hosts) {
    if (isIPv6(addressOf(host).replace(/^\[|\]$|%.*$/g, ''))) {
      const message = `the underlay address of ${host.name} is IPv6 (${shown(host)}); gre, vxlan and geneve tunnels of mesh run over IPv4 only`;
      const fix = 'set mesh_underlay_address to an IPv4 address of the host; SSH may go on using IPv6';
      complaints.fault(message, place(host), fix);
    } else if (!canEndTunnel(addressOf(host))) {
      const message = `${shown(host)} cannot be the underlay address of ${host.name}: no tunnel can end there`;
      const fix = 'set mesh_underlay_address to the address by which the other hosts reach this one';
      complaints.fault(message, place(host), fix);
    }
  }
  for (const { first, others, at } of sharing(hosts, (host) => addressOf(host).toLowerCase(), place)) {
    const where = lineFrom(place(first), at);
    const message = `${named(others)} ${verb(others, 'has', 'have')} the underlay address ${shown(first)}, as ${first.name} has (${where})`;
    complaints.fault(message, at, 'give each host its own mesh_underlay_address');
  }
  hidden(hosts, addressOf, complaints);
}

/** A container network that holds an underlay address would be reached through docker0, and the tunnels not at all. */
function hidden(hosts: readonly Host[], addressOf: (host: Host) => string, complaints: Complaints): void {
  const inside = hosts.filter((host) => {
    const [cidr, address] = [parseCidr(host.mesh.cidr), parseAddress(addressOf(host))];
    return cidr !== undefined && address !== undefined && containsAddress(cidr, address);
  });
  const [first] = inside;
  const cidr = parseCidr(first?.mesh.cidr ?? '');
  if (!first || !cidr) return;
  const more = inside.length > 1 ? `, and of ${inside.length - 1} more,` : '';
  const message = `the underlay address ${addressOf(first)} of ${first.name}${more} is inside mesh_cidr ${first.mesh.cidr}: containers would hide it`;
  const fix = `choose a mesh_cidr that no host has an address in, such as ${otherCidr(hosts.map(addressOf), cidr)}`;
  complaints.fault(message, placeOf(first, 'mesh_cidr', ...UNDERLAY), fix);
}

/** A private network of the same size that holds none of the addresses. */
function otherCidr(addresses: readonly string[], cidr: Cidr): string {
  const used = addresses.map((address) => parseAddress(address) ?? -1);
  const free = ['172.17.0.0/16', '172.18.0.0/16', '10.172.0.0/16', '10.200.0.0/16', '192.168.0.0/16']
    .flatMap((text) => parseInterface(text)?.address ?? [])
    .map((base) => ({ base: base - (base % sizeOf(cidr.prefix)), prefix: cidr.prefix }))
    .find((candidate) => !used.some((address) => containsAddress(candidate, address)));
  return free ? formatCidr(free) : '100.64.0.0/16';
}

/** Names pass. Refused are 0.0.0.0/8, loopback, and what lies above the unicast addresses (RFC 6890, RFC 5771). */
function canEndTunnel(text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return true;
  return address >= 0x01000000 && address < 0xe0000000 && Math.floor(address / 2 ** 24) !== 127;
}
