import type { Host, Inventory, Value } from './types.js';
import { isSecret } from './values.js';

export const MASK = '********';

/** Data for JSON, secrets masked. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** A value without its secrets. */
export function masked(value: Value): Plain {
  if (typeof value !== 'object' || value === null) return value;
  if (isSecret(value)) return MASK;
  if (isList(value)) return value.map(masked);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item)]));
}

function isList(value: readonly Value[] | { readonly [key: string]: Value }): value is readonly Value[] {
  return Array.isArray(value);
}

/** Text tagged `!unsafe`, as Ansible's JSON marks it. */
function marked(value: Plain): Plain {
  if (typeof value === 'string') return { __ansible_unsafe: value };
  if (typeof value !== 'object' || value === null) return value;
  if (isPlainList(value)) return value.map(marked);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, marked(item)]));
}

function isPlainList(value: readonly Plain[] | { readonly [key: string]: Plain }): value is readonly Plain[] {
  return Array.isArray(value);
}

/** The inventory in the shape of `ansible-inventory --list`: groups with hosts and children, and `_meta.hostvars`. */
export function toAnsibleList(inventory: Inventory): { readonly [key: string]: Plain } {
  const selected = new Set(inventory.selected);
  const result: { [key: string]: Plain } = {};
  const hostvars: { [key: string]: Plain } = {};
  for (const host of inventory.hosts) {
    if (!selected.has(host.name) || host.vars.size === 0) continue;
    hostvars[host.name] = Object.fromEntries(
      sorted([...host.vars].map(([name, { value, unsafe }]) => [name, unsafe ? marked(masked(value)) : masked(value)])),
    );
  }
  Object.defineProperty(result, '_meta', { value: { hostvars }, enumerable: true });
  for (const group of inventory.groups.values()) {
    const hosts = group.name === 'all' ? [] : group.hosts.filter((name) => selected.has(name));
    const shape = {
      ...(group.children.length > 0 ? { children: group.children } : {}),
      ...(hosts.length > 0 ? { hosts } : {}),
    };
    if (Object.keys(shape).length > 0) result[group.name] = shape;
  }
  return result;
}

function sorted<T>(entries: [string, T][]): [string, T][] {
  return entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The tree of groups and hosts as `ansible-inventory --graph` draws it, with the address of each host after its name. */
export function toGraph(inventory: Inventory, start = 'all'): string {
  const hosts = new Map(inventory.hosts.map((host) => [host.name, host]));
  const selected = new Set(inventory.selected);
  const lines: string[] = [];
  const indent = (depth: number, text: string) => (depth === 0 ? text : `${'  |'.repeat(depth)}--${text}`);
  const walk = (name: string, depth: number) => {
    const group = inventory.groups.get(name);
    lines.push(indent(depth, `@${name}:`));
    for (const child of group?.children ?? []) walk(child, depth + 1);
    if (name === 'all') return;
    for (const member of group?.hosts ?? []) {
      const host = hosts.get(member);
      if (host && selected.has(member)) lines.push(indent(depth + 1, `${member}  ${reach(host)}`));
    }
  };
  walk(start, 0);
  return lines.join('\n');
}

/** Where SSH goes and where tunnels end, in a few words. */
function reach(host: Host): string {
  const { host: address, port } = host.connection;
  const ssh =
    port === undefined || port === 22 ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return ssh === host.mesh.underlayAddress ? `(${ssh})` : `(${ssh}, underlay ${host.mesh.underlayAddress})`;
}

/** One line per host for people: name, address, user, groups, and whether it is in the mesh. */
export function toTable(inventory: Inventory): string {
  const selected = new Set(inventory.selected);
  const meshed = new Set(inventory.meshed);
  const rows = inventory.hosts
    .filter((host) => selected.has(host.name))
    .map((host) => [
      host.name,
      reach(host).slice(1, -1),
      host.connection.user ?? '',
      meshed.has(host.name) ? (host.mesh.slice ?? 'allotted') : 'not in the mesh',
      host.groups.join(' '),
    ]);
  return columns([['HOST', 'ADDRESS', 'USER', 'SLICE', 'GROUPS'], ...rows]);
}

/** Everything that is known of a host, each variable with where it came from; secrets as their origin. */
export function toHostJson(host: Host): { readonly [key: string]: Plain } {
  const { connection, mesh } = host;
  const { become } = connection;
  const vars = sorted([...host.vars]).map(([name, { value, origin }]): [string, Plain] => [
    name,
    { value: masked(value), scope: origin.scope, ...(origin.at ? { at: `${origin.at.file}:${origin.at.line}` } : {}) },
  ]);
  return {
    name: host.name,
    at: `${host.at.file}:${host.at.line}`,
    groups: host.groups,
    connection: plainRecord({
      ...connection,
      password: connection.password && shown(connection.password),
      become: plainRecord({ ...become, password: become.password && shown(become.password) }),
    }),
    mesh: plainRecord({ ...mesh }),
    vars: Object.fromEntries(vars),
  };
}

/** The same for people. */
export function toHostText(host: Host): string {
  const { connection, mesh } = host;
  const { become } = connection;
  const settings = plainRecord({
    ...connection,
    password: connection.password && shown(connection.password),
    become: become.enabled ? `yes, ${become.user}` : 'no',
    'become password': become.password && shown(become.password),
  });
  const lines = (record: { readonly [key: string]: Plain }) =>
    Object.entries(record).map(([key, value]) => [`  ${key}`, text(value)]);
  const vars = sorted([...host.vars]).map(([name, { value, origin }]) => {
    const place = origin.at ? `${origin.at.file}:${origin.at.line}` : '';
    const from = place.startsWith(`${origin.scope}:`) ? place : `${origin.scope}  ${place}`;
    return [`  ${name}`, isSecret(value) ? shown(value) : text(masked(value)), from];
  });
  return [
    `${host.name}  ${host.at.file}:${host.at.line}`,
    `groups: ${host.groups.join(', ') || 'none'}`,
    'variables:',
    columns(vars),
    'connection:',
    columns(lines(settings)),
    'mesh:',
    columns(lines(plainRecord({ slice: 'allotted', mtu: 'computed', ...mesh }))),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function shown(secret: { readonly origin: string }): string {
  return `${MASK} (${secret.origin})`;
}

function plainRecord(record: { readonly [key: string]: Plain | undefined }): { readonly [key: string]: Plain } {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as [string, Plain]])),
  );
}

function text(value: Plain): string {
  if (typeof value !== 'string') return Array.isArray(value) && value.length === 0 ? 'none' : JSON.stringify(value);
  // Quoted where a terminal or a reader could take it for something else.
  return /^[\x21-\x7e\u00a1-\uffff](?:[\x20-\x7e\u00a1-\uffff]*[\x21-\x7e\u00a1-\uffff])?$/.test(value)
    ? value
    : JSON.stringify(value);
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = (index: number) => Math.min(60, Math.max(0, ...rows.map((row) => row[index]?.length ?? 0)));
  const widths = (rows[0] ?? []).map((_, index) => width(index));
  const line = (row: readonly string[]) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
