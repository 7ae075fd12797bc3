import type { Emit } from '../events/types.js';
import type { Connection } from '../ssh/types.js';
import { createFrameReader } from './journal.js';
import { followScript } from './program.js';
import type { ProgressReader } from './progress.js';

/** The pauses before a lost connection is made again, in milliseconds; after the last one it is given up. */
const REATTACH_PAUSES_MS: readonly number[] = [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000];

export interface FollowContext {
  readonly emit: Emit;
  /** Milliseconds by a steady clock. */
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Makes a new connection to a host whose old one is gone. Rejects with ConnectionFailure. */
  readonly reconnect: (host: string) => Promise<Connection>;
}

export interface Followed {
  readonly host: string;
  readonly run: string;
  /** Index of the play in its playbook, from 0. */
  readonly play: number;
  /** What starts the play, or attaches to it; sent again as long as nothing of its journal has come. */
  readonly script: string;
  readonly progress: ProgressReader;
  /** Gives up following when it aborts; the program goes on. */
  readonly signal?: AbortSignal;
}

/** Why a play is no longer followed; `ended`: its journal, or what became of its program, is in the progress. */
export type FollowEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'not started'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string };

/**
 * Follows a play's program on a host to its end. A connection that breaks is made again and the journal read on from
 * where it was; the program itself does not notice. Never rejects.
 */
export async function followPlay(connection: Connection, play: Followed, context: FollowContext): Promise<FollowEnd> {
  const { progress, signal } = play;
  const { state } = progress;
  let attached: Connection | undefined = connection;
  let reason = '';
  for (let attempt = 0; ; ) {
    const seen = state.journal + state.output;
    if (attached) {
      const script = state.journal > 0 ? followScript(play.run, play.play, state.journal, state.output) : play.script;
      try {
        const onStdout = createFrameReader(progress.read);
        const outcome = await attached.exec('', { script, onStdout, ...(signal && { signal }) });
        const said = outcome.stderr.toString('utf8').trim();
        reason = outcome.kind === 'lost' ? outcome.reason : said || 'the shell that followed it ended';
        if (outcome.kind === 'exited' && outcome.code !== 0 && state.journal === 0) {
          return { kind: 'not started', reason: said || `exit code ${outcome.code}` };
        }
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    if (state.end || state.gone || state.missing) return { kind: 'ended' };
    if (signal?.aborted) return { kind: 'lost', reason: 'it was stopped from here' };
    // What was seen since the last time counts as a connection that held.
    if (state.journal + state.output > seen) attempt = 0;
    const wait = REATTACH_PAUSES_MS[attempt];
    if (wait === undefined) return { kind: 'lost', reason };
    attempt += 1;
    context.emit({ kind: 'waiting', host: play.host, detail: `the connection was lost (${reason}); connecting again` });
    await context.pause(wait);
    try {
      attached = await context.reconnect(play.host);
    } catch (error) {
      attached = undefined;
      reason = error instanceof Error ? error.message : String(error);
    }
  }
}
