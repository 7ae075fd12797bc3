import * as z from 'zod';
import type { HostFacts, Link, OvsBridge, OvsPort } from '../../facts/types.js';
import { quote } from '../../quote.js';
import { removeIpv6, setLink, setSysctl } from '../facts-edit.js';
import { bareInterface, bridgeWords, interfaceWords, isOwned, transaction } from '../ovs-words.js';
import { listed } from '../parameters.js';
import { lines } from '../shell.js';
import { linkSysctl, sysctlPath } from '../sysctl-key.js';
import type { Diff } from '../types.js';

/** Keys and texts of an Open vSwitch map. Not z.record, which loses the key `__proto__`; a former value is kept whole. */
const pairs = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string'),
  'must be a map of texts',
);

/** What an adopted bridge was like; null for a bridge that mesh made. */
export const formerBridge = z
  .object({
    datapath: z.enum(['system', 'netdev']),
    failMode: z.string().nullable(),
    externalIds: pairs,
    otherConfig: pairs,
    mtuRequest: z.number().nullable(),
    disableIpv6: z.string().nullable(),
    /** Of its device, bytes; null: there was none. */
    mtu: z.number().nullable().default(null),
  })
  .nullable();

const isTunnel = (port: OvsPort) =>
  port.interfaces.some((one) => /^(gre|vxlan|geneve|ip6gre|erspan|stt|lisp)$/.test(one.type));

export function localInterface(bridge: OvsBridge) {
  const port = bridge.ports.find((one) => one.name === bridge.name);
  return port?.interfaces[0] ?? { ...bareInterface(bridge.name), type: 'internal' };
}

export function withLocal(bridge: OvsBridge, mtuRequest: number | null): OvsBridge {
  const local: OvsPort = {
    name: bridge.name,
    protected: false,
    tag: null,
    externalIds: {},
    ...bridge.ports.find((one) => one.name === bridge.name),
    interfaces: [{ ...localInterface(bridge), mtuRequest }],
  };
  return { ...bridge, ports: [...bridge.ports.filter((one) => one.name !== bridge.name), local] };
}

/** A bridge as add-br makes it: the kernel's datapath, no fail mode said, the flow that makes it a learning switch. */
export const fresh = (name: string): OvsBridge => ({
  name,
  datapath: 'system',
  failMode: null,
  controllers: [],
  protocols: [],
  stp: false,
  rstp: false,
  externalIds: {},
  otherConfig: {},
  ports: [],
  flows: { known: true, value: ['priority=0,actions=NORMAL'] },
});

export const allWords = (from: OvsBridge, to: OvsBridge) => [
  ...bridgeWords(from, to),
  ...interfaceWords(localInterface(from), localInterface(to)),
];

/** Shell text that makes sure of the bridge's device: it is there, without IPv6, with its MTU, up. */
export function settle(name: string, mtu: number | null): string {
  const ipv6 = quote(sysctlPath(linkSysctl('ipv6', name, 'disable_ipv6')));
  return lines(
    `ip link show dev ${quote(name)} >/dev/null 2>&1 || {`,
    `  echo ${quote(`Open vSwitch made no device ${name}; it says:`)} "$(ovs-vsctl --timeout=10 get interface ${quote(name)} error)" >&2`,
    '  exit 1',
    '}',
    // Without this a router advertisement that comes out of a tunnel would give the host an address and a default route.
    `if [ -e ${ipv6} ]; then echo 1 >${ipv6}; fi`,
    `ip link set dev ${quote(name)}${mtu === null ? '' : ` mtu ${mtu}`} up`,
  );
}

/** What `settle` leaves behind, as facts. A device that was made anew is in no other bridge. */
export function settled(facts: HostFacts, bridge: OvsBridge, link: Partial<Link> = {}): HostFacts {
  const mtu = localInterface(bridge).mtuRequest;
  const up = setLink(facts, bridge.name, { ...link, up: true, ...(mtu === null ? {} : { mtu }) });
  return removeIpv6(setSysctl(up, linkSysctl('ipv6', bridge.name, 'disable_ipv6'), '1'), bridge.name);
}

export const kindOf = (datapath: OvsBridge['datapath']) => (datapath === 'system' ? 'openvswitch' : 'tun');

export const describe = (bridge: OvsBridge) =>
  [
    `datapath: ${bridge.datapath}`,
    `fail mode: ${bridge.failMode ?? 'not set (standalone)'}`,
    `owner: ${isOwned(bridge) ? 'mesh' : "not mesh's"}`,
    `disable-in-band: ${bridge.otherConfig['disable-in-band'] ?? 'not set'}`,
    `mtu_request: ${localInterface(bridge).mtuRequest ?? 'not set'}`,
  ].join('\n');

export const remove = (name: string) => transaction([['--if-exists', 'del-br', name]]);

/** A bridge of the mesh has its own port and tunnels, nothing else: any other way into it goes around the split horizon. */
export function foreignPorts(bridge: OvsBridge, tunnelsToo: boolean): Diff | undefined {
  const ports = bridge.ports
    .filter((port) => port.name !== bridge.name && !isOwned(port) && !(tunnelsToo && isTunnel(port)))
    .map((port) => port.name);
  const [first] = ports;
  if (first === undefined) return undefined;
  return {
    kind: 'refused',
    sentence: `bridge ${bridge.name} has ports that are not mesh's: ${listed(ports)}`,
    fix: `move them to another bridge (ovs-vsctl del-port ${quote(bridge.name)} ${quote(first)}) or choose another bridge for the mesh with mesh_bridge`,
  };
}
