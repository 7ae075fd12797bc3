import { masked, type Plain, plainRecord, shown, sorted } from './list.js';
import { named } from './places.js';
import { SETTING_NAMES } from './settings.js';
import type { Host, Inventory, Origin, Value } from './types.js';
import { isSecret } from './values.js';

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

/**
 * The inventory for people: a line per host, then a line per value that was set, with the place that set it and the hosts
 * that have it. `locked` are the slices of the lock file, by host.
 */
export function toTable(inventory: Inventory, locked: Readonly<Record<string, string>> = {}): string {
  const selected = new Set(inventory.selected);
  const hosts = inventory.hosts.filter((host) => selected.has(host.name));
  const meshed = new Set(inventory.meshed);
  const slice = ({ name, mesh }: Host) => {
    if (!meshed.has(name)) return 'not in the mesh';
    return mesh.slice ?? (Object.hasOwn(locked, name) ? locked[name] : undefined) ?? 'to be allotted';
  };
  const rows = hosts.map((host) => [
    host.name,
    reach(host).slice(1, -1),
    host.connection.user ?? '',
    slice(host),
    host.groups.join(' '),
  ]);
  const parts = [columns([['HOST', 'ADDRESS', 'USER', 'SLICE', 'GROUPS'], ...rows])];
  const values = valueRows(hosts);
  if (values.length > 0) parts.push(columns([['VARIABLE', 'VALUE', 'FROM', 'HOSTS'], ...values]));
  if (inventory.meshed.length === 1)
    parts.push(`${inventory.meshed[0]} is the only host of the mesh: it has no tunnels.`);
  return parts.join('\n\n');
}

/** One row for a value that one place gives to several hosts, a range's included. */
function valueRows(hosts: readonly Host[]): string[][] {
  const rows = new Map<string, { readonly name: string; readonly value: string; origin: Origin; hosts: Host[] }>();
  for (const host of hosts) {
    for (const [name, { value, origin }] of host.vars) {
      const key = JSON.stringify([name, shownValue(value), origin.at ?? origin.scope]);
      const row = rows.get(key) ?? { name, value: shownValue(value), origin, hosts: [] };
      if (row.origin.scope !== origin.scope) row.origin = { ...origin, scope: 'hosts' };
      row.hosts.push(host);
      rows.set(key, row);
    }
  }
  const whole = (members: readonly Host[]) => members.length === hosts.length && hosts.length > 1;
  return sorted([...rows.values()].map((row) => [row.name, row])).map(([name, row]) => [
    name,
    row.value,
    from(row.origin),
    whole(row.hosts) ? 'all' : named(row.hosts),
  ]);
}

/** `group web  inventory.yml:7`; a file of variables speaks for itself. */
function from({ scope, at }: Origin): string {
  if (!at) return scope;
  const place = `${at.file}:${at.line}`;
  return place.startsWith(`${scope}:`) ? place : `${scope}  ${place}`;
}

function shownValue(value: Value): string {
  return isSecret(value) ? shown(value) : text(masked(value));
}

/** All that is known of one host, for people: each variable and each setting with where it came from. */
export function toHostText(host: Host): string {
  const { connection } = host;
  const { become } = connection;
  const reached = plainRecord({
    address: connection.host,
    port: connection.port ?? 'as ssh has it',
    user: connection.user ?? 'as ssh has it',
    'key file': connection.keyFile,
    password: connection.password && shown(connection.password),
    'jump hosts': connection.proxyJump.length > 0 ? connection.proxyJump.join(', ') : undefined,
    'known hosts': connection.knownHostsFiles.length > 0 ? connection.knownHostsFiles.join(', ') : undefined,
    become: become.enabled ? `yes, ${become.user}` : 'no',
    'become password': become.password && shown(become.password),
  });
  const vars = sorted([...host.vars]).map(([name, { value, origin }]) => [
    `  ${name}`,
    shownValue(value),
    from(origin),
  ]);
  return [
    `${host.name}  ${host.at.file}:${host.at.line}`,
    `groups: ${host.groups.join(', ') || 'none'}`,
    'variables:',
    columns(vars),
    'connection:',
    columns(Object.entries(reached).map(([key, value]) => [`  ${key}`, text(value)])),
    'mesh:',
    columns(settingRows(host)),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

const WORKED_OUT: { readonly [name: string]: string } = {
  mesh_slice: 'allotted by mesh',
  mesh_mtu: 'computed by mesh',
};

function settingRows(host: Host): string[][] {
  const values = plainRecord({ ...host.mesh });
  return SETTING_NAMES.flatMap((name) => {
    const key = name.slice('mesh_'.length).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = values[key];
    const shape = value === undefined ? WORKED_OUT[name] : text(value);
    if (shape === undefined) return [];
    const variable = host.vars.get(name);
    const inherited = name === 'mesh_underlay_address' ? "the host's SSH address" : 'default';
    return [[`  ${name}`, shape, variable ? from(variable.origin) : value === undefined ? '' : inherited]];
  });
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
