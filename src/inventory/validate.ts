import { isIPv6 } from 'node:net';
import type { Position } from '../errors.js';
import {
  type Cidr,
  containsAddress,
  containsCidr,
  formatAddress,
  formatCidr,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
} from '../network/address.js';
import { allottable } from '../network/slices.js';
import type { Complaints } from './complaints.js';
import { didYouMean } from './nearest.js';
import type { Host, MeshSettings } from './types.js';

/** Complains about what is wrong only between the hosts that are meshed: addresses, slices, and settings that must agree. */
export function validateMesh(hosts: readonly Host[], every: readonly Host[], complaints: Complaints): void {
  agreements(hosts, complaints);
  const clashing = sshAddresses(hosts, complaints);
  underlays(hosts, clashing, complaints);
  const cidr = parseCidr(hosts[0]?.mesh.cidr ?? '');
  if (cidr && sliceSize(hosts, cidr, complaints)) slices(hosts, complaints);
  builders(hosts, every, complaints);
}

/** Where a setting of a host was written; where none of the names was, the host itself. */
function placeOf(host: Host, ...names: readonly string[]): Position {
  for (const name of names) {
    const at = host.vars.get(name)?.origin.at;
    if (at) return at;
  }
  return host.at;
}

function line(position: Position, from: Position): string {
  return position.file === from.file ? `line ${position.line}` : `${position.file}:${position.line}`;
}

const MUST_AGREE: readonly (readonly [string, (mesh: MeshSettings) => string | number | undefined])[] = [
  ['mesh_cidr', (mesh) => mesh.cidr],
  ['mesh_slice_prefix', (mesh) => mesh.slicePrefix],
  ['mesh_addressing', (mesh) => mesh.addressing],
  ['mesh_tunnel_type', (mesh) => mesh.tunnelType],
  ['mesh_tunnel_key', (mesh) => mesh.tunnelKey],
  ['mesh_topology', (mesh) => mesh.topology],
];

/** One mesh has one answer to these; the fault stands at the hosts that are fewer. */
function agreements(hosts: readonly Host[], complaints: Complaints): void {
  for (const [name, read] of MUST_AGREE) {
    const camps = new Map<string, Host[]>();
    for (const host of hosts) {
      const value = String(read(host.mesh) ?? 'none');
      camps.set(value, [...(camps.get(value) ?? []), host]);
    }
    const [most, ...others] = [...camps].sort((a, b) => b[1].length - a[1].length);
    for (const [value, members] of others) {
      const [member] = members;
      if (!member || !most) continue;
      const message = `${name} must be the same on every host: it is ${value} on ${names(members)}, and ${most[0]} on ${names(most[1])}`;
      const written = [...members, ...most[1]].find((host) => host.vars.get(name)?.origin.at) ?? member;
      complaints.fault(
        message,
        placeOf(written, name),
        `set ${name} once, in the vars of the group that holds all of them`,
      );
    }
  }
}

function names(hosts: readonly Host[]): string {
  const shown = hosts.slice(0, 3).map((host) => host.name);
  return hosts.length > 3 ? `${shown.join(', ')} and ${hosts.length - 3} more` : shown.join(' and ');
}

function sshAddresses(hosts: readonly Host[], complaints: Complaints): Set<string> {
  const seen = new Map<string, Host>();
  const clashing = new Set<string>();
  for (const host of hosts) {
    const { connection } = host;
    const port = connection.port ?? 22;
    const key = JSON.stringify([connection.host.toLowerCase(), port, connection.proxyJump]);
    const first = seen.get(key);
    if (!first) {
      seen.set(key, host);
      continue;
    }
    clashing.add(host.name);
    const at = placeOf(host, 'ansible_ssh_host', 'ansible_host');
    const other = line(placeOf(first, 'ansible_ssh_host', 'ansible_host'), at);
    const message = `${host.name} and ${first.name} (${other}) are both reached at ${connection.host} port ${port}`;
    complaints.fault(message, at, 'give each host its own ansible_host or ansible_port');
  }
  return clashing;
}

const UNDERLAY = ['mesh_underlay_address', 'ansible_ssh_host', 'ansible_host'];

function underlays(hosts: readonly Host[], clashing: ReadonlySet<string>, complaints: Complaints): void {
  const seen = new Map<string, Host>();
  for (const host of hosts) {
    const { underlayAddress: text, cidr: cidrText } = host.mesh;
    const at = placeOf(host, ...UNDERLAY);
    if (isIPv6(text.replace(/^\[|\]$|%.*$/g, ''))) {
      const message = `the underlay address of ${host.name} is IPv6 (${text}); gre, vxlan and geneve tunnels of mesh run over IPv4 only`;
      complaints.fault(
        message,
        at,
        'set mesh_underlay_address to an IPv4 address of the host; SSH may go on using IPv6',
      );
      continue;
    }
    const address = parseAddress(text);
    const first = seen.get(text.toLowerCase());
    if (first && !clashing.has(host.name)) {
      const message = `${host.name} and ${first.name} (${line(placeOf(first, ...UNDERLAY), at)}) have the same underlay address ${text}`;
      complaints.fault(message, at, 'give each host its own mesh_underlay_address');
    }
    if (!first) seen.set(text.toLowerCase(), host);
    if (address === undefined) continue;
    const cidr = parseCidr(cidrText);
    if (cidr && containsAddress(cidr, address)) {
      const message = `the underlay address ${text} of ${host.name} is inside mesh_cidr ${cidrText}: containers would hide it`;
      complaints.fault(
        message,
        at,
        `choose a mesh_cidr that no host has an address in, such as ${otherCidr(hosts, cidr)}`,
      );
    } else if (address >= 0xe0000000 || address < 0x01000000 || (address >= 0x7f000000 && address < 0x80000000)) {
      const message = `${text} cannot be the underlay address of ${host.name}: no tunnel can end there`;
      complaints.fault(message, at, 'set mesh_underlay_address to the address by which the other hosts reach this one');
    }
  }
}

/** A private network of the same size that holds no underlay address. */
function otherCidr(hosts: readonly Host[], cidr: Cidr): string {
  const used = hosts.map((host) => parseAddress(host.mesh.underlayAddress) ?? -1);
  const bases = ['172.17.0.0', '172.18.0.0', '10.172.0.0', '10.200.0.0', '192.168.0.0'].map(
    (text) => parseAddress(text) ?? 0,
  );
  const free = bases
    .map((base) => ({ base: base - (base % sizeOf(cidr.prefix)), prefix: cidr.prefix }))
    .find((candidate) => !used.some((address) => containsAddress(candidate, address)));
  return free ? formatCidr(free) : '100.64.0.0/16';
}

function sliceSize(hosts: readonly Host[], cidr: Cidr, complaints: Complaints): boolean {
  const [first] = hosts;
  if (!first) return false;
  const prefix = first.mesh.slicePrefix;
  const at = placeOf(first, 'mesh_slice_prefix', 'mesh_cidr');
  if (prefix < cidr.prefix + 2) {
    const message = `slices of /${prefix} do not fit into mesh_cidr ${formatCidr(cidr)}: its first and last slice are not used`;
    complaints.fault(
      message,
      at,
      `write "mesh_slice_prefix: ${Math.min(30, Math.max(24, cidr.prefix + 2))}", or a wider mesh_cidr`,
    );
    return false;
  }
  const room = allottable(cidr, prefix);
  if (hosts.length > room) {
    const needed = Math.ceil(Math.log2(hosts.length + 2));
    const message = `mesh_cidr ${formatCidr(cidr)} has room for ${room} slices of /${prefix}, and there are ${hosts.length} hosts`;
    const wider = Math.max(1, prefix - needed);
    const fix = `choose a mesh_cidr of /${wider} such as 10.0.0.0/${wider}, or "mesh_slice_prefix: ${cidr.prefix + needed}"`;
    complaints.fault(message, at, fix);
    return false;
  }
  return true;
}

function slices(hosts: readonly Host[], complaints: Complaints): void {
  const given: { host: Host; slice: Cidr; at: Position }[] = [];
  for (const host of hosts) {
    const { slice: text, cidr: cidrText, slicePrefix } = host.mesh;
    const slice = parseCidr(text ?? '');
    const cidr = parseCidr(cidrText);
    if (!slice || !cidr || text === undefined) continue;
    const at = placeOf(host, 'mesh_slice');
    const last = cidr.base + sizeOf(cidr.prefix) - 1;
    const example = formatCidr({ base: cidr.base + 41 * sizeOf(slicePrefix), prefix: slicePrefix });
    if (slice.prefix !== slicePrefix) {
      const message = `mesh_slice ${text} of ${host.name} is a /${slice.prefix}, and mesh_slice_prefix is ${slicePrefix}`;
      complaints.fault(message, at, `write a /${slicePrefix}, or set mesh_slice_prefix for all hosts`);
    } else if (!containsCidr(cidr, slice)) {
      const message = `mesh_slice ${text} of ${host.name} is outside mesh_cidr ${cidrText}`;
      complaints.fault(message, at, `choose a slice inside it, such as ${example}`);
    } else if (containsAddress(slice, cidr.base + 1) || containsAddress(slice, last)) {
      const which = containsAddress(slice, cidr.base)
        ? `first, with ${formatAddress(cidr.base + 1)}`
        : 'last, with the broadcast address';
      const message = `mesh_slice ${text} of ${host.name} is the ${which}; the first and the last slice of mesh_cidr are not used`;
      complaints.fault(message, at, 'choose another slice');
    } else {
      given.push({ host, slice, at });
    }
  }
  given.sort((a, b) => a.slice.base - b.slice.base);
  for (const [index, second] of given.entries()) {
    const first = given[index - 1];
    if (!first || !overlaps(first.slice, second.slice)) continue;
    const where = line(first.at, second.at);
    const message = `the slices of ${second.host.name} (${second.host.mesh.slice}) and ${first.host.name} (${first.host.mesh.slice}, ${where}) overlap`;
    complaints.fault(message, second.at, 'give each host its own mesh_slice, or none: then mesh allots one');
  }
}

function builders(hosts: readonly Host[], every: readonly Host[], complaints: Complaints): void {
  const known = every.map((host) => host.name);
  for (const host of hosts) {
    const { builder } = host.mesh;
    if (builder === undefined || known.includes(builder)) continue;
    const fix = didYouMean(builder, known) ?? 'write the name of a host of this inventory';
    complaints.fault(`mesh_builder names ${builder}, and there is no such host`, placeOf(host, 'mesh_builder'), fix);
  }
}
