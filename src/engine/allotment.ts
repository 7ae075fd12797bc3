import type { HostFacts } from '../facts/types.js';
import { serializeLock } from '../inventory/lock.js';
import type { Member, NetworkInput } from '../network/desired.js';
import { type Finished, lockWithBuilds } from '../network/openvswitch/lock.js';
import { allotSlices, lockAfter, type SliceAllotment } from '../network/slices.js';
import type { PrepareInput } from './prepare.js';
import type { Plan } from './types.js';

/** Who gets which slice, by settings, lock file, the hosts' own records and what is free; undefined without meshed hosts. */
export function allot(input: PrepareInput, facts: ReadonlyMap<string, HostFacts>): SliceAllotment | undefined {
  const meshed = new Set(input.inventory.meshed);
  const hosts = input.inventory.hosts.filter((host) => meshed.has(host.name));
  const first = hosts[0];
  if (!first) return undefined;
  return allotSlices({
    hosts: hosts.map((host) => {
      const recorded = recordedSlice(facts.get(host.name));
      return {
        name: host.name,
        underlayAddress: input.underlays.get(host.name) ?? host.mesh.underlayAddress,
        ...(host.mesh.slice !== undefined && { wanted: host.mesh.slice }),
        ...(recorded !== undefined && { recorded }),
      };
    }),
    cidr: first.mesh.cidr,
    prefix: first.mesh.slicePrefix,
    lock: input.lock,
    today: input.now.toISOString().slice(0, 10),
  });
}

/** The slice that a host has on record from an earlier run. */
export function recordedSlice(facts: HostFacts | undefined): string | undefined {
  if (!facts?.mesh.known) return undefined;
  const self = facts.mesh.value.records.self;
  return typeof self === 'object' && self !== null && 'slice' in self && typeof self.slice === 'string'
    ? self.slice
    : undefined;
}

/** What the network is worked out from: the hosts that have a slice. `absent`: those that cannot be worked with now. */
export function networkInput(
  input: PrepareInput,
  allotment: SliceAllotment | undefined,
  facts: ReadonlyMap<string, HostFacts>,
  absent: ReadonlySet<string>,
): NetworkInput {
  const members = input.inventory.hosts.flatMap((host): Member[] => {
    const slice = allotment?.slices.get(host.name)?.slice;
    const known = facts.get(host.name);
    if (slice === undefined) return [];
    const underlay = input.underlays.get(host.name) ?? host.mesh.underlayAddress;
    return [{ host, underlay, slice, absent: absent.has(host.name), ...(known && { facts: known }) }];
  });
  const { sources, builds, mtu } = input.lock;
  const openvswitch = { sources, builds, laptop: input.laptop };
  return { members, openvswitch, ...(mtu !== undefined && { lockedMtu: mtu }) };
}

/** The lock file as this plan leaves it, or null where that is what it is now. */
export function newLock(
  input: PrepareInput,
  allotment: SliceAllotment | undefined,
  mtu: number | null,
  seen: ReadonlyMap<string, HostFacts>,
  refused: ReadonlyMap<string, string>,
  finished: readonly Finished[],
): Plan['lock'] {
  if (!allotment || input.purpose !== 'build') return null;
  // Who is not changed now keeps what it has: others are told by it what is not free yet.
  const kept = Object.entries(input.lock.slices).filter(
    ([name]) => allotment.slices.has(name) && (!seen.has(name) || refused.has(name)),
  );
  // A host that was not looked at may have another slice on record than the one that would be its next: that stays open.
  const settled = [...allotment.slices].filter(
    ([name, { because }]) => seen.has(name) || (because !== 'seed rule' && because !== 'next free'),
  );
  if (settled.length === 0 && input.lockText === '') return null;
  const { slices, ...rest } = lockAfter(input.lock, { ...allotment, slices: new Map(settled) });
  const retired = rest.retired.filter(({ slice }) => !kept.some(([, own]) => own === slice));
  const lock = { ...rest, slices: { ...slices, ...Object.fromEntries(kept) }, retired };
  const after = lockWithBuilds(lock, finished);
  const text = serializeLock(mtu === null ? after : { ...after, mtu });
  return text === input.lockText ? null : { file: input.lockFile, text };
}
