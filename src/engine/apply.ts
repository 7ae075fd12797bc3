import type { Emit, StepState } from '../events/types.js';
import type { Connection } from '../ssh/types.js';
import { createFrameReader, createLineReader, type Frame, parseJournalLine } from './journal.js';
import { followScript, type ProgramInput, startScript } from './program.js';
import type { PlannedChange } from './types.js';

/** Bytes of a step's output that are kept for its error message. */
const OUTPUT_KEPT = 4096;
/** How often a lost connection is made again while a program runs, and the pause before each try, in milliseconds. */
const REATTACH_PAUSES_MS: readonly number[] = [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000];

export interface Step {
  readonly task: string;
  readonly change: PlannedChange;
}

export interface PlayOnHost {
  readonly host: string;
  readonly playName: string;
  readonly program: ProgramInput;
  readonly steps: readonly Step[];
}

export interface ApplyContext {
  readonly emit: Emit;
  /** Milliseconds by a steady clock. */
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Makes a new connection to a host whose old one is gone. Rejects with ConnectionFailure. */
  readonly reconnect: (host: string) => Promise<Connection>;
}

export interface PlayResult {
  /** `lost`: the connection is gone and could not be made again: the program may still run. */
  readonly state: 'done' | 'failed' | 'stopped' | 'lost';
  /** Steps that changed something. */
  readonly changed: number;
  readonly error?: { readonly message: string; readonly command?: string; readonly output?: string };
}

/** What is known of one play's program from its journal; grows as frames come, whatever connection brings them. */
function journalState(play: PlayOnHost, context: ApplyContext) {
  const of = play.steps.length;
  let current = 0;
  let startedAt = 0;
  let recent: Buffer = Buffer.alloc(0);
  const state = {
    journal: 0,
    output: 0,
    changed: 0,
    end: undefined as 'done' | 'failed' | 'stopped' | undefined,
    gone: false,
    missing: false,
    error: undefined as PlayResult['error'],
  };

  function about(number: number) {
    const step = play.steps[number - 1];
    return {
      host: play.host,
      play: play.playName,
      task: step?.task ?? '',
      step: number,
      of,
      sentence: step?.change.sentence ?? '',
    };
  }

  function ended(number: number, stepState: StepState, code: number): void {
    const durationMs = Math.max(0, Math.round(context.now() - startedAt));
    const command = play.steps[number - 1]?.change.command ?? '';
    const failed = stepState === 'failed' || stepState === 'lost';
    const output = recent.toString('utf8').trimEnd();
    context.emit({
      kind: 'step.ended',
      ...about(number),
      state: stepState,
      durationMs,
      exitCode: code,
      ...(failed && { command, output }),
    });
    if (stepState === 'done') state.changed += 1;
    if (stepState === 'failed') {
      state.error = { message: `${about(number).sentence}: exit code ${code}`, command, output };
    }
    current = 0;
  }

  const outputLine = createLineReader((line) => {
    if (current > 0) context.emit({ kind: 'step.output', host: play.host, step: current, line });
  });
  const journalLine = createLineReader((line) => {
    const entry = parseJournalLine(line);
    if (entry?.kind === 'begin') {
      current = entry.step;
      startedAt = context.now();
      context.emit({ kind: 'step.started', ...about(entry.step) });
    } else if (entry?.kind === 'end') {
      ended(entry.step, entry.state, entry.code);
      recent = Buffer.alloc(0);
    } else if (entry?.kind === 'exit') {
      state.end = entry.state;
    }
  });

  const read = (frame: Frame): void => {
    if (frame.kind === 'journal') {
      state.journal += frame.bytes.length;
      journalLine(frame.bytes);
    } else if (frame.kind === 'output') {
      state.output += frame.bytes.length;
      recent = Buffer.concat([recent, frame.bytes]).subarray(-OUTPUT_KEPT);
      outputLine(frame.bytes);
    } else if (frame.kind === 'gone') state.gone = true;
    else state.missing = true;
  };
  return { state, read, abandon: () => current > 0 && ended(current, 'lost', 0) };
}

/**
 * Runs one play's program on one host and tells of every step as it happens. A connection that breaks is made again and
 * the journal read on from where it was; the program itself does not notice. Never rejects.
 */
export async function applyPlay(connection: Connection, play: PlayOnHost, context: ApplyContext): Promise<PlayResult> {
  const { state, read, abandon } = journalState(play, context);
  let attached: Connection | undefined = connection;
  let script = startScript(play.program);
  let reason = '';
  for (let attempt = 0; ; attempt++) {
    if (attached) {
      const frames = createFrameReader(read);
      try {
        const outcome = await attached.exec('', { script, onStdout: frames });
        reason = outcome.kind === 'lost' ? outcome.reason : outcome.stderr.toString('utf8').trim();
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    if (state.end || state.gone || state.missing) break;
    const wait = REATTACH_PAUSES_MS[attempt];
    if (wait === undefined) break;
    context.emit({ kind: 'waiting', host: play.host, detail: `the connection was lost (${reason}); connecting again` });
    await context.pause(wait);
    try {
      attached = await context.reconnect(play.host);
      // Before the first frame nobody knows whether the program was started: starting a play again is harmless.
      if (state.journal > 0) script = followScript(play.program.run, play.program.play, state.journal, state.output);
    } catch (error) {
      attached = undefined;
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  if (state.end === 'done' || state.end === 'stopped') return { state: state.end, changed: state.changed };
  if (state.end === 'failed') {
    return { state: 'failed', changed: state.changed, ...(state.error && { error: state.error }) };
  }
  abandon();
  if (state.gone || state.missing) {
    const message = state.gone
      ? 'the program on the host ended before its work was done (was it killed, or did the host go down?)'
      : 'the program could not be started';
    return { state: 'failed', changed: state.changed, error: { message } };
  }
  return {
    state: 'lost',
    changed: state.changed,
    error: { message: `the connection is gone and could not be made again (${reason}); the host goes on by itself` },
  };
}
