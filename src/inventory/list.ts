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

/** Entries by name. */
export function sorted<T>(entries: [string, T][]): [string, T][] {
  return entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
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

/** A secret for people: where it comes from. */
export function shown(secret: { readonly origin: string }): string {
  return `${MASK} (${secret.origin})`;
}

/** A record without the keys that have no value. */
export function plainRecord(record: { readonly [key: string]: Plain | undefined }): { readonly [key: string]: Plain } {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as [string, Plain]])),
  );
}
