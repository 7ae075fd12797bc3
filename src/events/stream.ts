import { randomBytes } from 'node:crypto';
import { type Emit, EVENT_VERSION, type Event } from './types.js';

export type Listener = (event: Event) => void;

export interface EventStream {
  /** Stamps the body and hands it to every listener, before it returns unless a listener emits. */
  readonly emit: Emit;
  /**
   * From now on `listener` gets every event, in order; with `replay` it first gets those that were already emitted.
   * The answer ends it. A listener that throws loses that event only, and no other listener notices.
   */
  readonly subscribe: (listener: Listener, options?: { replay?: boolean }) => () => void;
}

export interface EventStreamOptions {
  /** Called the first time each listener throws. Default: one line on stderr. */
  readonly onListenerError?: (error: unknown) => void;
}

/** Events that a late subscriber can still be given. A run of hundreds of hosts must not fill the memory. */
const REPLAY_LIMIT = 10_000;

/** The one thing that the engine and the screens share. Sequence numbers count from 1 without gaps. */
export function createEventStream(
  run: string,
  clock: () => Date = () => new Date(),
  { onListenerError = reportOnStderr }: EventStreamOptions = {},
): EventStream {
  const listeners = new Set<{ readonly hear: Listener; complained: boolean }>();
  const past: Event[] = [];
  // A listener may emit: everybody still gets the events in their order.
  const undelivered: Event[] = [];
  let delivering = false;
  let sequence = 0;

  const deliver = (entry: { readonly hear: Listener; complained: boolean }, event: Event): void => {
    try {
      entry.hear(event);
    } catch (error) {
      if (entry.complained) return;
      entry.complained = true;
      onListenerError(error);
    }
  };

  return {
    emit(body) {
      sequence += 1;
      const event: Event = { version: EVENT_VERSION, run, sequence, time: clock().toISOString(), ...body };
      past.push(event);
      if (past.length > 2 * REPLAY_LIMIT) past.splice(0, past.length - REPLAY_LIMIT);
      undelivered.push(event);
      if (delivering) return;
      delivering = true;
      for (let next = undelivered.shift(); next; next = undelivered.shift()) {
        for (const entry of [...listeners]) deliver(entry, next);
      }
      delivering = false;
    },
    subscribe(hear, { replay = false } = {}) {
      const entry = { hear, complained: false };
      if (replay) for (const event of [...past]) deliver(entry, event);
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
  };
}

function reportOnStderr(error: unknown): void {
  const what = error instanceof Error ? error.message : String(error);
  process.stderr.write(`mesh: a reader of the events failed and may show less from here on: ${what}\n`);
}

/** A run's name: the laptop's UTC clock to the second and four random hex digits: `20261123-235501-4f2a`. Sorts by time. */
export function newRunId(now: Date = new Date()): string {
  const [day = '', time = ''] = now.toISOString().slice(0, 19).split('T');
  return `${day.replaceAll('-', '')}-${time.replaceAll(':', '')}-${randomBytes(2).toString('hex')}`;
}
