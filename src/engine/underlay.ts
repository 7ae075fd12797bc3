import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type Fault, InputError } from '../errors.js';
import { checkUnderlays } from '../inventory/addresses.js';
import { collectComplaints } from '../inventory/complaints.js';
import { placeOf } from '../inventory/places.js';
import type { Host } from '../inventory/types.js';

/** A name's IPv4 address; rejects where it has none. */
export type Lookup = (name: string) => Promise<string>;

const systemLookup: Lookup = async (name) => (await lookup(name, { family: 4 })).address;

/**
 * The hosts' underlay addresses with names resolved to IPv4, once, before anything is planned.
 *
 * @throws {InputError} naming every host whose name has no address or one where no tunnel can end (a name of the local
 *   machine is often 127.0.1.1), and names that lead to one address: the whole mesh depends on them.
 */
export async function resolveUnderlays(
  hosts: readonly Host[],
  resolve: Lookup = systemLookup,
): Promise<ReadonlyMap<string, string>> {
  const named = hosts.filter((host) => !isIP(host.mesh.underlayAddress));
  const resolved = new Map(hosts.map((host) => [host.name, host.mesh.underlayAddress]));
  const unknown = new Set<Host>();
  const look = async (host: Host) => {
    try {
      resolved.set(host.name, await resolve(host.mesh.underlayAddress));
    } catch {
      unknown.add(host);
    }
  };
  await Promise.all(named.map(look));
  if (named.length > 0) await refuse(hosts, unknown, resolved);
  return resolved;
}

async function refuse(
  hosts: readonly Host[],
  unknown: ReadonlySet<Host>,
  resolved: ReadonlyMap<string, string>,
): Promise<void> {
  const found = check(hosts, unknown, resolved, new Map());
  if (found.length === 0) return;
  const texts = new Map<string, string>();
  for (const { at } of found) {
    // Only for the excerpts: what cannot be read again is told without.
    if (at) texts.set(at.file, await readFile(at.file, 'utf8').catch(() => ''));
  }
  const [first, ...more] = check(hosts, unknown, resolved, texts);
  if (first) throw new InputError([first, ...more]);
}

function check(
  hosts: readonly Host[],
  unknown: ReadonlySet<Host>,
  resolved: ReadonlyMap<string, string>,
  texts: ReadonlyMap<string, string>,
): readonly Fault[] {
  const complaints = collectComplaints();
  for (const [file, text] of texts) complaints.source(file, text);
  for (const host of unknown) {
    const message = `the underlay address of ${host.name}, "${host.mesh.underlayAddress}", is a name without an IPv4 address`;
    const at = placeOf(host, 'mesh_underlay_address', 'ansible_ssh_host', 'ansible_host');
    complaints.fault(message, at, `write an address below ${host.name}, such as mesh_underlay_address: 192.168.199.41`);
  }
  checkUnderlays(
    hosts.filter((host) => !unknown.has(host)),
    (host) => resolved.get(host.name) ?? host.mesh.underlayAddress,
    complaints,
  );
  return complaints.faults();
}
