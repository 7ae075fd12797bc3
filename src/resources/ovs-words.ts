import type { HostFacts, OpenvSwitchFacts, OvsBridge, OvsInterface, OvsPort } from '../facts/types.js';
import { quote, quoteAll } from '../quote.js';
import type { Diff } from './types.js';

/** The mark in `external_ids` of every Open vSwitch row that mesh owns. */
export const OWNER_KEY = 'mesh-owner';
export const OWNER = 'mesh';
/** Which host a tunnel port leads to, in `external_ids` too. */
export const PEER_KEY = 'mesh-peer';

/** Seconds that one transaction may wait for ovs-vswitchd: thousands of ports take seconds. */
const TIMEOUT_SECONDS = 60;

export function isOwned(row: { readonly externalIds: Readonly<Record<string, string>> }): boolean {
  return row.externalIds[OWNER_KEY] === OWNER;
}

/** A string as ovs-vsctl reads it in a value: bare where that is safe, else JSON (ovs-vsctl(8), Database Values). */
export function ovsText(text: string): string {
  return /^[A-Za-z0-9_.-]+$/.test(text) ? text : JSON.stringify(text);
}

/** One ovs-vsctl call, which is one transaction: all of it happens or nothing. One line a command. */
export function transaction(commands: readonly (readonly string[])[]): string {
  return [`ovs-vsctl --timeout=${TIMEOUT_SECONDS}`, ...commands.map((words) => `-- ${quoteAll(words)}`)].join(
    ' \\\n  ',
  );
}

type Strings = Readonly<Record<string, string>>;

/** `set` and `remove` words that turn one map column into another. */
function mapWords(table: string, row: string, column: string, from: Strings, to: Strings) {
  const set = Object.entries(to)
    .filter(([key, value]) => from[key] !== value)
    .map(([key, value]) => `${column}:${ovsText(key)}=${ovsText(value)}`);
  const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
  return { set, remove: gone.map((key) => ['remove', table, row, column, ovsText(key)]) };
}

/** The commands that turn a row of the table Bridge from `from` into `to`; nothing for what is equal. */
export function bridgeWords(from: OvsBridge, to: OvsBridge): readonly (readonly string[])[] {
  const ids = mapWords('bridge', to.name, 'external_ids', from.externalIds, to.externalIds);
  const other = mapWords('bridge', to.name, 'other_config', from.otherConfig, to.otherConfig);
  const set = [
    ...(from.datapath === to.datapath ? [] : [`datapath_type=${to.datapath}`]),
    ...(from.failMode === to.failMode || to.failMode === null ? [] : [`fail_mode=${to.failMode}`]),
    ...ids.set,
    ...other.set,
  ];
  return [
    ...(from.failMode !== null && to.failMode === null ? [['clear', 'bridge', to.name, 'fail_mode']] : []),
    ...ids.remove,
    ...other.remove,
    ...(set.length > 0 ? [['set', 'bridge', to.name, ...set]] : []),
  ];
}

/** The commands that turn an interface from `from` into `to`; nothing for what is equal. */
export function interfaceWords(from: OvsInterface, to: OvsInterface): readonly (readonly string[])[] {
  const ids = mapWords('interface', to.name, 'external_ids', from.externalIds, to.externalIds);
  const options = mapWords('interface', to.name, 'options', from.options, to.options);
  const set = [
    ...(from.type === to.type ? [] : [`type=${ovsText(to.type)}`]),
    ...options.set,
    ...(from.mtuRequest === to.mtuRequest || to.mtuRequest === null ? [] : [`mtu_request=${to.mtuRequest}`]),
    ...ids.set,
  ];
  return [
    ...(from.mtuRequest !== null && to.mtuRequest === null ? [['clear', 'interface', to.name, 'mtu_request']] : []),
    ...options.remove,
    ...ids.remove,
    ...(set.length > 0 ? [['set', 'interface', to.name, ...set]] : []),
  ];
}

/** The commands that turn a port and its interface from `from` into `to`; from nothing: that add it. */
export function portWords(bridge: string, to: OvsPort, from?: OvsPort): readonly (readonly string[])[] {
  const ids = mapWords('port', to.name, 'external_ids', from?.externalIds ?? {}, to.externalIds);
  const set = [
    ...((from?.protected ?? false) === to.protected ? [] : [`protected=${to.protected}`]),
    ...((from?.tag ?? null) === to.tag || to.tag === null ? [] : [`tag=${to.tag}`]),
    ...ids.set,
  ];
  return [
    ...(from ? [] : [['--may-exist', 'add-port', bridge, to.name]]),
    ...(from && from.tag !== null && to.tag === null ? [['clear', 'port', to.name, 'tag']] : []),
    ...ids.remove,
    ...to.interfaces.flatMap((now) =>
      interfaceWords(from?.interfaces.find((one) => one.name === now.name) ?? bareInterface(now.name), now),
    ),
    ...(set.length > 0 ? [['set', 'port', to.name, ...set]] : []),
  ];
}

/** An interface as `add-port` makes it. */
export function bareInterface(name: string): OvsInterface {
  return { name, type: '', options: {}, mtuRequest: null, error: null, externalIds: {} };
}

/** One line for people: `gre-docker42: gre remote_ip=192.168.199.42, local_ip=…, protected`. */
export function describePort(port: OvsPort): string {
  const parts = port.interfaces.map((one) => {
    const options = Object.entries(one.options).map(([key, value]) => `${key}=${value}`);
    return [one.type || 'system', ...options.sort(), ...(one.error === null ? [] : [`error: ${one.error}`])].join(' ');
  });
  const peer = port.externalIds[PEER_KEY];
  return [
    `${port.name}: ${parts.join(' + ')}`,
    ...(port.protected ? ['protected'] : []),
    ...(port.tag === null ? [] : [`tag ${port.tag}`]),
    ...(peer === undefined ? [] : [`to ${peer}`]),
    ...(isOwned(port) ? [] : ["not mesh's"]),
  ].join(', ');
}

/** Whether this version knows `protected` ports, which came with 2.7.0. A version that cannot be read is taken for newer. */
export function hasProtectedPorts(version: string | null): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version ?? '');
  if (!match) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > 2 || (major === 2 && minor >= 7);
}

/** Whether there is nothing for a teardown to look for: Open vSwitch is gone, or it is stopped and mesh noted nothing of it. */
export function nothingToGiveBack(facts: HostFacts): boolean {
  if (!facts.openvswitch.known) return false;
  const { installed, running } = facts.openvswitch.value;
  if (!installed) return true;
  return !running && facts.mesh.known && !Object.keys(facts.mesh.value.records).some((key) => key.startsWith('ovs_'));
}

/** Open vSwitch where it can be asked; else the diff that says why not. */
export function runningOpenvSwitch(facts: HostFacts): OpenvSwitchFacts | Diff {
  const fact = facts.openvswitch;
  if (!fact.known) return { kind: 'unknown', what: 'Open vSwitch', why: fact.why };
  if (!fact.value.installed) {
    return {
      kind: 'refused',
      sentence: 'Open vSwitch is not installed',
      fix: 'let a package task for Open vSwitch come before this one',
    };
  }
  if (!fact.value.running) {
    return {
      kind: 'refused',
      sentence: 'Open vSwitch is installed but does not answer',
      fix: `see why with ${quote('systemctl')} status ovs-vswitchd ovsdb-server, or let a service task start it before this one`,
    };
  }
  return fact.value;
}
