import * as z from 'zod';
import { quote } from '../quote.js';
import { good, known, linesOf, parseJson, type Sections, unknown } from './fact.js';
import type { Fact, Interests, OpenvSwitchFacts, OvsBridge, OvsInterface, OvsPort } from './types.js';

/** The tables in the order in which they are asked for, with the columns that are read. */
const tables = [
  ['Open_vSwitch', 'ovs_version'],
  [
    'Bridge',
    'name,external_ids,datapath_type,fail_mode,controller,protocols,stp_enable,rstp_enable,other_config,ports',
  ],
  ['Port', '_uuid,name,protected,tag,external_ids,interfaces'],
  ['Interface', '_uuid,name,type,options,mtu_request,error,external_ids'],
  ['Controller', '_uuid,target'],
] as const;

/**
 * One ovs-vsctl call for everything; `--dry-run`: on an empty database a plain call would add its first row. Releases
 * that lack one of the columns (`protected` came with 2.7) are asked again for all columns. A bridge counts as marked
 * where mesh's key is the first of its sorted external_ids; another one is asked by name.
 */
export function openvswitchScript(interests: Interests): string {
  const list = (columns: boolean) =>
    tables.map(([table, names]) => `-- ${columns ? `--columns=${names} ` : ''}list ${table}`).join(' ');
  return `
see_openvswitch() {
  if ! command -v ovs-vsctl >/dev/null 2>&1 && ! command -v ovsdb-server >/dev/null 2>&1; then
    say ovs absent
    return
  fi
  pid='' comm=''
  { read -r pid </var/run/openvswitch/ovs-vswitchd.pid && read -r comm <"/proc/$pid/comm"; } 2>/dev/null
  if [ "$comm" = ovs-vswitchd ]; then say vswitchd 0; else say vswitchd stopped; fi
  if [ ! -S /var/run/openvswitch/db.sock ]; then
    say ovs stopped
    return
  fi
  begin ovs
  ask='ovs-vsctl --dry-run --no-wait --timeout=5 --format=json'
  out=$($ask ${list(true)} 2>&1)
  rc=$?
  case $rc,$out in
    0,*) ;;
    *'does not contain a column'*)
      out=$($ask ${list(false)} 2>&1)
      rc=$?
      ;;
    *'Connection refused'*) rc=stopped ;;
  esac
  printf '%s\\n' "$out"
  end ovs "$rc" ''
  for bridge in /var/run/openvswitch/*.mgmt; do
    bridge=\${bridge##*/}
    bridge=\${bridge%.mgmt}
    case ${quote(`\n${interests.bridges.join('\n')}\n`)},$out in
      *"
$bridge
"* | *"[\\"$bridge\\",[\\"map\\",[[\\"mesh-owner\\",\\"mesh\\""*)
        run "flows:$bridge" ovs-ofctl --timeout=3 -O OpenFlow10,OpenFlow13,OpenFlow14 dump-flows "$bridge"
        ;;
    esac
  done
}
`;
}

const tableSchema = z.object({ headings: z.array(z.string()), data: z.array(z.array(z.unknown())) });
type Row = ReadonlyMap<string, unknown>;

/** A value of OVSDB's JSON (RFC 7047, 5.1): an atom, `["set",[…]]`, `["map",[…]]` or `["uuid","…"]`. */
const uuidSchema = z.tuple([z.enum(['uuid', 'named-uuid']), z.string()]);
const setSchema = z.tuple([z.literal('set'), z.array(z.unknown())]);
const mapSchema = z.tuple([z.literal('map'), z.array(z.tuple([z.unknown(), z.unknown()]))]);

function elements(value: unknown): unknown[] {
  const set = setSchema.safeParse(value);
  if (set.success) return set.data[1];
  return value === undefined ? [] : [value];
}

const uuids = (value: unknown) => elements(value).flatMap((item) => uuidSchema.safeParse(item).data?.[1] ?? []);
const texts = (value: unknown) => elements(value).map(String);
const text = (value: unknown) => texts(value)[0] ?? null;
const flag = (value: unknown) => elements(value)[0] === true;

function integer(value: unknown): number | null {
  const [item] = elements(value);
  return typeof item === 'number' ? item : null;
}

function map(value: unknown): Record<string, string> {
  const parsed = mapSchema.safeParse(value);
  if (!parsed.success) return {};
  return Object.fromEntries(parsed.data[1].map(([key, item]): [string, string] => [String(key), String(item)]).sort());
}

function readTable(line: string): Row[] | null {
  const table = tableSchema.safeParse(parseJson(line));
  if (!table.success) return null;
  const { headings, data } = table.data;
  return data.map((row) => new Map(headings.map((heading, index) => [heading, row[index]])));
}

function byUuid<T>(rows: readonly Row[], read: (row: Row) => T): ReadonlyMap<string, T> {
  return new Map(rows.flatMap((row) => uuids(row.get('_uuid')).map((uuid): [string, T] => [uuid, read(row)])));
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

function pick<T>(from: ReadonlyMap<string, T>, keys: readonly string[]): T[] {
  return keys.flatMap((key) => {
    const item = from.get(key);
    return item === undefined ? [] : [item];
  });
}

export function parseOpenvSwitch(sections: Sections, interests: Interests): Fact<OpenvSwitchFacts> {
  const section = sections.get('ovs');
  if (section?.status === 'absent') return known({ installed: false, running: false, version: null, bridges: [] });
  if (section?.status === 'stopped') return known({ installed: true, running: false, version: null, bridges: [] });
  const read = good(sections, 'ovs', "Open vSwitch's database");
  if (!read.known) return read;
  const rows = linesOf(read.value.content)
    .filter((line) => line.startsWith('{'))
    .map(readTable);
  const [system, bridgeRows, portRows, interfaceRows, controllerRows] = rows;
  if (!system || !bridgeRows || !portRows || !interfaceRows || !controllerRows || rows.length !== tables.length) {
    return unknown(
      "Open vSwitch's database could not be read: ovs-vsctl printed something else than its tables as JSON",
    );
  }
  const interfaces = byUuid(interfaceRows, readInterface);
  const ports = byUuid(portRows, (row) => readPort(row, interfaces));
  const controllers = byUuid(controllerRows, (row) => text(row.get('target')) ?? '');
  const bridges = bridgeRows.map((row): OvsBridge => {
    const name = text(row.get('name')) ?? '';
    return {
      name,
      datapath: text(row.get('datapath_type')) === 'netdev' ? 'netdev' : 'system',
      failMode: text(row.get('fail_mode')),
      controllers: pick(controllers, uuids(row.get('controller'))).sort(),
      protocols: texts(row.get('protocols')).sort(),
      stp: flag(row.get('stp_enable')),
      rstp: flag(row.get('rstp_enable')),
      externalIds: map(row.get('external_ids')),
      otherConfig: map(row.get('other_config')),
      ports: pick(ports, uuids(row.get('ports'))).sort(byName),
      flows: parseFlows(sections, interests, name),
    };
  });
  return known({
    installed: true,
    running: sections.get('vswitchd')?.status === 0,
    version: text(system[0]?.get('ovs_version')),
    bridges: bridges.sort(byName),
  });
}

function readInterface(row: Row): OvsInterface {
  return {
    name: text(row.get('name')) ?? '',
    type: text(row.get('type')) ?? '',
    options: map(row.get('options')),
    mtuRequest: integer(row.get('mtu_request')),
    error: text(row.get('error')),
    externalIds: map(row.get('external_ids')),
  };
}

function readPort(row: Row, interfaces: ReadonlyMap<string, OvsInterface>): OvsPort {
  return {
    name: text(row.get('name')) ?? '',
    protected: flag(row.get('protected')),
    tag: integer(row.get('tag')),
    externalIds: map(row.get('external_ids')),
    interfaces: pick(interfaces, uuids(row.get('interfaces'))).sort(byName),
  };
}

/** Counters and ages change by themselves; what is left is what was asked of the switch. */
const counters = /\b(?:duration|n_packets|n_bytes|idle_age|hard_age)=[^,\s]+,?\s*/g;

function parseFlows(sections: Sections, interests: Interests, bridge: string): Fact<readonly string[]> {
  const name = `flows:${bridge}`;
  if (!sections.has(name) && !interests.bridges.includes(bridge))
    return unknown(`the flows of ${bridge} were not asked for`);
  const section = good(sections, name, `the flows of ${bridge}`);
  if (!section.known) return section;
  const flows = linesOf(section.value.content).filter((line) => line.includes('actions='));
  return known(flows.map((line) => line.replace(counters, '').replace(/,\s+/g, ', ').trim()).sort());
}
