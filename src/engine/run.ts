import pLimit from 'p-limit';
import type { Emit } from '../events/types.js';
import type { Connection } from '../ssh/types.js';
import { applyPlay, type PlayResult, type Step } from './apply.js';
import { fileFetcher } from './fetch-files.js';
import type { FollowContext } from './follow.js';
import { type HeldLock, holdLock, type LockResult } from './hold-lock.js';
import { stopScript } from './program.js';
import { countChanges, type HostPlan, type Plan, type PlannedPlay } from './types.js';

export interface RunInput {
  readonly plan: Plan;
  readonly run: string;
  readonly who: string;
  /** Connections to the hosts whose plan is ready. */
  readonly connections: ReadonlyMap<string, Connection>;
  readonly reconnect: (host: string) => Promise<Connection>;
  /** The hosts' addresses among each other; files go from host to host over them. */
  readonly underlays?: ReadonlyMap<string, string>;
  /** Hosts that are worked on at the same time. */
  readonly forks: number;
  readonly emit: Emit;
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Aborted by the first Ctrl-C: no new steps; running ones end. */
  readonly stop: AbortSignal;
}

/** What became of one host's plan. */
export interface HostOutcome {
  readonly host: string;
  readonly state: 'done' | 'failed' | 'stopped' | 'lost';
  readonly changed: number;
  readonly left: number;
  readonly error?: PlayResult['error'];
  /** What to type next, where that is not the same command once the error is mended. */
  readonly next?: string;
}

/** A play that restarts or stops running containers is done host by host; the rest of it at once. */
export function restartsContainers(play: PlannedPlay): boolean {
  return play.tasks.some((task) =>
    task.changes.some((change) => (change.fates ?? []).some(({ fate }) => fate !== 'keeps running')),
  );
}

/** How many hosts of a play are worked on at a time, by its `serial`. */
export function batchSize(serial: number | string | undefined, hosts: number): number {
  if (serial === undefined) return Math.max(1, hosts);
  if (typeof serial === 'number') return Math.max(1, serial);
  return Math.max(1, Math.floor((hosts * Number.parseInt(serial, 10)) / 100));
}

function stepsOf(play: PlannedPlay): readonly Step[] {
  return play.tasks.flatMap((task) => task.changes.map((change) => ({ task: task.task, change })));
}

/** Cuts a play's hosts into the groups that run one after another. */
export function batches(
  hosts: readonly { readonly host: string; readonly play: PlannedPlay }[],
  serial: number | string | undefined,
): readonly (readonly { readonly host: string; readonly play: PlannedPlay }[])[] {
  const together = hosts.filter(({ play }) => !restartsContainers(play));
  const alone = hosts.filter(({ play }) => restartsContainers(play));
  const size = batchSize(serial, hosts.length);
  const groups = [];
  for (let start = 0; start < together.length; start += size) groups.push(together.slice(start, start + size));
  return [...groups, ...alone.map((one) => [one])];
}

/**
 * Runs a plan: play by play, a barrier between them, all hosts of a play at once. A host that fails is left out of the
 * later plays and does not stop the others. Takes each host's lock before its first change and gives it back at the end;
 * a connection that is made again takes it up again, and passes on a stop that the old one may have missed. Where another
 * run has the host by then, or has had it, what is left there is not done.
 * Never rejects.
 */
export async function runPlan(input: RunInput): Promise<ReadonlyMap<string, HostOutcome>> {
  const { plan, run, emit } = input;
  const ready = plan.hosts.filter(
    (host) => host.state === 'ready' && countChanges(host) > 0 && input.connections.has(host.host),
  );
  const connections = new Map(input.connections);
  const results = new Map<string, PlayResult & { readonly next?: string }>(
    ready.map(({ host }) => [host, { state: 'done', changed: 0, passed: 0 }]),
  );
  const running = new Set<string>();
  const locks = new Map<string, HeldLock>();
  /** Hosts whose lock was lost with a connection and is somebody else's since, or whose last run is. */
  const overtaken = new Map<string, Extract<LockResult, { kind: 'not held' }>>();
  /** What must be the host's last run for the plan to hold: what was seen, and once a play is done this run itself. */
  const lastRuns = new Map(ready.map(({ host, lastRun }) => [host, lastRun]));
  const since = new Date().toISOString();
  const limit = pLimit(Math.max(1, input.forks));
  const takeLock = async (connection: Connection): Promise<LockResult> => {
    const { host } = connection;
    const lastRun = lastRuns.get(host) ?? null;
    const held = await holdLock(connection, { run, who: input.who, since, what: plan.command, lastRun });
    if (held.kind === 'held') {
      locks.set(host, held.lock);
      overtaken.delete(host);
    } else overtaken.set(host, held);
    return held;
  };
  /** Whether a host with work left is somebody else's by now: it has failed then. */
  const givenUp = (host: string): boolean => {
    const other = overtaken.get(host);
    const result = results.get(host);
    if (!other || result?.state !== 'done') return false;
    const { message, next } = other;
    results.set(host, { ...result, state: 'failed', error: { message }, ...(next && { next }) });
    emit({ kind: 'host.state', host, state: 'failed', detail: message });
    return true;
  };
  const sendStop = (connection: Connection | undefined): void => {
    // Where this does not arrive the connection is gone, and the next one sends it again.
    void connection?.exec('', { script: stopScript(run) }).catch(() => undefined);
  };
  const context: FollowContext = {
    emit,
    now: input.now,
    pause: input.pause,
    reconnect: async (host) => {
      const connection = await input.reconnect(host);
      connections.set(host, connection);
      // Where somebody else has it by now, this run's program has ended: how it ended can still be read.
      await takeLock(connection);
      if (input.stop.aborted) sendStop(connection);
      return connection;
    },
  };

  const fetchFiles = fileFetcher({
    ...input,
    connections,
    reconnect: async (host) => {
      if (locks.has(host)) return context.reconnect(host);
      // It only has files for others: nothing of it is changed, and it needs no lock.
      const connection = await input.reconnect(host);
      connections.set(host, connection);
      return connection;
    },
    underlays: input.underlays ?? new Map(),
  });

  const stopRunning = () => {
    emit({ kind: 'stopping', reason: 'running steps end, no new ones begin (Ctrl-C again: leave at once)' });
    for (const host of running) sendStop(connections.get(host));
  };
  input.stop.addEventListener('abort', stopRunning, { once: true });

  await Promise.all(
    ready.map((host) =>
      limit(async () => {
        const connection = connections.get(host.host);
        if (!connection || input.stop.aborted) return;
        const held = await takeLock(connection);
        if (givenUp(host.host) || held.kind !== 'held' || !held.from) return;
        const text = `took over the lock of a run that is gone (${held.from})`;
        emit({ kind: 'message', level: 'warn', host: host.host, text });
      }),
    ),
  );

  for (const [index, { name, serial }] of plan.plays.entries()) {
    const hosts = ready.flatMap((host: HostPlan) => {
      const play = host.plays.find((candidate) => candidate.index === index);
      return play && stepsOf(play).length > 0 && !givenUp(host.host) && results.get(host.host)?.state === 'done'
        ? [{ host: host.host, play }]
        : [];
    });
    if (hosts.length === 0 || input.stop.aborted) continue;
    const startedAt = input.now();
    emit({
      kind: 'play.started',
      play: name,
      index: index + 1,
      of: plan.plays.length,
      hosts: hosts.map(({ host }) => host),
    });
    const lacking = await fetchFiles(hosts);
    for (const [host, message] of lacking) {
      const state = input.stop.aborted ? 'stopped' : 'failed';
      const { changed = 0, passed = 0 } = results.get(host) ?? {};
      results.set(host, { state, changed, passed, error: { message } });
      emit({ kind: 'host.state', host, state, detail: message });
    }
    const able = hosts.filter(({ host }) => !lacking.has(host) && !givenUp(host));
    for (const batch of batches(able, serial)) {
      if (input.stop.aborted) break;
      await Promise.all(
        batch.map(({ host, play }) =>
          limit(async () => {
            const connection = connections.get(host);
            const before = results.get(host);
            if (!connection || !before || input.stop.aborted) return;
            emit({ kind: 'host.state', host, state: 'applying', detail: name });
            const steps = stepsOf(play);
            running.add(host);
            const changes = steps.map((step) => step.change);
            const taking = hosts.map((one) => one.host);
            const lastRun = lastRuns.get(host) ?? null;
            const names = { run, play: index, who: input.who, since, what: plan.command };
            const program = { ...names, lastRun, hosts: taking, changes };
            const result = await applyPlay(connection, { host, playName: name, program, steps }, context);
            running.delete(host);
            if (result.state === 'done') lastRuns.set(host, `${run} ${input.who}`);
            const next = result.state === 'failed' ? overtaken.get(host)?.next : undefined;
            results.set(host, {
              state: result.state,
              changed: before.changed + result.changed,
              passed: before.passed + result.passed,
              ...(result.error && { error: result.error }),
              ...(next && { next }),
            });
            const state = result.state === 'done' ? 'waiting' : result.state === 'lost' ? 'failed' : result.state;
            emit({ kind: 'host.state', host, state, ...(result.error && { detail: result.error.message }) });
          }),
        ),
      );
    }
    emit({ kind: 'play.ended', play: name, index: index + 1, durationMs: Math.round(input.now() - startedAt) });
  }

  input.stop.removeEventListener('abort', stopRunning);
  for (const [host, { message }] of overtaken) {
    const text = `this run is done here, but ${message}`;
    if (results.get(host)?.state === 'done') emit({ kind: 'message', level: 'warn', host, text });
  }
  await Promise.all([...locks.values()].map((lock) => lock.release()));
  return new Map(
    ready.map((host) => {
      const { passed, ...result } = results.get(host.host) ?? { state: 'done' as const, changed: 0, passed: 0 };
      const left = Math.max(0, countChanges(host) - passed);
      const state = result.state === 'done' && left > 0 ? 'stopped' : result.state;
      return [host.host, { host: host.host, ...result, state, left }];
    }),
  );
}
