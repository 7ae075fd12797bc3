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
