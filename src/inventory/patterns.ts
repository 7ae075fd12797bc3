import { InputError } from '../errors.js';
import { didYouMean } from './nearest.js';
import { expandHosts, splitPort } from './ranges.js';
import type { Host, Inventory } from './types.js';

/** What a pattern is matched against; an Inventory is one. */
export type Pool = Pick<Inventory, 'hosts' | 'groups' | 'meshed'>;

/**
 * The hosts that an Ansible pattern names, each once: names and groups, globs (`web*`), `~regex`, subscripts (`web[0]`,
 * `web[1:2]`, `web[-1]`), joined by `,` or `:`; `&` keeps only what is in both, `!` takes away, in that order whatever
 * the order in the text. `mesh` stands for the hosts that are meshed where no group of that name exists.
 *
 * Stricter than Ansible in one thing: a part that matches nothing is an error, since what it was to select or to spare is
 * unknown. A group without hosts is no error.
 *
 * @throws {InputError} without a position.
 */
export function selectHosts(inventory: Pool, pattern: string): Host[] {
  const parts = splitPattern(pattern);
  if (parts.length === 0) {
    const message = `the pattern ${JSON.stringify(pattern)} names nothing`;
    throw InputError.of(message, {
      fix: 'name hosts or groups, such as docker41,docker42; "all" stands for every host',
    });
  }
  const chosen = parts.filter((part) => !part.startsWith('!') && !part.startsWith('&'));
  const matcher = matchPart(inventory);
  let hosts: Host[] = unique((chosen.length > 0 ? chosen : ['all']).flatMap(matcher));
  for (const part of parts.filter((one) => one.startsWith('&'))) {
    const kept = new Set(matcher(part.slice(1)));
    hosts = hosts.filter((host) => kept.has(host));
  }
  for (const part of parts.filter((one) => one.startsWith('!'))) {
    const dropped = new Set(matcher(part.slice(1)));
    hosts = hosts.filter((host) => !dropped.has(host));
  }
  return hosts;
}

/** The parts of a pattern. Colons separate only where there is no comma and the text is no host, range or IPv6 address. */
export function splitPattern(pattern: string): string[] {
  const parts = pattern.includes(',')
    ? pattern.split(',')
    : splitPort(pattern.trim())
      ? [pattern]
      : (pattern.match(/(?:[^\s:[\]]|\[[^\]]*\])+/g) ?? []);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function unique(hosts: readonly Host[]): Host[] {
  return [...new Set(hosts)];
}

function matchPart(inventory: Pool): (part: string) => Host[] {
  const byName = new Map(inventory.hosts.map((host) => [host.name, host]));
  const named = (names: Iterable<string>) => [...names].flatMap((name) => byName.get(name) ?? []);
  const inGroup = (name: string): Host[] => named(membersOf(inventory, name));
  return (part) => {
    const plain = byName.get(part);
    if (plain) return [plain];
    if (part.startsWith('@')) {
      const fix = 'write the names: --limit docker41,docker42';
      throw InputError.of(`"${part}": a pattern cannot be read from a file`, { fix });
    }
    const { expression, pick } = subscript(part);
    if (expression === '') throw InputError.of('a part of the pattern is empty', { fix: 'write a name after ! and &' });
    if (expression === 'mesh' && !inventory.groups.has('mesh')) return pick(named(inventory.meshed));
    const matches = matching(expression);
    const groups = [...inventory.groups.keys()].filter(matches);
    const special = expression.startsWith('~') || /[.?*[]/.test(expression);
    const found = groups.flatMap(inGroup);
    if (groups.length === 0 || special) found.push(...named([...byName.keys()].filter(matches)));
    if (found.length === 0 && groups.length === 0) {
      if (expression !== part) refuseRange(part, byName);
      throw unknown(inventory, expression, special);
    }
    return pick(unique(found));
  };
}

/** Hosts of a group and of the groups below it: its own first. */
function membersOf(inventory: Pool, name: string): Set<string> {
  const members = new Set<string>();
  const seen = new Set([name]);
  const queue = [name];
  for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
    for (const host of inventory.groups.get(group)?.hosts ?? []) members.add(host);
    for (const child of inventory.groups.get(group)?.children ?? []) {
      if (!seen.has(child)) queue.push(child);
      seen.add(child);
    }
  }
  return members;
}

function unknown(inventory: Pool, expression: string, special: boolean): InputError {
  if (inventory.hosts.length === 0) return InputError.of(`"${expression}" matches nothing: the inventory has no hosts`);
  const message = special
    ? `the pattern "${expression}" matches no host and no group`
    : `there is no host or group "${expression}"`;
  const names = [...inventory.hosts.map((host) => host.name), ...inventory.groups.keys()];
  const some = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  return InputError.of(message, {
    fix: (special ? undefined : didYouMean(expression, names)) ?? `the names are ${some}`,
  });
}

/** In an inventory `docker[41:42]` is a range of names; in a pattern the brackets count the hosts of what is before them. */
function refuseRange(part: string, byName: ReadonlyMap<string, Host>): void {
  let meant: readonly string[];
  try {
    meant = expandHosts(part).names.filter((name) => byName.has(name));
  } catch {
    return;
  }
  if (meant.length === 0) return;
  const message = `"${part}" is no range of names here: in a pattern, brackets count the hosts of a group`;
  throw InputError.of(message, { fix: `write ${meant.slice(0, 4).join(',')}${meant.length > 4 ? ',…' : ''}` });
}

function subscript(part: string): { expression: string; pick: (hosts: Host[]) => Host[] } {
  const match = part.startsWith('~') ? null : /^(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]$/.exec(part);
  if (!match) return { expression: part, pick: (hosts) => hosts };
  const [, expression = '', index, start, end] = match;
  const pick = (hosts: Host[]): Host[] => {
    if (hosts.length === 0) return hosts;
    if (index === undefined) return hosts.slice(Number(start), end ? Number(end) + 1 : undefined);
    const host = hosts.at(Number(index));
    if (host) return [host];
    const fix = `it has ${hosts.length}, so the subscripts go from [0] to [${hosts.length - 1}]`;
    throw InputError.of(`"${part}": "${expression}" has no host at that place`, { fix });
  };
  return { expression, pick };
}

function matching(expression: string): (name: string) => boolean {
  const source = expression.startsWith('~') ? `^(?:${expression.slice(1)})` : `^${globSource(expression)}$`;
  try {
    const [, flags = '', rest = source] = /^\^\(\?:\(\?(i)\)(.*)$/s.exec(source) ?? [];
    const regex = new RegExp(flags ? `^(?:${rest}` : source, `s${flags}`);
    return (name) => regex.test(name);
  } catch {
    throw InputError.of(`"${expression}" is no regular expression`, {
      fix: 'close its brackets, and write \\ before special characters',
    });
  }
}

/** A shell glob as a regular expression: `*`, `?`, `[abc]`, `[!abc]` (glob(7)). */
function globSource(glob: string): string {
  return glob.replace(/\[(!?)(\]?[^\]]*)\]|[\s\S]/g, (char, not: string | undefined, set: string | undefined) => {
    if (set !== undefined && set !== '') return `[${not ? '^' : ''}${set.replace(/[\\\]^]/g, '\\$&')}]`;
    if (char === '*') return '.*';
    if (char === '?') return '.';
    return char.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
}

/** The host of exactly this name. @throws {InputError} with the nearest name, if there is none. */
export function oneHost(inventory: Pool, name: string): Host {
  const host = inventory.hosts.find((one) => one.name === name);
  if (host) return host;
  const names = inventory.hosts.map((one) => one.name);
  const fix =
    didYouMean(name, names) ?? `the hosts are ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;
  throw InputError.of(`there is no host "${name}"`, { fix });
}
