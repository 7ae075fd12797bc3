import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type Fault, InputError } from '../errors.js';
import type { Host } from '../inventory/types.js';

/**
 * The hosts' underlay addresses with names resolved to IPv4, once, before anything is planned.
 *
 * @throws {InputError} naming every host whose name has no address: the whole mesh depends on it.
 */
export async function resolveUnderlays(hosts: readonly Host[]): Promise<ReadonlyMap<string, string>> {
  const faults: Fault[] = [];
  const resolved = await Promise.all(
    hosts.map(async (host): Promise<readonly [string, string]> => {
      const written = host.mesh.underlayAddress;
      if (isIP(written)) return [host.name, written];
      try {
        return [host.name, (await lookup(written, { family: 4 })).address];
      } catch {
        faults.push({
          message: `the underlay address of ${host.name}, '${written}', is a name without an IPv4 address`,
          at: host.vars.get('mesh_underlay_address')?.origin.at ?? host.vars.get('ansible_host')?.origin.at ?? host.at,
          fix: `write an address: mesh_underlay_address: 192.168.199.41`,
        });
        return [host.name, written];
      }
    }),
  );
  const [first, ...more] = faults;
  if (first) throw new InputError([first, ...more]);
  return new Map(resolved);
}
