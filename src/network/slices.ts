import type { Fault } from '../errors.js';
import type { Lock, RetiredSlice } from '../inventory/lock.js';
import { type Cidr, containsAddress, containsCidr, formatCidr, parseAddress, parseCidr, sizeOf } from './address.js';

export type SliceReason = 'given' | 'lock' | 'record' | 'seed rule' | 'next free';

export interface SliceRequest {
  readonly name: string;
  readonly underlayAddress: string;
  /** `mesh_slice`. */
  readonly wanted?: string;
  /** The slice that the host itself has on record. */
  readonly recorded?: string;
}

export interface SliceAllotment {
  readonly slices: ReadonlyMap<string, { readonly slice: string; readonly because: SliceReason }>;
  /** The lock's retired slices after this allotment. */
  readonly retired: readonly RetiredSlice[];
  /** Hosts that cannot have what they are given or were given before; a plan with conflicts must not be applied. */
  readonly conflicts: readonly Fault[];
}

/** How many slices of `prefix` a network has for hosts: all but the first (it holds `.0.1`) and the last (the broadcast). */
export function allottable(cidr: Cidr, prefix: number): number {
  return Math.max(0, sizeOf(cidr.prefix) / sizeOf(prefix) - 2);
}

/**
 * Gives every host its slice: `mesh_slice`, else what the lock says, else the host's own record, else the slice named by
 * the last byte of the underlay address (192.168.199.41 → 172.17.41.0/24; /24 slices of a /16 only, and only where no
 * other host asks for the same), else the next free one. A slice that was given up is handed out again only when no other
 * is free, the longest retired first.
 *
 * With the lock of the last allotment, adding and removing hosts changes no other host's slice. Pure; `today` is the day
 * (`2026-01-31`) to record for slices that are given up now.
 */
export function allotSlices(input: {
  readonly hosts: readonly SliceRequest[];
  readonly cidr: string;
  readonly prefix: number;
  readonly lock: Lock;
  readonly today: string;
}): SliceAllotment {
  const cidr = parseCidr(input.cidr);
  if (!cidr) throw new RangeError(`${input.cidr} is no network in CIDR notation`);
  return new Allotting(input.hosts, cidr, input.prefix, input.lock, input.today).run();
}

/** The lock as it stands after an allotment. */
export function lockAfter(lock: Lock, allotment: SliceAllotment): Lock {
  const slices = Object.fromEntries([...allotment.slices].map(([name, { slice }]) => [name, slice]));
  return { ...lock, slices, retired: allotment.retired };
}

class Allotting {
  private readonly count: number;
  private readonly owner = new Map<number, string>();
  private readonly slices = new Map<string, { slice: string; because: SliceReason }>();
  private readonly conflicts: Fault[] = [];
  /** Hosts of which a conflict is told already. */
  private readonly troubled = new Set<string>();
  private readonly retired: Map<number, RetiredSlice>;
  /** Retired entries of another network or size: kept as they are, in case the setting goes back. */
  private readonly foreign: RetiredSlice[] = [];

  constructor(
    private readonly hosts: readonly SliceRequest[],
    private readonly cidr: Cidr,
    private readonly prefix: number,
    private readonly lock: Lock,
    private readonly today: string,
  ) {
    this.count = Math.floor(sizeOf(cidr.prefix) / sizeOf(prefix));
    this.retired = new Map();
    for (const entry of lock.retired) {
      const index = this.indexOf(entry.slice);
      if (index === undefined) this.foreign.push(entry);
      else this.retired.set(index, entry);
    }
  }

  run(): SliceAllotment {
    this.given();
    this.locked();
    this.recorded();
    this.seedRule();
    this.nextFree();
    this.retire();
    const retired = [...this.foreign, ...this.retired.values()].sort(
      (a, b) => compare(a.since, b.since) || compare(a.slice, b.slice),
    );
    return { slices: new Map([...this.slices]), retired, conflicts: this.conflicts };
  }

  /** A slice's place in the network; undefined if it does not fit or is one of the two that are never used. */
  private indexOf(text: string | undefined): number | undefined {
    const slice = parseCidr(text ?? '');
    if (!slice || slice.prefix !== this.prefix || !containsCidr(this.cidr, slice)) return undefined;
    const index = (slice.base - this.cidr.base) / sizeOf(this.prefix);
    return this.usable(index) ? index : undefined;
  }

  private usable(index: number): boolean {
    return index >= 1 && index <= this.count - 2;
  }

  private text(index: number): string {
    return formatCidr({ base: this.cidr.base + index * sizeOf(this.prefix), prefix: this.prefix });
  }

  private give(name: string, index: number, because: SliceReason): void {
    this.owner.set(index, name);
    this.retired.delete(index);
    this.slices.set(name, { slice: this.text(index), because });
  }

  private waiting(): SliceRequest[] {
    return this.hosts.filter((host) => !this.slices.has(host.name));
  }

  private given(): void {
    for (const { name, wanted } of this.hosts) {
      if (wanted === undefined) continue;
      this.troubled.add(name);
      const index = this.indexOf(wanted);
      const owner = index === undefined ? undefined : this.owner.get(index);
      if (index === undefined) {
        const fix = `choose a /${this.prefix} inside it, neither the first nor the last`;
        this.conflicts.push({
          message: `the slice ${wanted} given to ${name} is none of ${formatCidr(this.cidr)}`,
          fix,
        });
      } else if (owner !== undefined) {
        this.conflicts.push({
          message: `the slice ${wanted} is given to both ${owner} and ${name}`,
          fix: 'change one mesh_slice',
        });
      } else {
        this.give(name, index, 'given');
      }
    }
  }

  private locked(): void {
    const before = new Map<string, number>();
    for (const [index, entry] of this.retired) before.set(entry.host, index);
    for (const { name, wanted } of this.waiting()) {
      if (wanted !== undefined) continue;
      const held = this.indexOf(ownValue(this.lock.slices, name));
      const index = held ?? before.get(name);
      if (index === undefined) continue;
      const owner = this.owner.get(index);
      if (owner === undefined) this.give(name, index, 'lock');
      else if (held !== undefined) this.taken(name, owner, index, 'the lock file');
    }
  }

  private recorded(): void {
    for (const { name, recorded } of this.waiting()) {
      if (this.troubled.has(name)) continue;
      const index = this.indexOf(recorded);
      if (index === undefined) continue;
      const owner = this.owner.get(index);
      if (owner === undefined) this.give(name, index, 'record');
      else this.taken(name, owner, index, 'the record on the host');
    }
  }

  private taken(name: string, owner: string, index: number, source: string): void {
    this.troubled.add(name);
    const slice = this.text(index);
    const message = `${slice} is the slice of ${name} by ${source}, and ${owner} has it too (${this.slices.get(owner)?.because})`;
    this.conflicts.push({
      message,
      fix: `set mesh_slice for ${owner} or ${name}: their containers have addresses in it`,
    });
  }

  private seedRule(): void {
    if (this.prefix !== 24 || this.cidr.prefix !== 16) return;
    const asking = new Map<number, string[]>();
    for (const { name, underlayAddress } of this.waiting()) {
      const address = parseAddress(underlayAddress);
      if (address === undefined || containsAddress(this.cidr, address)) continue;
      const index = address % 256;
      asking.set(index, [...(asking.get(index) ?? []), name]);
    }
    for (const [index, names] of asking) {
      const [name] = names;
      if (name === undefined || names.length > 1 || !this.usable(index)) continue;
      if (!this.owner.has(index) && !this.retired.has(index) && !this.lockedElsewhere(index, name))
        this.give(name, index, 'seed rule');
    }
  }

  private nextFree(): void {
    const reserved = new Set<number>();
    for (const slice of Object.values(this.lock.slices)) {
      const index = this.indexOf(slice);
      if (index !== undefined) reserved.add(index);
    }
    let next = 1;
    for (const { name } of this.waiting()) {
      while (this.usable(next) && (this.owner.has(next) || this.retired.has(next) || reserved.has(next))) next += 1;
      const index = this.usable(next) ? next : this.longestRetired(reserved);
      if (index !== undefined) {
        this.give(name, index, 'next free');
        continue;
      }
      const room = allottable(this.cidr, this.prefix);
      const message = `no slice is free for ${name}: ${formatCidr(this.cidr)} has ${room} of /${this.prefix}`;
      this.conflicts.push({ message, fix: 'widen mesh_cidr, or make the slices smaller with mesh_slice_prefix' });
    }
  }

  private lockedElsewhere(index: number, name: string): boolean {
    const slice = this.text(index);
    return Object.entries(this.lock.slices).some(([other, held]) => other !== name && held === slice);
  }

  /** When nothing else is free: a slice retired in an earlier run, else one of a host that leaves in this one. */
  private longestRetired(reserved: ReadonlySet<number>): number | undefined {
    const oldest = [...this.retired].sort(([a, left], [b, right]) => compare(left.since, right.since) || a - b)[0];
    return oldest?.[0] ?? [...reserved].sort((a, b) => a - b).find((index) => !this.owner.has(index));
  }

  /** What the lock gave to a host that is gone, or that has another slice now, is retired. */
  private retire(): void {
    for (const [host, slice] of Object.entries(this.lock.slices)) {
      const index = this.indexOf(slice);
      if (index === undefined || this.owner.has(index) || this.retired.has(index)) continue;
      this.retired.set(index, { slice, host, since: this.today });
    }
  }
}

function ownValue(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
