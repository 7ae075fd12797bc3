import { describe, expect, it } from 'vitest';
import { type MeetContext, type Met, meetAll, meetOthers } from '../../src/engine/meet.js';
import type { EventBody } from '../../src/events/types.js';
import { mergeInterests } from '../../src/facts/interests.js';
import type { MeshOnHost } from '../../src/facts/types.js';
import { ConnectionFailure } from '../../src/ssh/types.js';
import { hostFacts, known } from '../resources/facts.js';
import { type FakeHostOptions, fakeConnection, freshHost } from './fakes.js';

type Lock = NonNullable<MeshOnHost['lock']>;

const lock: Lock = { owner: 'ann@desk', since: 'noon', what: 'mesh run x', alive: true, laptop: true, program: null };
const orphan: Lock = { ...lock, laptop: false, program: { run: 'run-0', play: 2 } };
const OWNER = 'ann@desk, since noon: mesh run x';

/** The lines of a look at a host that is locked. */
function locked(host: string, holders: readonly string[]): (script: string) => Buffer {
  const lines = [
    'locked',
    'lock run=run-0',
    'lock who=ann@desk',
    'lock since=noon',
    'lock what=mesh run x',
    ...holders,
  ];
  return (script) => {
    const text = freshHost(host)(script).toString('latin1');
    return Buffer.from(text.replace(/(begin mesh\n)[\s\S]*?(\n\S+ stderr)/, `$1${lines.join('\n')}$2`), 'latin1');
  };
}

function meeting(seen: Lock | null, options: FakeHostOptions = {}, more: Partial<MeetContext> = {}) {
  const log: string[] = [];
  const events: EventBody[] = [];
  const stop = new AbortController();
  let time = 0;
  const facts = hostFacts({ mesh: known({ records: {}, lastRun: null, lock: seen }) });
  const connection = fakeConnection('docker41', log, options);
  const context: MeetContext = {
    emit: (event) => events.push(event),
    // Every look at the clock takes a second.
    now: () => (time += 1000),
    pause: async () => undefined,
    reconnect: async () => fakeConnection('docker41', log, options),
    interests: () => mergeInterests([]),
    lockTimeoutSeconds: 0,
    stop: stop.signal,
    ...more,
  };
  const met = (): Promise<Met> => meetOthers(connection, facts, context);
  const said = () => events.flatMap((event) => (event.kind === 'message' ? [event.text] : []));
  return { met, log, events, said, stop: () => stop.abort(), facts, connection, context };
}

const journal = (text: string): string => `J ${text.length}\n${text}`;

describe('a host that others are at work on', () => {
  it('costs nothing where nobody is, or where a lock has no holder any more', async () => {
    for (const seen of [null, { ...lock, alive: false, laptop: false }]) {
      const { met, log, facts } = meeting(seen);
      expect(await met()).toMatchObject({ facts });
      expect(log).toEqual([]);
    }
  });

  it('is looked at again as soon as they have left', async () => {
    const { met, log, events } = meeting(lock);
    expect((await met()).busy).toBeUndefined();
    expect(log).toEqual(['docker41 probe', 'docker41 observe']);
    expect(events[0]).toEqual({
      kind: 'waiting',
      host: 'docker41',
      detail: `another run is changing this host (${OWNER})`,
    });
  });

  it('is busy where they stay longer than one may wait', async () => {
    const { met, log } = meeting(lock, { observe: locked('docker41', ['laptop']) }, { lockTimeoutSeconds: 10 });
    expect((await met()).busy).toBe(OWNER);
    expect(log.length).toBeGreaterThan(2);
  });

  it('is followed to the end of a program whose laptop is gone, and looked at again', async () => {
    const steps = 'S 8\nfirst of\n';
    const all = `${steps}${journal('B 1 1 0\nE 1 done 0 1 0\nX done 1\n')}`;
    const { met, log, events, said } = meeting(orphan, { follow: () => all });
    expect((await met()).busy).toBeUndefined();
    expect(log).toEqual(['docker41 follow run-0/2', 'docker41 observe']);
    expect(said()).toEqual([
      `attached to a run whose laptop is gone and which still works here (${OWNER})`,
      'that run has done its work; looking at the host again',
    ]);
    const ended = events.flatMap((event) => (event.kind === 'step.ended' ? [event.state] : []));
    expect(ended).toEqual(['done']);
  });

  it('says how a followed program failed', async () => {
    const { met, said } = meeting(orphan, { follow: () => journal('B 1 1 0\nE 1 failed 7 1 0\nX failed 1\n') });
    await met();
    expect(said().at(-1)).toBe('that run has ended early (step 1: exit code 7); looking at the host again');
  });

  it('is not followed twice where its lock stays', async () => {
    const { met, log } = meeting(orphan, {
      follow: () => 'G 0\n',
      observe: locked('docker41', ['program', 'lock play=2']),
    });
    expect((await met()).busy).toBe(OWNER);
    expect(log.filter((line) => line.includes('follow'))).toHaveLength(1);
  });

  it('is unreachable where the connection breaks while it is followed and cannot be made again', async () => {
    const failure = new ConnectionFailure('docker41', 'refused', 'docker41: nothing listens');
    const { connection, facts, context } = meeting(
      orphan,
      { follow: () => '' },
      { reconnect: () => Promise.reject(failure) },
    );
    const { failures, connections } = await meetAll(
      new Map([['docker41', { host: 'docker41', connection, facts }]]),
      context,
    );
    expect(failures.get('docker41')?.reason).toMatch(/^the connection was lost: .*nothing listens/);
    expect([...connections]).toEqual([]);
  });

  it('is left at once when the run is stopped, and nothing is told of it any more', async () => {
    const { connection, facts, context, events, stop } = meeting(lock, { observe: () => new Promise(() => undefined) });
    const meetings = meetAll(new Map([['docker41', { host: 'docker41', connection, facts }]]), context);
    await Promise.resolve();
    stop();
    expect([...(await meetings).connections]).toEqual([]);
    const told = events.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toHaveLength(told);
  });

  it('keeps the order of the inventory, whoever was ready first', async () => {
    const slow = meeting(lock);
    const quick = meeting(null);
    const failed = new ConnectionFailure('c', 'timeout', 'c: no answer');
    const all = await meetAll(
      new Map([
        ['a', { host: 'a', connection: slow.connection, facts: slow.facts }],
        ['b', { host: 'b', connection: quick.connection, facts: quick.facts }],
        ['c', { host: 'c', failure: failed }],
      ]),
      slow.context,
    );
    expect([...all.facts.keys()]).toEqual(['a', 'b']);
    expect([...all.failures.keys()]).toEqual(['c']);
  });
});
