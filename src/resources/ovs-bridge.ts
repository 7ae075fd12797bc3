import * as z from 'zod';
import type { HostFacts, OpenvSwitchFacts, OvsBridge } from '../facts/types.js';
import { quote } from '../quote.js';
import { editBridge, removeIpv6, setLink, setSysctl } from './facts-edit.js';
import { absent } from './ovs-bridge/absent.js';
import {
  allWords,
  describe,
  foreignPorts,
  fresh,
  kindOf,
  localInterface,
  remove,
  settle,
  settled,
  withLocal,
} from './ovs-bridge/row.js';
import { isOwned, nothingToGiveBack, OWNER, OWNER_KEY, runningOpenvSwitch, transaction } from './ovs-words.js';
import { linkName, listed, mtuBytes, unread } from './parameters.js';
import { newRecords, recordKey, withRecords } from './records.js';
import { lines } from './shell.js';
import { linkSysctl, sysctlPath } from './sysctl-key.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

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
    return params.state === 'present' ? present(params, facts, ovs) : absent(params.name, facts, ovs);
  },
};
