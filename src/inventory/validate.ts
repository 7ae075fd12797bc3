import {
  type Cidr,
  containsAddress,
  containsCidr,
  formatAddress,
  formatCidr,
  parseCidr,
  sizeOf,
} from '../network/address.js';
import { allottable } from '../network/slices.js';
import { checkSshAddresses, checkUnderlays } from './addresses.js';
import type { Complaints } from './complaints.js';
import { didYouMean } from './nearest.js';
import { lineFrom, named, placeOf, sharing, verb } from './places.js';
import type { Host, MeshSettings } from './types.js';

/** Complains about what is wrong only between the hosts that are meshed: addresses, slices, and settings that must agree. */
export function validateMesh(hosts: readonly Host[], every: readonly Host[], complaints: Complaints): void {
  agreements(hosts, complaints);
  const clashing = checkSshAddresses(hosts, complaints);
  checkUnderlays(
    hosts.filter((host) => !clashing.has(host)),
    (host) => host.mesh.underlayAddress,
    complaints,
  );
  const cidr = parseCidr(hosts[0]?.mesh.cidr ?? '');
  if (cidr && sliceSize(hosts, cidr, complaints)) slices(hosts, complaints);
  builders(hosts, every, complaints);
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
      const message = `${name} must be the same on every host: it is ${value} on ${named(members)}, and ${most[0]} on ${named(most[1])}`;
      const written = [...members, ...most[1]].find((host) => host.vars.get(name)?.origin.at) ?? member;
      complaints.fault(
        message,
        placeOf(written, name),
        `set ${name} once, in the vars of the group that holds all of them`,
      );
    }
  }
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
  const given: Host[] = [];
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
      given.push(host);
    }
  }
  // All of one size by now: what overlaps is equal.
  const place = (host: Host) => placeOf(host, 'mesh_slice');
  for (const { first, others, at } of sharing(given, (host) => host.mesh.slice ?? '', place)) {
    const where = lineFrom(place(first), at);
    const message = `${named(others)} ${verb(others, 'has', 'have')} the slice ${first.mesh.slice}, as ${first.name} has (${where})`;
    complaints.fault(message, at, 'give each host its own mesh_slice, or none: then mesh allots one');
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
