import { describe, expect, it } from 'vitest';
import { exitCodeOf, type RunEnd, summarize } from '../../src/engine/finish.js';
import type { HostOutcome } from '../../src/engine/run.js';
import { countPassed } from '../../src/proof/prove.js';
import { ConnectionFailure } from '../../src/ssh/types.js';
import { change, hostPlan, planOf } from '../ui/plans.js';

const two = [change('one'), change('two')];

function end(more: Partial<RunEnd> = {}): RunEnd {
  return {
    mode: 'deploy',
    plan: planOf([hostPlan('a', two), hostPlan('b', [])]),
    outcomes: new Map(),
    failures: new Map(),
    proof: null,
    declined: false,
    interrupted: false,
    command: 'mesh deploy inventory.yml',
    ...more,
  };
}

function outcome(state: HostOutcome['state'], more: Partial<HostOutcome> = {}): RunEnd['outcomes'] {
  return new Map([['a', { host: 'a', state, changed: 1, left: 1, ...more }]]);
}

const unreachable = planOf([hostPlan('a', two), hostPlan('b', [], { state: 'unreachable', reason: 'no route' })]);
const refused = planOf([hostPlan('a', [], { state: 'refused', reason: 'another run is changing this host' })]);

describe('the exit code', () => {
  it.each([
    ['all done', end({ outcomes: outcome('done', { changed: 2, left: 0 }) }), 0],
    ['nothing to do', end({ plan: planOf([hostPlan('a', [])]) }), 0],
    ['a step failed', end({ outcomes: outcome('failed') }), 1],
    ['a host that was lost', end({ outcomes: outcome('lost') }), 1],
    ['a host that is refused', end({ plan: refused }), 1],
    ['a host that is off', end({ plan: unreachable, outcomes: outcome('done', { left: 0 }) }), 4],
    ['a host that is off and a failed step', end({ plan: unreachable, outcomes: outcome('failed') }), 1],
    ['somebody said no', end({ declined: true }), 1],
    ['interrupted', end({ interrupted: true, outcomes: outcome('stopped') }), 130],
    ['interrupted, with a failure', end({ interrupted: true, outcomes: outcome('failed') }), 130],
  ])('%s', (_name, of, code) => expect(exitCodeOf(of, false)).toBe(code));

  it('says that a plan holds changes only where that is asked for', () => {
    expect(exitCodeOf(end({ mode: 'plan' }), false)).toBe(0);
    expect(exitCodeOf(end({ mode: 'plan' }), true)).toBe(3);
    expect(exitCodeOf(end({ mode: 'plan', plan: planOf([hostPlan('a', [])]) }), true)).toBe(0);
  });
});

const of = (given: RunEnd) => summarize(given)[0];

describe('the summary', () => {
  it('says how to measure what a stop left unmeasured', () => {
    const plan = planOf([hostPlan('a', []), hostPlan('b', [])]);
    const stopped = { plan, interrupted: true, outcomes: outcome('done', { left: 0 }) };
    const next = 'to measure the mesh: mesh verify inventory.yml';
    const proof = { pairs: 2, passed: 1, withoutContainers: 0, measurements: [] };
    for (const given of [end({ ...stopped, proof }), end(stopped)]) {
      expect(summarize(given).map(({ state, next: typed }) => [state, typed])).toEqual([
        ['done', next],
        ['done', next],
      ]);
    }
    expect(of(end({ ...stopped, proof: { ...proof, passed: 2 } }))?.next).toBeUndefined();
    expect(of(end({ ...stopped, mode: 'teardown' }))?.next).toBeUndefined();
  });

  it('has the error of a failed host and what to type once it is mended', () => {
    const error = { message: 'one: exit code 7', command: 'do one', output: 'no' };
    expect(of(end({ outcomes: outcome('failed', { error }) }))).toEqual({
      host: 'a',
      state: 'failed',
      changed: 1,
      left: 1,
      error,
      next: 'once that is mended: mesh deploy inventory.yml',
    });
  });

  it('says how to go on after a stop, and where the connection is gone while the host works on', () => {
    expect(of(end({ interrupted: true, outcomes: outcome('stopped') }))?.next).toBe(
      'to go on: mesh deploy inventory.yml',
    );
    const lost = of(end({ outcomes: outcome('lost', { error: { message: 'gone' } }) }));
    expect(lost).toMatchObject({ state: 'failed', next: 'to go on: mesh deploy inventory.yml' });
  });

  it('says what a lock asks for in its own words', () => {
    const next = 'when that run has ended: mesh deploy inventory.yml';
    expect(of(end({ outcomes: outcome('failed', { next }) }))?.next).toBe(next);
  });

  it('names the changes that a plan or a proof leaves to do, and the command that does them', () => {
    const expected = { state: 'planned', left: 2, next: 'to do it: mesh deploy inventory.yml' };
    expect(of(end({ mode: 'plan', command: 'mesh plan inventory.yml' }))).toMatchObject(expected);
    expect(of(end({ mode: 'verify', command: 'mesh verify inventory.yml' }))).toMatchObject(expected);
    expect(of(end({ declined: true }))).toMatchObject(expected);
  });

  it('fails a host with a pair that was not all measured, and says why', () => {
    const measured = (excused: boolean) => {
      const check = { from: 'a', peer: 'b', check: 'container ping', state: 'not measured' } as const;
      const measurements = [
        { from: 'a', peer: 'b', check: 'docker0 ping', state: 'pass' } as const,
        { ...check, detail: 'b: who knows', ...(excused && { excused: true as const }) },
      ];
      const proof = { pairs: 1, ...countPassed(measurements), measurements };
      return end({ mode: 'verify', plan: planOf([hostPlan('a', []), hostPlan('b', [])]), proof });
    };
    expect(exitCodeOf(measured(false), false)).toBe(1);
    expect(of(measured(false))).toMatchObject({
      state: 'failed',
      error: { message: 'what it sends to b could not all be measured: container ping: b: who knows' },
    });
    expect(exitCodeOf(measured(true), false)).toBe(0);
    expect(of(measured(true))).toMatchObject({ state: 'done' });
  });

  it('tells of a host that is off why, and what to check', () => {
    const failure = new ConnectionFailure('b', 'timeout', 'b: no answer', 'check its power');
    const all = summarize(end({ plan: unreachable, failures: new Map([['b', failure]]) }));
    expect(all[1]).toMatchObject({
      state: 'unreachable',
      error: { message: 'no answer' },
      next: 'check its power; then: mesh deploy inventory.yml',
    });
  });

  it('gives the fix of what refused a host', () => {
    const plan = planOf([...refused.hosts], {
      findings: [{ host: 'a', code: 'host-busy', severity: 'refuse', sentence: 'busy', fix: 'wait' }],
    });
    expect(of(end({ plan }))?.next).toBe('wait; then: mesh deploy inventory.yml');
  });

  it('does not carry what only a deploy takes over to the proof that it names', () => {
    const measurements = [{ from: 'a', peer: 'b', check: 'docker0 ping' as const, state: 'fail' as const }];
    const command = "mesh deploy inventory.yml --limit 'a b' --tags 'x,it'\\''s y' --forks 3 --lock-timeout 60";
    const next = of(end({ command, proof: { pairs: 2, passed: 1, withoutContainers: 0, measurements } }))?.next;
    expect(next).toBe("to measure again: mesh verify inventory.yml --limit 'a b' --forks 3");
  });
});
