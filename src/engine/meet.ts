import { observe } from '../facts/observe.js';
import type { HostFacts, Interests } from '../facts/types.js';
import { type Connection, ConnectionFailure } from '../ssh/types.js';
import { type FollowContext, followPlay } from './follow.js';
import type { Gathered } from './gather.js';
import { waitScript } from './lock.js';
import { attachScript } from './program.js';
import { followProgress } from './progress.js';
import { unlessStopped } from './unless-stopped.js';

export interface MeetContext extends FollowContext {
  readonly interests: (host: string) => Interests;
  /** How long a lock is waited for whose owner is at work, seconds. */
  readonly lockTimeoutSeconds: number;
  /** Ends the waiting; what runs on the host goes on. */
  readonly stop: AbortSignal;
}

/** A host after others have left it; `busy`: they have not, and who they are. */
export interface Met {
  readonly connection: Connection;
  readonly facts: HostFacts;
  readonly busy?: string;
}

/** All hosts, once nobody else is at work on them. */
export interface MetAll {
  readonly connections: Map<string, Connection>;
  readonly facts: ReadonlyMap<string, HostFacts>;
  readonly failures: ReadonlyMap<string, ConnectionFailure>;
  /** Hosts that another run is still changing, with its owner. */
  readonly busy: ReadonlyMap<string, string>;
}

/** Sorts what was gathered without what was stopped, after every host was met as {@link meetOthers} says; without a context nobody is waited for. */
export async function meetAll(
  gathered: ReadonlyMap<string, Gathered>,
  context: MeetContext | undefined,
): Promise<MetAll> {
  const connections = new Map<string, Connection>();
  const facts = new Map<string, HostFacts>();
  const failures = new Map<string, ConnectionFailure>();
  const busy = new Map<string, string>();
  await Promise.all(
    [...gathered].map(async ([name, one]) => {
      if ('failure' in one) return void failures.set(name, one.failure);
      if ('stopped' in one) return;
      try {
        const met: Met | 'stopped' = context
          ? await unlessStopped(meetOthers(one.connection, one.facts, quietAfterStop(context)), context.stop)
          : one;
        if (met === 'stopped') return;
        connections.set(name, met.connection);
        facts.set(name, met.facts);
        if (met.busy !== undefined) busy.set(name, met.busy);
      } catch (error) {
        if (!(error instanceof ConnectionFailure)) throw error;
        failures.set(name, error);
        context?.emit({ kind: 'host.state', host: name, state: 'unreachable', detail: error.message });
      }
    }),
  );
  // In the order of the inventory, whoever was ready first.
  const inOrder = <T>(map: Map<string, T>): Map<string, T> =>
    new Map([...gathered.keys()].flatMap((name) => [...map].filter(([key]) => key === name)));
  return { connections, facts: inOrder(facts), failures: inOrder(failures), busy };
}

/** Nothing is told any more once it was stopped: the run's end is told then, and nothing comes after it. */
function quietAfterStop(context: MeetContext): MeetContext {
  return {
    ...context,
    emit: (event) => {
      if (!context.stop.aborted) context.emit(event);
    },
  };
}

/** A laptop that was killed leaves its keeper on the host for as long as sshd needs to notice, seconds. */
const GRACE_SECONDS = 2;

/**
 * Sees to it that a host is not planned while another run changes it. Where that run's laptop is gone and its program
 * still works, follows the program to its end and looks at the host again; where its owner is there, waits for as long
 * as the context allows. Holds no lock while it waits.
 *
 * @throws {ConnectionFailure} where the connection breaks and cannot be made again.
 */
export async function meetOthers(connection: Connection, seen: HostFacts, context: MeetContext): Promise<Met> {
  const { host } = connection;
  const { emit, stop } = context;
  let now = connection;
  let facts = seen;
  let deadline: number | undefined;
  const followed = new Set<string>();
  const reattach: FollowContext = {
    ...context,
    reconnect: async (name) => {
      now = await context.reconnect(name);
      return now;
    },
  };
  for (;;) {
    const lock = facts.mesh.known ? facts.mesh.value.lock : null;
    if (!lock?.alive || stop.aborted) return { connection: now, facts };
    const owner = `${lock.owner}, since ${lock.since}: ${lock.what}`;
    const { program } = lock;
    if (!lock.laptop && program && !followed.has(`${program.run}/${program.play}`)) {
      followed.add(`${program.run}/${program.play}`);
      const text = `attached to a run whose laptop is gone and which still works here (${owner})`;
      emit({ kind: 'message', level: 'info', host, text });
      emit({ kind: 'host.state', host, state: 'applying', detail: `the run of ${lock.owner}` });
      const failure = await follow(program.run, program.play, lock.owner);
      if (failure) throw failure;
    } else {
      deadline ??= context.now() + Math.max(context.lockTimeoutSeconds, GRACE_SECONDS) * 1000;
      const left = deadline - context.now();
      if (left <= 0) return { connection: now, facts, busy: owner };
      emit({ kind: 'waiting', host, detail: `another run is changing this host (${owner})` });
      await now.exec('', { script: waitScript(lock.laptop ? 'laptop gone' : 'free', left / 1000), signal: stop });
    }
    if (stop.aborted) return { connection: now, facts };
    emit({ kind: 'host.state', host, state: 'observing' });
    facts = await observe(now, context.interests(host), stop);
    emit({ kind: 'host.state', host, state: 'planned' });
  }

  async function follow(run: string, play: number, owner: string): Promise<ConnectionFailure | undefined> {
    const playName = `the run of ${owner}`;
    const progress = followProgress({ host, playName, steps: [], emit, now: context.now });
    const script = attachScript(run, play);
    const end = await followPlay(now, { host, run, play, script, progress, signal: stop }, reattach);
    const { state } = progress;
    if (stop.aborted) return undefined;
    if (end.kind === 'lost')
      return new ConnectionFailure(host, 'lost', `${host}: the connection was lost: ${end.reason}`);
    const how =
      state.end === 'done'
        ? 'has done its work'
        : state.end === 'stopped'
          ? 'has stopped, as it was told to'
          : `has ended early${state.error ? ` (${state.error.message})` : ''}`;
    emit({
      kind: 'message',
      level: state.end === 'done' || state.end === 'stopped' ? 'info' : 'warn',
      host,
      text: `that run ${how}; looking at the host again`,
    });
    return undefined;
  }
}
