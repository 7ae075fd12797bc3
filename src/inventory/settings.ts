import * as z from 'zod/mini';
import { formatCidr, networkOf, parseCidr, parseInterface } from '../network/address.js';
import type { Complaints } from './complaints.js';
import { didYouMean } from './nearest.js';
import type { HostReader } from './resolved.js';
import type { MeshSettings, Variable } from './types.js';
import { describeValue } from './values.js';

const text = z.string().check(z.minLength(1));
const cidr = text.check(z.refine((value) => parseInterface(value) !== undefined));
const whole = (from: number, to: number) => z.int().check(z.gte(from), z.lte(to));
const linkName = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/));

interface Setting<T> {
  readonly schema: z.ZodMiniType<T>;
  /** What the value must be, to follow 'must be'. */
  readonly is: string;
  readonly example: string;
}

function setting<T>(schema: z.ZodMiniType<T>, is: string, example: string): Setting<T> {
  return { schema, is, example };
}

const SETTINGS = {
  mesh_cidr: setting(cidr, 'an IPv4 network in CIDR notation', '172.17.0.0/16'),
  mesh_slice: setting(cidr, 'an IPv4 network in CIDR notation', '172.17.41.0/24'),
  mesh_slice_prefix: setting(whole(1, 30), 'a prefix length from 1 to 30', '24'),
  mesh_underlay_address: setting(text, 'an address or a name', '192.168.199.41'),
  mesh_addressing: setting(z.enum(['flat', 'routed']), 'flat or routed', 'flat'),
  mesh_tunnel_type: setting(z.enum(['gre', 'vxlan', 'geneve']), 'gre, vxlan or geneve', 'gre'),
  mesh_tunnel_key: setting(whole(0, 0xffffffff), 'a whole number from 0 to 4294967295', '41'),
  mesh_bridge: setting(linkName, "a link's name of at most 15 letters, digits, '_', '.' or '-'", 'br0'),
  // dockerd's `bip` cannot be given together with `bridge` (docs.docker.com, dockerd reference): it means docker0.
  mesh_docker_bridge: setting(
    z.enum(['docker0']),
    'docker0, the only bridge whose address dockerd takes from its settings',
    'docker0',
  ),
  mesh_mtu: setting(whole(576, 65_535), 'a whole number of bytes from 576 to 65535', '1462'),
  mesh_datapath: setting(z.enum(['system', 'netdev']), 'system or netdev', 'system'),
  mesh_topology: setting(z.enum(['full']), 'full, the only topology so far', 'full'),
  mesh_open_hosts: setting(z.boolean(), 'yes or no', 'yes'),
  mesh_adopt: setting(z.boolean(), 'yes or no', 'yes'),
  mesh_ovs_source: setting(z.enum(['auto', 'distro', 'build', 'file']), 'auto, distro, build or file', 'distro'),
  mesh_ovs_version: setting(
    z.string().check(z.regex(/^\d+\.\d+(\.\d+)?$/)),
    'a release of Open vSwitch, in quotes',
    '"3.3.4"',
  ),
  mesh_ovs_url: setting(
    text.check(z.refine((value) => !value.includes('://') || /^https?:\/\/[^\s]+$/.test(value))),
    'an http(s) URL, or a path on this machine',
    'https://www.openvswitch.org/releases/openvswitch-3.3.4.tar.gz',
  ),
  mesh_ovs_sha256: setting(
    z.string().check(z.regex(/^[0-9a-fA-F]{64}$/)),
    '64 hexadecimal digits',
    'what sha256sum prints',
  ),
  mesh_ovs_files: setting(
    z.union([text, z.array(text).check(z.minLength(1))]),
    'the path of an RPM on this machine, or a list of such paths',
    '[rpms/openvswitch-3.3.4-1.el9.x86_64.rpm]',
  ),
  mesh_ovs_downgrade: setting(z.boolean(), 'yes or no', 'yes'),
  mesh_builder: setting(text, 'the name of a host of this inventory', 'docker41'),
} as const;

type Name = keyof typeof SETTINGS;
type SettingValue<N extends Name> = (typeof SETTINGS)[N] extends Setting<infer T> ? T : never;

/** The names of all settings, as an inventory spells them. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

/** Complains about each `mesh_*` variable that is no setting. */
export function checkSettingNames(vars: ReadonlyMap<string, Variable>, complaints: Complaints): void {
  for (const [name, { origin }] of vars) {
    if (!name.startsWith('mesh_') || SETTING_NAMES.includes(name)) continue;
    const fix = didYouMean(name, SETTING_NAMES) ?? `the settings are ${SETTING_NAMES.join(', ')}`;
    complaints.fault(`"${name}" is no setting of mesh`, origin.keyAt ?? origin.at, fix);
  }
}

/** One host's `mesh_*` settings with their defaults. What is wrong is noted, and its default stands in its place. */
export function readSettings(host: HostReader, sshHost: string, complaints: Complaints): MeshSettings {
  const get = <N extends Name>(name: N): SettingValue<N> | undefined => {
    const found = host.get(name);
    if (!found) return undefined;
    const { schema, is, example } = SETTINGS[name];
    const parsed = (schema as z.ZodMiniType<SettingValue<N>>).safeParse(found.value);
    if (parsed.success) return parsed.data;
    const message = `${name} must be ${is}, and this is ${describeValue(found.value)}`;
    complaints.fault(message, found.at, `write ${name}: ${example}`);
    return undefined;
  };
  const network = (name: 'mesh_cidr' | 'mesh_slice'): string | undefined => {
    const value = get(name);
    if (value === undefined || parseCidr(value)) return value;
    complaints.fault(`${name} has host bits set: ${value}`, host.get(name)?.at, `write ${name}: ${networkText(value)}`);
    return networkText(value);
  };
  const tunnelType = get('mesh_tunnel_type') ?? 'gre';
  const tunnelKey = get('mesh_tunnel_key');
  if (tunnelKey !== undefined && tunnelType !== 'gre' && tunnelKey > 0xffffff) {
    const message = `mesh_tunnel_key of ${tunnelType} has 24 bits: at most 16777215`;
    complaints.fault(message, host.get('mesh_tunnel_key')?.at, 'write a smaller number');
  }
  return {
    cidr: network('mesh_cidr') ?? '172.17.0.0/16',
    ...defined('slice', network('mesh_slice')),
    slicePrefix: get('mesh_slice_prefix') ?? 24,
    underlayAddress: get('mesh_underlay_address') ?? sshHost,
    addressing: get('mesh_addressing') ?? 'flat',
    tunnelType,
    ...defined('tunnelKey', tunnelKey),
    bridge: get('mesh_bridge') ?? 'br0',
    dockerBridge: get('mesh_docker_bridge') ?? 'docker0',
    ...defined('mtu', get('mesh_mtu')),
    datapath: get('mesh_datapath') ?? 'system',
    topology: get('mesh_topology') ?? 'full',
    adopt: get('mesh_adopt') ?? false,
    ovsSource: get('mesh_ovs_source') ?? 'auto',
    ...defined('ovsVersion', get('mesh_ovs_version')),
    ...defined('ovsUrl', get('mesh_ovs_url')),
    ...defined('ovsSha256', get('mesh_ovs_sha256')?.toLowerCase()),
    ovsFiles: [get('mesh_ovs_files') ?? []].flat(),
    openHosts: get('mesh_open_hosts') ?? false,
    ovsDowngrade: get('mesh_ovs_downgrade') ?? false,
    ...defined('builder', get('mesh_builder')),
  };
}

/** An object with the key only where there is a value. */
export function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

function networkText(value: string): string {
  const parsed = parseInterface(value);
  return parsed ? formatCidr(networkOf(parsed.address, parsed.prefix)) : value;
}
