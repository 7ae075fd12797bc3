import * as z from 'zod';
import type { HostFacts, OvsBridge } from '../facts/types.js';
import { quote, quoteAll } from '../quote.js';
import { editBridge } from './facts-edit.js';
import { normalizeFlow } from './flow-text.js';
import { isOwned, nothingToGiveBack, runningOpenvSwitch } from './ovs-words.js';
import { linkName, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

export { normalizeFlow } from './flow-text.js';

/** The cookie of mesh's flows: `mesh` in ASCII, for whoever reads a dump. */
export const FLOW_COOKIE = '0x6d657368';

/** What makes the bridge a learning switch; Open vSwitch adds it by itself to a bridge without controller. */
const NORMAL = 'priority=0,actions=NORMAL';

const flow = z
  .string({ error: 'a flow is a text such as priority=100,icmp6,icmp_type=134,actions=drop' })
  .regex(/^[\x20-\x7e]+$/, 'a flow is one line of plain characters')
  .refine((text) => normalizeFlow(text)?.actions === 'drop', {
    error: (issue) => `a flow here ends in actions=drop: ${String(issue.input)}`,
  })
  .refine((text) => !/(^|[\s,])cookie/.test(text), 'the cookie is set by mesh');

const schema = z.strictObject({
  bridge: linkName,
  flows: z.array(flow, { error: 'flows is a list of flows' }).default([]),
  /** `former`: the flows that the bridge had before mesh. `flows` is not looked at then. */
  state: z.enum(['present', 'former'], { error: 'state is present or former' }).default('present'),
});
type Params = z.infer<typeof schema>;

function replace(bridge: string, flows: readonly string[]): string {
  return `${quoteAll(['printf', '%s\\n', ...flows])} |\n  ovs-ofctl --timeout=30 --bundle replace-flows ${quote(bridge)} -`;
}

/** What a bridge's table held before mesh, as flows are written. */
const formerFlows = z.array(z.string());

const withCookie = (text: string) => `cookie=${FLOW_COOKIE},${text}`;

/** A flow of a dump without what only a dump has: counters and ages before the match. */
const written = (dumped: string) => dumped.trim().replace(/^.*?(?=cookie=|table=|priority=)/, '');

function diff({ bridge: name, flows, state }: Params, facts: HostFacts, bridge: OvsBridge): Diff {
  const unknown = unread(`the flows of bridge ${name}`, bridge.flows);
  if (unknown || !bridge.flows.known) return unknown ?? nothing;
  const now = bridge.flows.value;
  const key = recordKey('ovs_flows', name);
  const recorded = former(facts, key, formerFlows);
  if (state === 'former' && recorded.kind === 'unknown') return recorded.diff;
  const before = recorded.kind === 'value' ? recorded.value : [NORMAL];
  const wanted = state === 'former' ? before : [NORMAL, ...flows.map(withCookie)];
  const texts = (all: readonly string[]) => [...new Set(all.map((one) => normalizeFlow(one)?.text ?? one))].sort();
  const [has, shall] = [texts(now), texts(wanted)];
  if (has.join('\n') === shall.join('\n')) return nothing;
  const added = shall.filter((one) => !has.includes(one)).length;
  const gone = has.filter((one) => !shall.includes(one)).length;
  const parts = [...(added ? [`add ${added}`] : []), ...(gone ? [`remove ${gone}`] : [])];
  const records = state === 'former' ? [] : newRecords(facts, { key, value: now.map(written) });
  const change: Change = {
    sentence: `${parts.join(' and ')} ${added + gone === 1 ? 'flow' : 'flows'} on bridge ${name}`,
    command: replace(name, wanted),
    undo: { command: replace(name, now.map(written)) },
    before: now.join('\n'),
    after: (state === 'former' ? before : [NORMAL, ...flows]).join('\n'),
    records,
    effect: (seen) =>
      withRecords(
        editBridge(seen, name, (one) => one && { ...one, flows: { known: true, value: wanted } }),
        records,
      ),
  };
  return { kind: 'changes', changes: [change] };
}

/**
 * The whole flow table of a bridge of mesh's: one NORMAL flow, on which the split horizon of protected ports rests, and
 * the given drop flows. They match whatever the port a packet comes in by, since numbers of ports change: a bridge of the
 * mesh has its own port and tunnels, and neither has a use for what is dropped (router advertisements, DHCP offers).
 *
 * Flows are not kept over a restart of ovs-vswitchd: what puts them back then is the mesh's unit on the host. Cookies are
 * not compared. The table is replaced in one bundle, so there is no moment without the NORMAL flow (ovs-ofctl(8),
 * `--bundle`; Open vSwitch 2.4).
 */
export const ovsFlows: Resource<Params> = {
  type: 'ovs_flows',
  schema,
  label: ({ bridge }) => `flows of ${bridge}`,
  interests: ({ bridge }) => ({ bridges: [bridge] }),
  diff: (params, facts) => {
    const none = params.state === 'former' || params.flows.length === 0;
    if (params.state === 'former' && nothingToGiveBack(facts)) return nothing;
    if (none && facts.openvswitch.known && !facts.openvswitch.value.installed) return nothing;
    const ovs = runningOpenvSwitch(facts);
    if ('kind' in ovs) return ovs;
    const bridge = ovs.bridges.find((one) => one.name === params.bridge);
    if (!bridge && none) return nothing;
    if (!bridge) {
      return {
        kind: 'refused',
        sentence: `there is no bridge ${params.bridge} to put flows on`,
        fix: `let an ovs_bridge task for ${params.bridge} come before this one`,
      };
    }
    if (!isOwned(bridge)) {
      if (none) return nothing;
      return {
        kind: 'refused',
        sentence: `the flows of bridge ${params.bridge} are not mesh's to change: mesh did not make the bridge`,
        fix: `let an ovs_bridge task with adopt: true for ${params.bridge} come before this one`,
      };
    }
    return unread('what mesh left on the host', facts.mesh) ?? diff(params, facts, bridge);
  },
};
