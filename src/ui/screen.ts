import type { EventStream } from '../events/stream.js';
import { type Environment, styleFor } from './style.js';

/** A reader of the events that draws them. */
export interface Screen {
  /** Leaves the terminal alone until `resume`: somebody is asked something. */
  pause(): void;
  resume(): void;
  /** Draws the last state, which stays, and gives the terminal back. */
  stop(): Promise<void>;
}

export interface ScreenChoice {
  readonly output: 'text' | 'jsonl';
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Environment;
}

export interface ChosenScreen {
  readonly kind: 'live' | 'lines' | 'jsonl';
  /** Begins to draw what the stream says, from its first event on. Only the screen that is opened is loaded. */
  readonly open: (stream: Pick<EventStream, 'subscribe'>) => Promise<Screen>;
}

/**
 * Which screen suits: JSON lines on stdout where they are asked for; the live list on stderr where that is a terminal and
 * nobody wants everything (`--verbose`), nothing (`--quiet`) or a log (CI, a dumb terminal); else plain lines on stderr.
 * Results are printed to stdout by the command itself.
 */
export function chooseScreen(choice: ScreenChoice): ChosenScreen {
  const { output, quiet = false, verbose = false, stdout, stderr, env } = choice;
  if (output === 'jsonl') {
    return { kind: 'jsonl', open: async (stream) => (await import('./jsonl.js')).jsonlScreen(stream, stdout) };
  }
  const style = styleFor(env, stderr);
  const still = quiet || verbose || isCi(env) || env.TERM === 'dumb';
  if (stderr.isTTY && !still) {
    return {
      kind: 'live',
      open: async (stream) => (await import('./live.js')).liveScreen(stream, { output: stderr, style }),
    };
  }
  const options = { output: stderr, quiet, verbose, style };
  return { kind: 'lines', open: async (stream) => (await import('./lines.js')).linesScreen(stream, options) };
}

/** Set by every continuous-integration service that is known; `CI=false` and `CI=0` mean no. */
function isCi(env: Environment): boolean {
  return env.CI !== undefined && env.CI !== '' && env.CI !== 'false' && env.CI !== '0';
}
