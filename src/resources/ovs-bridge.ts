import * as z from 'zod';
import type { HostFacts, Link, OpenvSwitchFacts, OvsBridge, OvsPort } from '../facts/types.js';
import { quote } from '../quote.js';
import { editBridge, removeIpv6, removeLink, setLink, setSysctl } from './facts-edit.js';
import {
  bareInterface,
  bridgeWords,
  describePort,
  interfaceWords,
  isOwned,
  nothingToGiveBack,
  OWNER,
  OWNER_KEY,
  portWords,
  runningOpenvSwitch,
  transaction,
} from './ovs-words.js';
import { linkName, listed, mtuBytes, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines } from './shell.js';
import { linkSysctl, sysctlPath } from './sysctl-key.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

/** Keys and texts of an Open vSwitch map. Not z.record, which loses the key `__proto__`; a former value is kept whole. */
const pairs = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string'),
  'must be a map of texts',
);

const schema = z.strictObject({
  name: linkName,
  /** `system`: the kernel's datapath; `netdev`: Open vSwitch's own, in user space. */
  datapath: z.enum(['system', 'netdev'], { error: 'datapath is system or netdev' }).default('system'),
  /** Bytes, for the bridge's own device. Left out: whatever Open vSwitch chooses. */
  mtu: mtuBytes.optional(),
  /** Take over a bridge of that name that mesh did not make. */
  adopt: z.boolean({ error: 'adopt is true or false' }).default(false),
  state: z.enum(['present', 'absent'], { error: 'state is present or absent' }).default('present'),
});
type Params = z.infer<typeof schema>;

/** What an adopted bridge was like; null for a bridge that mesh made. */
const formerBridge = z
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

function localInterface(bridge: OvsBridge) {
  const port = bridge.ports.find((one) => one.name === bridge.name);
  return port?.interfaces[0] ?? { ...bareInterface(bridge.name), type: 'internal' };
}

function withLocal(bridge: OvsBridge, mtuRequest: number | null): OvsBridge {
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

/** The bridge as it shall be, made of what is there. */
function wanted(params: Params, now: OvsBridge): OvsBridge {
  const bridge: OvsBridge = {
    ...now,
    datapath: params.datapath,
    failMode: 'standalone',
    externalIds: { ...now.externalIds, [OWNER_KEY]: OWNER },
    otherConfig: { ...now.otherConfig, 'disable-in-band': 'true' },
  };
  return withLocal(bridge, params.mtu ?? localInterface(now).mtuRequest);
}

/** A bridge as add-br makes it: the kernel's datapath, no fail mode said, the flow that makes it a learning switch. */
const fresh = (name: string): OvsBridge => ({
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

const allWords = (from: OvsBridge, to: OvsBridge) => [
  ...bridgeWords(from, to),
  ...interfaceWords(localInterface(from), localInterface(to)),
];

/** Shell text that makes sure of the bridge's device: it is there, without IPv6, with its MTU, up. */
function settle(name: string, mtu: number | null): string {
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
function settled(facts: HostFacts, bridge: OvsBridge, link: Partial<Link> = {}): HostFacts {
  const mtu = localInterface(bridge).mtuRequest;
  const up = setLink(facts, bridge.name, { ...link, up: true, ...(mtu === null ? {} : { mtu }) });
  return removeIpv6(setSysctl(up, linkSysctl('ipv6', bridge.name, 'disable_ipv6'), '1'), bridge.name);
}

const kindOf = (datapath: OvsBridge['datapath']) => (datapath === 'system' ? 'openvswitch' : 'tun');

const describe = (bridge: OvsBridge) =>
  [
    `datapath: ${bridge.datapath}`,
    `fail mode: ${bridge.failMode ?? 'not set (standalone)'}`,
    `owner: ${isOwned(bridge) ? 'mesh' : "not mesh's"}`,
    `disable-in-band: ${bridge.otherConfig['disable-in-band'] ?? 'not set'}`,
    `mtu_request: ${localInterface(bridge).mtuRequest ?? 'not set'}`,
  ].join('\n');

const remove = (name: string) => transaction([['--if-exists', 'del-br', name]]);

function create(params: Params, facts: HostFacts): Change {
  const { name } = params;
  const bridge = wanted(params, fresh(name));
  const records = newRecords(facts, { key: recordKey('ovs_bridge', name), value: null });
  return {
    sentence: `create bridge ${name} (datapath ${params.datapath}${params.mtu === undefined ? '' : `, MTU ${params.mtu}`})`,
    command: lines(
      transaction([['--may-exist', 'add-br', name], ...allWords(withLocal(fresh(name), null), bridge)]),
      settle(name, params.mtu ?? null),
    ),
    undo: { command: remove(name) },
    after: describe(bridge),
    records,
    effect: (now) => {
      const link = { kind: kindOf(params.datapath), master: null };
      return withRecords(
        settled(
          editBridge(now, name, () => bridge),
          bridge,
          link,
        ),
        records,
      );
    },
  };
}

/** Why a bridge that is there cannot be used, if so. */
function refusal(params: Params, bridge: OvsBridge): Diff | undefined {
  const { name } = params;
  if (bridge.controllers.length > 0) {
    return {
      kind: 'refused',
      sentence: `bridge ${name} is steered by an OpenFlow controller (${listed(bridge.controllers)}); the mesh's split horizon holds only without one`,
      fix: `take the controller away (ovs-vsctl del-controller ${quote(name)}) or choose another bridge with mesh_bridge`,
    };
  }
  if (!isOwned(bridge) && !params.adopt) {
    return {
      kind: 'refused',
      sentence: `there is a bridge ${name} that mesh did not make`,
      fix: `set mesh_adopt: true to let mesh take it over, choose another name with mesh_bridge, or remove it with ovs-vsctl del-br ${quote(name)}`,
    };
  }
  return foreignPorts(bridge, params.adopt);
}

/** A bridge of the mesh has its own port and tunnels, nothing else: any other way into it goes around the split horizon. */
function foreignPorts(bridge: OvsBridge, tunnelsToo: boolean): Diff | undefined {
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

/** The changes on the bridge's row: taking it over, its datapath, the rest. */
function rowChanges(params: Params, facts: HostFacts, bridge: OvsBridge): readonly Change[] {
  const { name } = params;
  const target = wanted(params, bridge);
  const words = allWords(bridge, target);
  if (words.length === 0) return [];
  const datapath = bridge.datapath !== params.datapath;
  const sentence = [
    ...(isOwned(bridge) ? [] : [`take over bridge ${name}, which mesh did not make`]),
    ...(datapath
      ? [
          `change the datapath of bridge ${name} from ${bridge.datapath} to ${params.datapath}: its traffic stops meanwhile`,
        ]
      : []),
  ];
  const mtu = localInterface(target).mtuRequest;
  const ipv6 = facts.sysctls[linkSysctl('ipv6', name, 'disable_ipv6')];
  const value = {
    datapath: bridge.datapath,
    failMode: bridge.failMode,
    externalIds: bridge.externalIds,
    otherConfig: bridge.otherConfig,
    mtuRequest: localInterface(bridge).mtuRequest,
    disableIpv6: ipv6?.known ? ipv6.value : null,
    mtu: (facts.links.known && facts.links.value.find((one) => one.name === name)?.mtu) || null,
  };
  const records = isOwned(bridge) ? [] : newRecords(facts, { key: recordKey('ovs_bridge', name), value });
  return [
    {
      sentence: sentence.join(', and ') || `correct the settings of bridge ${name}`,
      command: lines(transaction(words), datapath && settle(name, mtu)),
      undo: {
        command: lines(
          transaction(allWords(target, bridge)),
          datapath && settle(name, localInterface(bridge).mtuRequest),
        ),
      },
      before: describe(bridge),
      after: describe(target),
      records,
      effect: (now) => {
        const edited = withRecords(
          editBridge(now, name, () => target),
          records,
        );
        if (datapath) return settled(edited, target, { kind: kindOf(params.datapath), master: null });
        return localInterface(bridge).mtuRequest === mtu || mtu === null ? edited : setLink(edited, name, { mtu });
      },
    },
  ];
}

/** The changes on the bridge's device, after those on its row. */
function deviceChanges(params: Params, facts: HostFacts): readonly Change[] {
  const { name, mtu } = params;
  const link = facts.links.known ? facts.links.value.find((one) => one.name === name) : undefined;
  const key = linkSysctl('ipv6', name, 'disable_ipv6');
  const ipv6 = facts.sysctls[key];
  const path = quote(sysctlPath(key));
  const changes: Change[] = [];
  if (ipv6?.known && ipv6.value !== null && ipv6.value !== '1') {
    changes.push({
      sentence: `take IPv6 off ${name}`,
      command: `echo 1 >${path}`,
      undo: { command: `echo ${quote(ipv6.value)} >${path}` },
      before: `${key} = ${ipv6.value}`,
      after: `${key} = 1`,
      effect: (now) => removeIpv6(setSysctl(now, key, '1'), name),
    });
  }
  if (!link?.up || (mtu !== undefined && link.mtu !== mtu)) {
    const words = `${mtu === undefined ? '' : ` mtu ${mtu}`} up`;
    changes.push({
      sentence: `bring ${name} up${mtu === undefined ? '' : ` with MTU ${mtu}`}`,
      command: `ip link set dev ${quote(name)}${words}`,
      undo: { command: link ? `ip link set dev ${quote(name)} mtu ${link.mtu} ${link.up ? 'up' : 'down'}` : ':' },
      before: link ? `mtu ${link.mtu}, ${link.up ? 'up' : 'down'}` : 'not there',
      after: `mtu ${mtu ?? link?.mtu ?? 'unchanged'}, up`,
      effect: (now) => setLink(now, name, { up: true, ...(mtu === undefined ? {} : { mtu }) }),
    });
  }
  return changes;
}

function present(params: Params, facts: HostFacts, ovs: OpenvSwitchFacts): Diff {
  const { name } = params;
  const bridge = ovs.bridges.find((one) => one.name === name);
  const link = facts.links.known ? facts.links.value.find((one) => one.name === name) : undefined;
  if (bridge) {
    const refused = refusal(params, bridge);
    if (refused) return refused;
    const rows = rowChanges(params, facts, bridge);
    const after = rows.reduce((now, change) => change.effect(now), facts);
    return { kind: 'changes', changes: [...rows, ...deviceChanges(params, after)] };
  }
  if (link) {
    return {
      kind: 'refused',
      sentence: `there is a ${link.kind ?? 'device'} ${name} already that is not a bridge of Open vSwitch`,
      fix: 'choose another name for the bridge with mesh_bridge',
    };
  }
  return { kind: 'changes', changes: [create(params, facts)] };
}

/** An adopted bridge goes back to what it was; one that mesh made is deleted. */
function absent(params: Params, facts: HostFacts, ovs: OpenvSwitchFacts): Diff {
  const { name } = params;
  const bridge = ovs.bridges.find((one) => one.name === name);
  if (!bridge) return nothing;
  if (!isOwned(bridge)) {
    return { kind: 'changes', changes: [], notes: [`bridge ${name} is not mesh's: it is left alone`] };
  }
  const record = former(facts, recordKey('ovs_bridge', name), formerBridge);
  if (record.kind === 'unknown') return record.diff;
  if (record.kind === 'value' && record.value !== null) return giveBack(name, facts, bridge, record.value);
  const refused = foreignPorts(bridge, false);
  if (refused) return refused;
  const master = facts.links.known ? (facts.links.value.find((one) => one.name === name)?.master ?? null) : null;
  const bare = withLocal(fresh(name), null);
  const ports = bridge.ports.filter((port) => port.name !== name);
  const again = [
    ['--may-exist', 'add-br', name],
    ...allWords(bare, bridge),
    ...ports.flatMap((port) => portWords(name, port)),
  ];
  const change: Change = {
    sentence: `delete bridge ${name}${ports.length > 0 ? ` with its tunnels ${listed(ports.map((port) => port.name))}` : ''}`,
    command: remove(name),
    undo: {
      command: lines(
        transaction(again),
        settle(name, localInterface(bridge).mtuRequest),
        master !== null && `ip link set dev ${quote(name)} master ${quote(master)}`,
      ),
    },
    before: [describe(bridge), ...ports.map(describePort)].join('\n'),
    effect: (now) =>
      setSysctl(
        removeLink(
          editBridge(now, name, () => undefined),
          name,
        ),
        linkSysctl('ipv6', name, 'disable_ipv6'),
        null,
      ),
  };
  return { kind: 'changes', changes: [change] };
}

function giveBack(
  name: string,
  facts: HostFacts,
  bridge: OvsBridge,
  was: NonNullable<z.infer<typeof formerBridge>>,
): Diff {
  const { mtuRequest, disableIpv6, mtu, ...row } = was;
  const target = withLocal({ ...bridge, ...row }, mtuRequest);
  const key = linkSysctl('ipv6', name, 'disable_ipv6');
  const path = quote(sysctlPath(key));
  const datapath = bridge.datapath !== target.datapath;
  const link = facts.links.known ? facts.links.value.find((one) => one.name === name) : undefined;
  // Without a request Open vSwitch holds the device at the MTU that it has, whoever sets another: it has to be asked for.
  const device = mtu !== null && link !== undefined && link.mtu !== mtu;
  const change: Change = {
    sentence: `give bridge ${name} back as it was before mesh took it over`,
    command: lines(
      transaction(allWords(bridge, device ? withLocal(target, mtuRequest ?? mtu) : target)),
      // A device of another datapath is made anew, and down.
      datapath && settle(name, null),
      device && mtuRequest === null && transaction([['clear', 'interface', name, 'mtu_request']]),
      disableIpv6 !== null && `if [ -e ${path} ]; then echo ${quote(disableIpv6)} >${path}; fi`,
    ),
    undo: { command: lines(transaction(allWords(target, bridge)), settle(name, localInterface(bridge).mtuRequest)) },
    before: describe(bridge),
    after: describe(target),
    effect: (now) => {
      const row = editBridge(now, name, () => target);
      const up = datapath ? settled(row, target, { kind: kindOf(target.datapath), master: null }) : row;
      const given = device ? setLink(up, name, { mtu }) : up;
      return disableIpv6 === null ? given : setSysctl(given, key, disableIpv6);
    },
  };
  return { kind: 'changes', changes: [change] };
}

/**
 * A bridge of Open vSwitch that mesh owns: a learning switch without controller and without IPv6 of its own.
 *
 * Its hardware address is left to Open vSwitch, which derives it from the bridge's UUID: it is unique and stays the same
 * over restarts, and tunnel ports do not change it (bridge.c, `bridge_create`; a port's locally administered address is no
 * candidate). Without a controller its fail mode `standalone` keeps the one NORMAL flow that makes it a switch.
 */
export const ovsBridge: Resource<Params> = {
  type: 'ovs_bridge',
  schema,
  label: ({ name }) => name,
  interests: ({ name }) => ({ bridges: [name], sysctls: [linkSysctl('ipv6', name, 'disable_ipv6')] }),
  diff: (params, facts) => {
    if (params.state === 'absent' && nothingToGiveBack(facts)) return nothing;
    const ovs = runningOpenvSwitch(facts);
    if ('kind' in ovs) return ovs;
    const key = linkSysctl('ipv6', params.name, 'disable_ipv6');
    const ipv6 = facts.sysctls[key];
    const missing =
      unread('the network devices', facts.links) ??
      unread('what mesh left on the host', facts.mesh) ??
      (ipv6 && unread(`the kernel setting ${key}`, ipv6));
    if (missing) return missing;
    return params.state === 'present' ? present(params, facts, ovs) : absent(params, facts, ovs);
  },
};
