import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeFlow, ovsFlows } from '../../src/resources/ovs-flows.js';
import {
  aBridge,
  applied,
  changesOf,
  complaints,
  hostFacts,
  known,
  plan,
  shellTexts,
  unknown,
  withBridges,
} from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const flows = ['priority=100,icmp6,icmp_type=134,actions=drop', 'priority=100,udp,tp_src=67,tp_dst=68,actions=drop'];
const params = { bridge: 'br0', flows };
const withFlows = (...lines: readonly string[]) =>
  withBridges(hostFacts(), aBridge('br0', { externalIds: { 'mesh-owner': 'mesh' }, flows: known(lines) }));
const nothingToDo = { kind: 'changes', changes: [] };
const normal = 'cookie=0x0, table=0, priority=0 actions=NORMAL';

describe('ovs_flows', () => {
  it('replaces the table in one bundle', () => {
    const changes = changesOf(plan(ovsFlows, params, withFlows(normal)));
    expect(changes.map((one) => one.sentence)).toEqual(['add 2 flows on bridge br0']);
    expect(changes[0]?.command).toMatchInlineSnapshot(`
      "printf '%s\\n' priority=0,actions=NORMAL cookie=0x6d657368,priority=100,icmp6,icmp_type=134,actions=drop cookie=0x6d657368,priority=100,udp,tp_src=67,tp_dst=68,actions=drop |
        ovs-ofctl --timeout=30 --bundle replace-flows br0 -"
    `);
    expect(changes[0]?.undo).toMatchInlineSnapshot(`
      {
        "command": "printf '%s\\n' 'cookie=0x0, table=0, priority=0 actions=NORMAL' |
        ovs-ofctl --timeout=30 --bundle replace-flows br0 -",
      }
    `);
  });

  it('knows its flows in what dump-flows prints', () => {
    const dumped = [
      ' cookie=0x6d657368, duration=4.2s, table=0, n_packets=0, n_bytes=0, priority=100,icmp6,icmp_type=134 actions=drop',
      'cookie=0x0, table=0, priority=100,udp,tp_src=67,tp_dst=68 actions=drop',
      normal,
    ];
    expect(plan(ovsFlows, params, withFlows(...dumped))).toEqual({ kind: 'changes', changes: [] });
  });

  it('puts back the NORMAL flow and takes away what is not its own', () => {
    const diff = plan(
      ovsFlows,
      params,
      withFlows('cookie=0x0, table=0, priority=7,in_port=2 actions=output:3', `cookie=0x0, table=0, ${flows[0]}`),
    );
    expect(changesOf(diff).map((one) => one.sentence)).toEqual(['add 2 and remove 1 flows on bridge br0']);
  });

  it('puts back the flows that an adopted bridge had, and the NORMAL one where nothing was noted', () => {
    const foreign = 'cookie=0x0, table=0, priority=7,udp actions=drop';
    const facts = withFlows(normal, ` cookie=0x0, duration=4.2s, table=0, n_packets=3, priority=7,udp actions=drop`);
    const diff = plan(ovsFlows, params, facts);
    expect(changesOf(diff)[0]?.records).toEqual([{ key: 'ovs_flows/br0', value: [normal, expect.any(String)] }]);
    const after = applied(diff, facts);
    const back = plan(ovsFlows, { bridge: 'br0', state: 'former' }, after);
    expect(changesOf(back).map((one) => one.sentence)).toEqual(['add 1 and remove 2 flows on bridge br0']);
    const end = applied(back, after);
    expect(plan(ovsFlows, { bridge: 'br0', flows: [], state: 'former' }, end)).toEqual(nothingToDo);
    expect(changesOf(plan(ovsFlows, { bridge: 'br0', flows: [] }, end)).map((one) => one.before)).toEqual([
      expect.stringContaining('priority=7,udp actions=drop'),
    ]);
    const unnoted = { ...after, mesh: hostFacts().mesh };
    expect(changesOf(plan(ovsFlows, { bridge: 'br0', state: 'former' }, unnoted))[0]?.after).toBe(
      'priority=0,actions=NORMAL',
    );
    const theirs = withBridges(hostFacts(), aBridge('br0', { flows: known([foreign]) }));
    expect(plan(ovsFlows, { bridge: 'br0', state: 'former' }, theirs)).toEqual(nothingToDo);
  });

  it('wants a bridge of mesh’s', () => {
    expect(plan(ovsFlows, params, hostFacts())).toMatchObject({ kind: 'refused' });
    expect(plan(ovsFlows, params, withBridges(hostFacts(), aBridge('br0')))).toMatchObject({ kind: 'refused' });
    expect(plan(ovsFlows, { ...params, flows: [] }, withBridges(hostFacts(), aBridge('br0'))).kind).toBe('changes');
    const dumb = aBridge('br0', { externalIds: { 'mesh-owner': 'mesh' }, flows: unknown });
    expect(plan(ovsFlows, params, withBridges(hostFacts(), dumb))).toEqual({
      kind: 'unknown',
      what: 'the flows of bridge br0',
      why: 'the command was not allowed',
    });
    expect(ovsFlows.interests(ovsFlows.schema.parse(params))).toEqual({ bridges: ['br0'] });
  });

  it('takes drop flows alone', () => {
    expect(complaints(ovsFlows, { bridge: 'br0', flows: ['in_port=1,actions=output:2'] })).toEqual([
      'a flow here ends in actions=drop: in_port=1,actions=output:2',
    ]);
    expect(complaints(ovsFlows, { bridge: 'br0', flows: ['arp,actions=drop\nactions=NORMAL'] })).toContain(
      'a flow is one line of plain characters',
    );
    expect(complaints(ovsFlows, { bridge: 'br0', flows: ['cookie=1,arp,actions=drop'] })).toEqual([
      'the cookie is set by mesh',
    ]);
  });

  it('quotes', () => {
    const hostile = `priority=1,in_port=$(reboot)'"\`,actions=drop`;
    const texts = changesOf(plan(ovsFlows, { bridge: 'br0', flows: [hostile] }, withFlows(normal, `x='$(y)`))).flatMap(
      shellTexts,
    );
    expect(syntaxErrors(texts)).toBe('');
  });

  it('converges', () => {
    const some = fc.subarray([
      ...flows,
      'arp,actions=drop',
      'priority=5,ip,nw_src=10.0.0.1,actions=drop',
      'tcp6,tp_dst=0x16,actions=drop',
    ]);
    fc.assert(
      fc.property(some, some, fc.boolean(), (now, wanted, isNormal) => {
        const facts = withFlows(...now, ...(isNormal ? [normal] : []));
        const all = { bridge: 'br0', flows: wanted };
        const after = applied(plan(ovsFlows, all, facts), facts);
        expect(changesOf(plan(ovsFlows, all, after))).toEqual([]);
      }),
    );
  });
});

describe('normalizeFlow', () => {
  it('says equal flows alike', () => {
    const same = [
      ['udp,tp_src=67,actions=drop', 'priority=32768,udp,udp_src=67 actions=drop'],
      ['icmp6,icmp_type=134,actions=drop', 'icmpv6_type=134,dl_type=0x86dd,nw_proto=58 actions=drop'],
      ['ip,nw_src=10.0.0.1/32,actions=drop', 'eth_type=0x800,ip_src=10.0.0.1 actions=drop'],
      ['in_port=LOCAL,actions=NORMAL', 'in_port=65534 actions=NORMAL'],
      ['actions=NORMAL', 'actions=normal'],
    ] as const;
    for (const [one, other] of same) expect(normalizeFlow(one)?.text).toBe(normalizeFlow(other)?.text);
  });

  it('tells different flows apart', () => {
    const texts = [
      'arp,actions=drop',
      'ip,actions=drop',
      'priority=1,arp,actions=drop',
      'table=1,arp,actions=drop',
      'arp,actions=NORMAL',
    ];
    expect(new Set(texts.map((one) => normalizeFlow(one)?.text)).size).toBe(texts.length);
    expect(normalizeFlow('NXST_FLOW reply (xid=0x4):')).toBeUndefined();
  });
});
