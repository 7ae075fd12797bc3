import * as z from 'zod';
import type { HostFacts, OvsBridge, OvsPort } from '../facts/types.js';
import type { Tunnel } from '../network/types.js';
import { quoteAll } from '../quote.js';
import { editPorts } from './facts-edit.js';
import { matchTunnels, tunnelPort } from './ovs-tunnel-match.js';
import {
  describePort,
  hasProtectedPorts,
  isOwned,
  nothingToGiveBack,
  portWords,
  runningOpenvSwitch,
  transaction,
} from './ovs-words.js';
import { ipv4Address, linkName, listed, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines } from './shell.js';
import { type Change, type Diff, type FormerRecord, nothing, type Resource } from './types.js';

const tunnel = z.strictObject({
  name: linkName.refine((name) => !/^(gre|gretap|erspan)0$/.test(name), {
    error: (issue) => `${String(issue.input)} is a device of the kernel's own: give the tunnel another name`,
  }),
  type: z.enum(['gre', 'vxlan', 'geneve'], { error: 'a tunnel is gre, vxlan or geneve' }),
  peer: z.string({ error: 'peer is the name of the host at the other end' }).min(1, 'peer is empty'),
  remote_ip: ipv4Address,
  local_ip: ipv4Address,
  key: z.int().min(0).max(0xffffffff, 'a key has 32 bits').nullable().default(null),
  state: z.enum(['wanted', 'waiting'], { error: 'state is wanted or waiting' }).default('wanted'),
});

const schema = z.strictObject({
  bridge: linkName,
  tunnels: z
    .array(tunnel, { error: 'tunnels is a list' })
    .default([])
    .superRefine((all, context) => {
      for (const [what, of] of [
        ['name', (one: Tunnel) => one.name],
        ['end', (one: Tunnel) => `${one.type} ${one.local_ip} → ${one.remote_ip}`],
      ] as const) {
        const seen = new Set<string>();
        for (const [index, one] of all.entries()) {
          if (seen.has(of(one))) {
            context.addIssue({
              code: 'custom',
              path: [index],
              message: `two tunnels have the same ${what}: ${of(one)}`,
            });
          }
          seen.add(of(one));
        }
      }
    }),
  /** Take over ports to the same peers, and remove tunnels to others, that mesh did not make. */
  adopt: z.boolean({ error: 'adopt is true or false' }).default(false),
  /** `former`: remove what mesh made and put back what it took over. `tunnels` is not looked at then. */
  state: z.enum(['present', 'former'], { error: 'state is present or former' }).default('present'),
});
type Params = z.infer<typeof schema>;

const strings = z.record(z.string(), z.string());
/** An adopted port as it was. */
const formerPort = z.object({
  bridge: z.string(),
  name: z.string(),
  protected: z.boolean(),
  tag: z.number().nullable(),
  externalIds: strings,
  interfaces: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      options: strings,
      mtuRequest: z.number().nullable(),
      error: z.string().nullable(),
      externalIds: strings,
    }),
  ),
});

const RECORD = 'ovs_port';

interface Step {
  readonly from?: OvsPort;
  readonly to?: OvsPort;
}

/**
 * ovs-vsctl succeeds even where ovs-vswitchd cannot make the port; what it says is in the row then (ofport -1 and error,
 * ovs-vswitchd.conf.db(5)).
 */
function confirm(names: readonly string[]): string {
  const list = ['list', 'interface', ...names];
  return lines(
    `made=$(ovs-vsctl --timeout=30 --no-headings --format=csv --data=bare --columns=ofport,name,error -- ${quoteAll(list)})`,
    `broken=$(printf '%s\\n' "$made" | sed -n 's/^-1,//p')`,
    'if [ -n "$broken" ]; then',
    `  printf 'Open vSwitch could not make %s\\n' "$broken" >&2`,
    '  case $broken in',
    `  *'ddress family not supported'*) echo 'The kernel has no such tunnels: load its module (modprobe vport-gre) or set mesh_datapath: netdev' >&2 ;;`,
    '  esac',
    '  exit 1',
    'fi',
  );
}

/** From one state of a port to another; a port that Open vSwitch could not make is made anew, else nothing would try again. */
function words(bridge: string, { from, to }: Step): readonly (readonly string[])[] {
  const drop = (name: string) => ['--if-exists', 'del-port', bridge, name];
  if (!to) return from ? [drop(from.name)] : [];
  if (from?.interfaces.some((one) => one.error !== null)) return [drop(from.name), ...portWords(bridge, to)];
  if (from && from.name !== to.name) return [drop(from.name), ...portWords(bridge, to)];
  return portWords(bridge, to, from);
}

const equal = (bridge: string, from: OvsPort, to: OvsPort) => words(bridge, { from, to }).length === 0;

/** All ports of one kind of change in one transaction. */
function change(
  bridge: string,
  sentence: string,
  steps: readonly Step[],
  records: readonly FormerRecord[] = [],
): Change {
  const made = steps.flatMap(({ to }) => (to ? to.interfaces.map((one) => one.name) : []));
  const back = steps.map(({ from, to }): Step => ({ ...(to ? { from: to } : {}), ...(from ? { to: from } : {}) }));
  const texts = (ports: readonly (OvsPort | undefined)[]) =>
    ports.flatMap((port) => (port ? [describePort(port)] : [])).join('\n');
  const before = texts(steps.map(({ from }) => from));
  const after = texts(steps.map(({ to }) => to));
  const gone = new Set(steps.flatMap(({ from, to }) => [from?.name, to?.name]));
  return {
    sentence,
    command: lines(transaction(steps.flatMap((step) => words(bridge, step))), made.length > 0 && confirm(made)),
    undo: { command: transaction(back.flatMap((step) => words(bridge, step))) },
    ...(before ? { before } : {}),
    ...(after ? { after } : {}),
    records,
    effect: (facts) => {
      const edited = editPorts(facts, bridge, (ports) => [
        ...ports.filter((port) => !gone.has(port.name)),
        ...steps.flatMap(({ to }) => (to ? [to] : [])),
      ]);
      return withRecords(edited, records);
    },
  };
}

const plural = (count: number, noun: string) => (count === 1 ? noun : `${count} ${noun}s`);

const ends = (tunnels: readonly Tunnel[]) =>
  listed(tunnels.map((one) => `${one.name} to ${one.peer} (${one.remote_ip})`));

function present(
  params: Params,
  facts: HostFacts,
  bridge: OvsBridge,
  bridges: readonly OvsBridge[],
  version: string | null,
): Diff {
  const { bridge: name } = params;
  const split = hasProtectedPorts(version);
  if (!split && params.tunnels.length > 1) {
    return {
      kind: 'refused',
      sentence: `Open vSwitch ${version} has no protected ports, without which more than two hosts make a loop`,
      fix: 'install Open vSwitch 2.7 or later on this host',
    };
  }
  const match = matchTunnels(params.tunnels, bridge, bridges, params.adopt);
  if ('kind' in match) return match;
  const shall = (one: Tunnel, now?: OvsPort) => tunnelPort(one, split, now);
  const altered = match.kept.filter(({ tunnel: one, port }) => !equal(name, port, shall(one, port)));
  const adopted = [...altered.map(({ port }) => port), ...match.gone, ...match.renamed.map(({ port }) => port)];
  const recordOf = (port: OvsPort): readonly FormerRecord[] =>
    isOwned(port) || !adopted.includes(port)
      ? []
      : newRecords(facts, { key: recordKey(RECORD, port.name), value: { ...port, bridge: name } });
  const changes: Change[] = [];
  if (match.gone.length > 0) {
    const names = match.gone.map((port) => (isOwned(port) ? port.name : `${port.name} (not made by mesh)`));
    const sentence = `remove ${plural(match.gone.length, 'tunnel')} ${listed(names)} from ${name}`;
    changes.push(
      change(
        name,
        sentence,
        match.gone.map((from) => ({ from })),
        match.gone.flatMap(recordOf),
      ),
    );
  }
  const steps = [...match.renamed, ...altered].map(({ tunnel: one, port }) => ({
    from: port,
    to: shall(one, match.renamed.some((other) => other.port === port) ? undefined : port),
  }));
  if (steps.length > 0) {
    const taken = steps.filter(({ from }) => !isOwned(from));
    const verb = taken.length === steps.length ? 'take over' : 'correct';
    const sentence = `${verb} ${plural(steps.length, 'tunnel')} ${listed(
      steps.map(({ from, to }) => (from.name === to.name ? to.name : `${from.name} as ${to.name}`)),
    )} on ${name}`;
    changes.push(
      change(
        name,
        sentence,
        steps,
        taken.flatMap(({ from }) => recordOf(from)),
      ),
    );
  }
  if (match.missing.length > 0) {
    const sentence = `add ${plural(match.missing.length, 'tunnel')} ${ends(match.missing)} on ${name}`;
    changes.push(
      change(
        name,
        sentence,
        match.missing.map((one) => ({ to: shall(one) })),
      ),
    );
  }
  const waiting = params.tunnels.filter((one) => one.state === 'waiting');
  const notes = waiting.map(
    (one) =>
      `tunnel ${one.name} waits for ${one.peer} (${one.remote_ip}), which cannot be worked on now: it is left as it is`,
  );
  return { kind: 'changes', changes, ...(notes.length > 0 ? { notes } : {}) };
}

function goBack(params: Params, facts: HostFacts, bridge: OvsBridge): Diff {
  const { bridge: name } = params;
  if (!facts.mesh.known) return nothing;
  const steps: Step[] = [];
  const recorded = new Set<string>();
  for (const key of Object.keys(facts.mesh.value.records).filter((one) => one.startsWith(`${RECORD}/`))) {
    const record = former(facts, key, formerPort);
    if (record.kind === 'unknown') return record.diff;
    if (record.kind === 'none' || record.value.bridge !== name) continue;
    const { bridge: _, ...was } = record.value;
    const to = { ...was, interfaces: was.interfaces.map((one) => ({ ...one, error: null })) };
    recorded.add(to.name);
    const from = bridge.ports.find((port) => port.name === to.name);
    if (!from || (isOwned(from) && !equal(name, from, to))) steps.push({ ...(from ? { from } : {}), to });
  }
  const gone = bridge.ports.filter((port) => isOwned(port) && port.name !== name && !recorded.has(port.name));
  const changes: Change[] = [];
  if (gone.length > 0) {
    const sentence = `remove ${plural(gone.length, 'tunnel')} ${listed(gone.map((port) => port.name))} from ${name}`;
    changes.push(
      change(
        name,
        sentence,
        gone.map((from) => ({ from })),
      ),
    );
  }
  if (steps.length > 0) {
    const names = steps.flatMap(({ to }) => (to ? [to.name] : []));
    changes.push(
      change(name, `put ${plural(steps.length, 'tunnel')} ${listed(names)} back as it was before mesh`, steps),
    );
  }
  return { kind: 'changes', changes };
}

/**
 * All tunnel ports of one bridge: those that are wanted, and of mesh's own no others.
 *
 * Every port is `protected` from the transaction on that adds it: what came out of one tunnel never goes into another, so a
 * full mesh has no loop. `local_ip` is always set. A port of mesh's whose type and remote_ip are right is kept whatever its
 * name. A tunnel whose peer cannot be worked on now is neither made nor removed nor altered.
 */
export const ovsTunnels: Resource<Params> = {
  type: 'ovs_tunnels',
  schema,
  label: ({ bridge }) => `tunnels on ${bridge}`,
  interests: () => ({}),
  diff: (params, facts) => {
    const nothingWanted = params.state === 'former' || params.tunnels.every((one) => one.state === 'waiting');
    if (params.state === 'former' && nothingToGiveBack(facts)) return nothing;
    if (nothingWanted && facts.openvswitch.known && !facts.openvswitch.value.installed) return nothing;
    const ovs = runningOpenvSwitch(facts);
    if ('kind' in ovs) return ovs;
    const missing = unread('what mesh left on the host', facts.mesh);
    if (missing) return missing;
    const bridge = ovs.bridges.find((one) => one.name === params.bridge);
    if (!bridge) {
      if (nothingWanted) return nothing;
      return {
        kind: 'refused',
        sentence: `there is no bridge ${params.bridge} to put tunnels on`,
        fix: `let an ovs_bridge task for ${params.bridge} come before this one`,
      };
    }
    return params.state === 'former'
      ? goBack(params, facts, bridge)
      : present(params, facts, bridge, ovs.bridges, ovs.version);
  },
};
