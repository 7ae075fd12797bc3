import { describe, expect, it, vi } from 'vitest';
import { batches, batchSize, runPlan } from '../../src/engine/run.js';
import type { HostPlan, Plan, PlannedChange, PlannedPlay } from '../../src/engine/types.js';
import type { EventBody } from '../../src/events/types.js';
import { change, hostPlan, planOf } from '../ui/plans.js';
import { type FakeHostOptions, fakeConnection, gate } from './fakes.js';

function play(index: number, changes: readonly PlannedChange[] = [change('one')]): PlannedPlay {
  const task = { task: 'A task', resource: 'command', label: 'x', handler: false, changes, notes: [] };
  return { play: `play ${index}`, index, tasks: [task] };
}

const restart = change('restart dockerd', { fates: [{ container: 'web', fate: 'restarts by its policy' }] });
const harmless = change('restart dockerd', { fates: [{ container: 'web', fate: 'keeps running' }] });

/** Hosts that all do the same plays. */
function alike(hosts: readonly string[], plays: readonly PlannedPlay[]): readonly HostPlan[] {
  return hosts.map((host) => hostPlan(host, [], { plays }));
}

function start(
  hosts: readonly HostPlan[],
  more: { plays?: Plan['plays']; forks?: number; fake?: FakeHostOptions } = {},
) {
  const log: string[] = [];
  const events: EventBody[] = [];
  const stop = new AbortController();
  const indexes = Math.max(...hosts.flatMap((host) => host.plays.map(({ index }) => index)));
  const plays = more.plays ?? Array.from({ length: indexes + 1 }, (_, index) => ({ name: `play ${index}` }));
  const reconnect = vi.fn(async (host: string) => fakeConnection(host, log, more.fake));
  const outcomes = runPlan({
    plan: planOf(hosts, { plays }),
    run: 'run-1',
    who: 'ops@laptop',
    connections: new Map(hosts.map(({ host }) => [host, fakeConnection(host, log, more.fake)])),
    reconnect,
    forks: more.forks ?? 50,
    emit: (event) => events.push(event),
    now: () => 0,
    pause: async () => undefined,
    stop: stop.signal,
  });
  return { log, events, outcomes, reconnect, stop: () => stop.abort() };
}

const steps = (log: readonly string[]) => log.filter((line) => / (play|step) /.test(line));

describe('a run', () => {
  it('is a barrier between plays: no host begins one before every host has ended the one before', async () => {
    const slow = gate<'done'>();
    const fake: FakeHostOptions = {
      step: (step) => (step.host === 'b' && step.play === 0 ? slow.promise : 'done'),
    };
    const { log, outcomes } = start(alike(['a', 'b'], [play(0), play(1)]), { fake });
    await vi.waitFor(() => expect(log).toContain('a step 0.1 done'));
    expect(log).toContain('b play 0');
    expect(log).not.toContain('a play 1');
    slow.open('done');
    expect([...(await outcomes).values()].map(({ state, changed, left }) => [state, changed, left])).toEqual([
      ['done', 2, 0],
      ['done', 2, 0],
    ]);
    const lines = steps(log);
    expect(lines.indexOf('a play 1')).toBeGreaterThan(lines.indexOf('b step 0.1 done'));
  });

  it('takes every lock before the first step, and gives each back after the last', async () => {
    const { log, outcomes } = start(alike(['a', 'b'], [play(0), play(1)]));
    await outcomes;
    const first = log.findIndex((line) => line.includes(' play '));
    expect(log.slice(0, first).sort()).toEqual(['a lock', 'b lock']);
    expect(log.slice(-2).sort()).toEqual(['a end of lock', 'b end of lock']);
  });

  it('takes as many hosts at a time as the play says', async () => {
    let running = 0;
    let most = 0;
    const fake: FakeHostOptions = {
      step: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return 'done' as const;
      },
    };
    const hosts = alike(['a', 'b', 'c', 'd', 'e'], [play(0)]);
    await start(hosts, { fake, plays: [{ name: 'play 0', serial: 2 }] }).outcomes;
    expect(most).toBe(2);
    most = 0;
    await start(hosts, { fake, forks: 3 }).outcomes;
    expect(most).toBe(3);
  });

  it('restarts dockerd host by host where containers run, after the hosts where none does', async () => {
    const hosts = [
      hostPlan('a', [], { plays: [play(0, [restart])] }),
      hostPlan('b', [], { plays: [play(0, [harmless])] }),
      hostPlan('c', [], { plays: [play(0, [restart])] }),
    ];
    const { log, outcomes } = start(hosts);
    await outcomes;
    expect(steps(log)).toEqual([
      'b play 0',
      'b step 0.1 done',
      'a play 0',
      'a step 0.1 done',
      'c play 0',
      'c step 0.1 done',
    ]);
  });

  it('leaves a host that failed out of the later plays, and the others go on', async () => {
    const fake: FakeHostOptions = { step: ({ host, number }) => (host === 'a' && number === 2 ? 'failed' : 'done') };
    const three = [change('one'), change('two'), change('three')];
    const { log, events, outcomes } = start(alike(['a', 'b'], [play(0, three), play(1)]), { fake });
    const ended = await outcomes;
    expect(ended.get('a')).toMatchObject({ state: 'failed', changed: 1, left: 3, error: { command: 'do two' } });
    expect(ended.get('b')).toMatchObject({ state: 'done', changed: 4, left: 0 });
    expect(log).not.toContain('a play 1');
    const started = events.flatMap((event) => (event.kind === 'play.started' ? [event.hosts] : []));
    expect(started).toEqual([['a', 'b'], ['b']]);
  });

  it('does nothing on a host whose lock another run has, and says what to type once that has ended', async () => {
    const log: string[] = [];
    const [a, b] = ['a', 'b'].map((host) =>
      fakeConnection(host, log, host === 'a' ? { lock: () => 'busy ann@desk, since noon: mesh run x' } : {}),
    );
    if (!a || !b) throw new Error('there are two');
    const outcomes = await runPlan({
      plan: planOf(alike(['a', 'b'], [play(0)]), { command: 'mesh deploy x' }),
      run: 'run-1',
      who: 'ops@laptop',
      connections: new Map([
        ['a', a],
        ['b', b],
      ]),
      reconnect: async () => a,
      forks: 2,
      emit: () => undefined,
      now: () => 0,
      pause: async () => undefined,
      stop: new AbortController().signal,
    });
    expect(outcomes.get('a')).toMatchObject({
      state: 'failed',
      left: 1,
      next: 'when that run has ended: mesh deploy x',
      error: { message: 'another run is changing this host (ann@desk, since noon: mesh run x)' },
    });
    expect(outcomes.get('b')?.state).toBe('done');
    expect(log).not.toContain('a play 0');
  });

  it('stops: running steps end, none begins, and no play and no batch after them', async () => {
    const running = gate<'done'>();
    const fake: FakeHostOptions = { step: ({ number }) => (number === 1 ? running.promise : 'done') };
    const hosts = alike(['a', 'b'], [play(0, [change('one'), change('two')]), play(1)]);
    const run = start(hosts, { fake, plays: [{ name: 'play 0', serial: 1 }, { name: 'play 1' }] });
    await vi.waitFor(() => expect(run.log).toContain('a play 0'));
    run.stop();
    await vi.waitFor(() => expect(run.log).toContain('a stop'));
    running.open('done');
    const ended = await run.outcomes;
    expect(ended.get('a')).toMatchObject({ state: 'stopped', changed: 1, left: 2 });
    expect(ended.get('b')).toMatchObject({ state: 'stopped', changed: 0, left: 3 });
    expect(steps(run.log)).toEqual(['a play 0', 'a step 0.1 done']);
    expect(run.log).toContain('b end of lock');
    expect(run.events.filter(({ kind }) => kind === 'stopping')).toHaveLength(1);
  });
});

describe('batches', () => {
  it.each([
    ['stays stopped', [['docker42'], ['docker41']]],
    ['keeps running', [['docker41', 'docker42']]],
  ] as const)('a host is one of its own where a container %s', (fate, groups) => {
    const [first] = hostPlan('docker41', [change('stop dockerd', { fates: [{ container: 'web', fate }] })]).plays;
    const [second] = hostPlan('docker42', [change('stop dockerd')]).plays;
    if (!first || !second) throw new Error('no play');
    const all = [
      { host: 'docker41', play: first },
      { host: 'docker42', play: second },
    ];
    expect(batches(all, undefined).map((batch) => batch.map(({ host }) => host))).toEqual(groups);
  });

  const hosts = ['a', 'b', 'c', 'd', 'e'].map((host) => ({ host, play: play(0) }));
  const sizes = (serial: number | string | undefined) => batches(hosts, serial).map((batch) => batch.length);

  it('are as large as `serial` says, at least one host', () => {
    expect(sizes(undefined)).toEqual([5]);
    expect(sizes(2)).toEqual([2, 2, 1]);
    expect(sizes('50%')).toEqual([2, 2, 1]);
    expect(sizes('1%')).toEqual([1, 1, 1, 1, 1]);
    expect(batchSize(undefined, 0)).toBe(1);
  });
});
