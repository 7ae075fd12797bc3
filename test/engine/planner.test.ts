import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DefinedResource,
  type Expand,
  type PlannerPlay,
  planTasks,
  type ReadyTask,
} from '../../src/engine/planner.js';
import type { HostFacts } from '../../src/facts/types.js';
import { resources } from '../../src/resources/index.js';
import type { Change } from '../../src/resources/types.js';
import { hostFacts, known } from '../resources/facts.js';

/** A resource that wants one kernel setting at a value, and says no, or that it cannot know, to two values. */
const setting: DefinedResource = {
  label: (params) => JSON.stringify(params),
  interests: () => ({}),
  check: () => [],
  diff: (params, facts) => {
    const [name = '', wanted = ''] = String(params).split('=');
    if (wanted === 'never') return { kind: 'refused', sentence: `${name} must not be set`, fix: 'leave it' };
    const fact = facts.sysctls[name];
    if (fact && !fact.known) return { kind: 'unknown', what: name, why: fact.why };
    if (fact?.value === wanted) return { kind: 'changes', changes: [] };
    const change: Change = {
      sentence: `set ${name} from ${fact?.value ?? 'nothing'} to ${wanted}`,
      command: `set ${name} ${wanted}`,
      undo: { impossible: 'a test' },
      effect: (before) => ({ ...before, sysctls: { ...before.sysctls, [name]: known(wanted) } }),
    };
    return { kind: 'changes', changes: [change] };
  },
};

const each =
  (params: string, more: Partial<ReadyTask> = {}): Expand =>
  (host) => [{ name: `task ${params}`, resource: 'setting', params, notify: [], on: host, ...more }];

function play(tasks: readonly Expand[], more: Partial<PlannerPlay> = {}): PlannerPlay {
  return { name: 'A play', index: 0, hosts: ['a', 'b'], tasks, handlers: new Map(), ...more };
}

function plan(plays: readonly PlannerPlay[], sysctls: Readonly<Record<string, HostFacts['sysctls']>> = {}) {
  const facts = new Map(['a', 'b'].map((host) => [host, hostFacts({ host, sysctls: sysctls[host] ?? {} })]));
  const planned = planTasks({ plays, facts, resource: (type) => (type === 'setting' ? setting : resources.get(type)) });
  const said = (host: string) =>
    (planned.hosts.get(host)?.plays ?? []).flatMap((one) =>
      one.tasks.flatMap(({ changes }) => changes.map(({ sentence }) => sentence)),
    );
  return { ...planned, said };
}

describe('the planner', () => {
  it('plans a task from what the tasks before it will have done', () => {
    const { said, after } = plan([play([each('x=1'), each('x=2'), each('x=2')]), play([each('x=2')], { index: 1 })]);
    expect(said('a')).toEqual(['set x from nothing to 1', 'set x from 1 to 2']);
    expect(after.get('a')?.sysctls.x).toEqual(known('2'));
  });

  it('carries no function into a plan: what it plans can be saved', () => {
    const { hosts } = plan([play([each('x=1')])]);
    expect(structuredClone(hosts.get('a'))).toEqual(hosts.get('a'));
  });

  it('changes nothing at all on a host that refuses one task, and plans the others', () => {
    const onlyA: Expand = (host, facts) => (host === 'a' ? each('y=never')(host, facts) : []);
    const { said, hosts, findings } = plan([play([each('x=1'), onlyA, each('z=1')])]);
    expect(said('a')).toEqual([]);
    expect(hosts.get('a')?.refused).toEqual({ reason: 'task y=never: y must not be set' });
    expect(said('b')).toEqual(['set x from nothing to 1', 'set z from nothing to 1']);
    expect(findings).toEqual([
      {
        host: 'a',
        code: 'setting-refused',
        severity: 'refuse',
        sentence: 'task y=never: y must not be set',
        fix: 'leave it',
      },
    ]);
  });

  it('does not take what could not be read for absent', () => {
    const { said, hosts } = plan([play([each('x=1')])], { a: { x: { known: false, why: 'permission denied' } } });
    expect(hosts.get('a')?.refused?.reason).toBe('task x=1: x is not known: permission denied');
    expect(said('a')).toEqual([]);
    expect(said('b')).toHaveLength(1);
  });

  it('refuses a host whose task depends on a fact that nobody could read', () => {
    const expand: Expand = (host) => (host === 'a' ? { unknown: 'task: facts.docker is not known' } : []);
    const { hosts } = plan([play([each('x=1'), expand])]);
    expect(hosts.get('a')?.refused?.reason).toBe('task: facts.docker is not known');
    expect(hosts.get('b')?.refused).toBeUndefined();
  });

  it('runs a handler once, after the tasks, on the hosts where what notified it changed something', () => {
    const { said, hosts } = plan(
      [
        play([each('x=1', { notify: ['restart'] }), each('y=1', { notify: ['restart'] }), each('z=1')], {
          handlers: new Map([['restart', each('restarted=yes')]]),
        }),
      ],
      { b: { x: known('1'), y: known('1') } },
    );
    expect(said('a').at(-1)).toBe('set restarted from nothing to yes');
    expect(said('a')).toHaveLength(4);
    expect(hosts.get('a')?.plays[0]?.tasks.map(({ handler }) => handler)).toEqual([false, false, false, true]);
    expect(said('b')).toEqual(['set z from nothing to 1']);
  });

  it('does a delegated task on the other host, where its change is met by what follows', () => {
    const toB: Expand = (host, facts) => (host === 'a' ? each('x=1', { on: 'b' })(host, facts) : []);
    const { said } = plan([play([toB, each('x=1')])]);
    expect(said('a')).toEqual(['set x from nothing to 1']);
    expect(said('b')).toEqual(['set x from nothing to 1']);
  });

  it('has nothing to do once its plan was applied, whatever was there before (generated settings)', () => {
    const value = fc.constantFrom('0', '1', '2');
    const settings = fc.dictionary(fc.constantFrom('net.ipv4.ip_forward', 'net.a', 'net.b'), value);
    fc.assert(
      fc.property(settings, fc.array(fc.tuple(fc.constantFrom('net.a', 'net.b'), value)), (before, wanted) => {
        // The last word on a setting is the one that stays.
        const lasting = [...new Map(wanted)].map(([name, to]) => each(`${name}=${to}`));
        const sysctls = Object.fromEntries(Object.entries(before).map(([name, at]) => [name, known(at)]));
        const first = plan([play(lasting)], { a: sysctls, b: {} });
        const second = planTasks({ plays: [play(lasting)], facts: first.after, resource: () => setting });
        expect([...second.hosts.values()].flatMap(({ plays }) => plays)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('has nothing to do once its plan was applied, with the resources that a deploy uses', () => {
    const bridge = fc.record({
      name: fc.constant('br0'),
      datapath: fc.constantFrom('system', 'netdev'),
      mtu: fc.integer({ min: 1280, max: 9000 }),
    });
    const forward = fc.constantFrom('0', '1');
    fc.assert(
      fc.property(bridge, forward, forward, (params, before, wanted) => {
        const facts = new Map([['a', hostFacts({ host: 'a', sysctls: { 'net.ipv4.ip_forward': known(before) } })]]);
        const task =
          (resource: string, of: unknown): Expand =>
          (host) => [{ name: resource, resource, params: of, notify: [], on: host }];
        const plays = [
          play([task('ovs_bridge', params), task('sysctl', { values: { 'net.ipv4.ip_forward': wanted } })], {
            hosts: ['a'],
          }),
        ];
        const resource = (type: string) => resources.get(type);
        const first = planTasks({ plays, facts, resource });
        expect(first.findings).toEqual([]);
        expect(first.hosts.get('a')?.plays).not.toEqual([]);
        const second = planTasks({ plays, facts: first.after, resource });
        expect(second.hosts.get('a')).toEqual({ plays: [] });
      }),
      { numRuns: 60 },
    );
  });
});
