import type * as z from 'zod';
import type { HostFacts, OpenvSwitchFacts, OvsBridge } from '../../facts/types.js';
import { quote } from '../../quote.js';
import { editBridge, removeLink, setLink, setSysctl } from '../facts-edit.js';
import { describePort, isOwned, portWords, transaction } from '../ovs-words.js';
import { listed } from '../parameters.js';
import { former, recordKey } from '../records.js';
import { lines } from '../shell.js';
import { linkSysctl, sysctlPath } from '../sysctl-key.js';
import { type Change, type Diff, nothing } from '../types.js';
import {
  allWords,
  describe,
  foreignPorts,
  formerBridge,
  fresh,
  kindOf,
  localInterface,
  remove,
  settle,
  settled,
  withLocal,
} from './row.js';

/** An adopted bridge goes back to what it was; one that mesh made is deleted. */
export function absent(name: string, facts: HostFacts, ovs: OpenvSwitchFacts): Diff {
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
