import type { Position } from '../errors.js';
import type { Host } from './types.js';

/** Where a setting of a host was written; where none of the names was, the host itself. */
export function placeOf(host: Host, ...names: readonly string[]): Position {
  for (const name of names) {
    const at = host.vars.get(name)?.origin.at;
    if (at) return at;
  }
  return host.at;
}

/** How to name a place beside another: by its line alone where both are in one file. */
export function lineFrom(position: Position, from: Position): string {
  return position.file === from.file ? `line ${position.line}` : `${position.file}:${position.line}`;
}

/** `a, b and c`; of many the first three and how many more. */
export function named(hosts: readonly Host[]): string {
  const shown = hosts.slice(0, 3).map((host) => host.name);
  const last = hosts.length > 3 ? `${hosts.length - 3} more` : (shown.pop() ?? '');
  return shown.length > 0 ? `${shown.join(', ')} and ${last}` : last;
}

/** Hosts that have what another has too, and must not. */
export interface Clash {
  readonly first: Host;
  /** Those whose setting stands at one place, which is `at`. */
  readonly others: readonly Host[];
  readonly at: Position;
}

/** Hosts with one key: the first of them, and the others by the place where theirs was written. */
export function sharing(
  hosts: readonly Host[],
  keyOf: (host: Host) => string,
  place: (host: Host) => Position,
): Clash[] {
  const firsts = new Map<string, Host>();
  const clashes = new Map<string, { first: Host; others: Host[]; at: Position }>();
  for (const host of hosts) {
    const key = keyOf(host);
    const first = firsts.get(key);
    if (!first) {
      firsts.set(key, host);
      continue;
    }
    const at = place(host);
    const where = JSON.stringify([key, at.file, at.line, at.column]);
    const clash = clashes.get(where) ?? { first, others: [], at };
    clash.others.push(host);
    clashes.set(where, clash);
  }
  return [...clashes.values()];
}

/** The verb for one host or for many. */
export function verb(hosts: readonly Host[], one: string, many: string): string {
  return hosts.length === 1 ? one : many;
}
