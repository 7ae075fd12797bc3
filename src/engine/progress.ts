import type { Emit, HostSummary, StepState } from '../events/types.js';
import { createLineReader } from '../lines.js';
import { type Frame, type JournalEntry, parseJournalLine } from './journal.js';

/** Bytes of a step's output that are kept for its error message. */
const OUTPUT_KEPT = 4096;

/** What is said of one step; `command` is missing where another run made the plan. */
export interface StepTold {
  readonly task: string;
  readonly sentence: string;
  readonly command?: string;
}

export interface ProgressInput {
  readonly host: string;
  readonly playName: string;
  readonly steps: readonly StepTold[];
  readonly emit: Emit;
  /** Milliseconds by a steady clock. */
  readonly now: () => number;
}

/** What is known of one play's program from its journal; grows as frames come, whatever connection brings them. */
export interface Progress {
  /** Bytes of journal and output that came: where the next connection goes on. */
  readonly journal: number;
  readonly output: number;
  /** Steps that changed something, and steps that ended well. */
  readonly changed: number;
  readonly passed: number;
  readonly end: 'done' | 'failed' | 'stopped' | undefined;
  /** The program is gone and its journal has no end. */
  readonly gone: boolean;
  /** There is no such play on the host. */
  readonly missing: boolean;
  /** Why it failed; a program that fails before its first step has said so itself. */
  readonly error: HostSummary['error'];
}

export interface ProgressReader {
  readonly state: Progress;
  readonly read: (frame: Frame) => void;
  /** Says of the step that runs, if one does, that its end is not known. */
  readonly abandon: () => void;
}

/** Turns the frames of a followed play into events of its steps. Offsets say which step wrote which bytes. */
export function followProgress(input: ProgressInput): ProgressReader {
  let steps = input.steps;
  let current = 0;
  let startedAt = 0;
  const pending: JournalEntry[] = [];
  let unread: Buffer = Buffer.alloc(0);
  let recent: Buffer = Buffer.alloc(0);
  let outputLine = createLineReader(() => undefined);
  const counts = { journal: 0, output: 0, changed: 0, passed: 0, gone: false, missing: false };
  let end: Progress['end'];
  let stepError: Progress['error'];

  function about(number: number) {
    const step = steps[number - 1];
    return {
      host: input.host,
      play: input.playName,
      task: step?.task ?? '',
      step: number,
      of: Math.max(number, steps.length),
      sentence: step?.sentence ?? `step ${number}`,
    };
  }

  function begun(number: number): void {
    current = number;
    startedAt = input.now();
    recent = Buffer.alloc(0);
    outputLine = createLineReader((line) => {
      input.emit({ kind: 'step.output', host: input.host, step: number, line });
      const note = /^note: (.+)$/.exec(line)?.[1];
      if (note !== undefined) input.emit({ kind: 'message', level: 'info', host: input.host, text: note });
    });
    input.emit({ kind: 'step.started', ...about(number) });
  }

  function ended(number: number, state: StepState, exitCode?: number): void {
    if (recent.length > 0 && recent.at(-1) !== 10) outputLine(Buffer.from('\n'));
    const command = steps[number - 1]?.command;
    const told = { ...(command !== undefined && { command }), output: recent.toString('utf8').trimEnd() };
    input.emit({
      kind: 'step.ended',
      ...about(number),
      state,
      durationMs: Math.max(0, Math.round(input.now() - startedAt)),
      ...(exitCode !== undefined && { exitCode }),
      ...((state === 'failed' || state === 'lost') && told),
    });
    if (state === 'done') counts.changed += 1;
    if (state === 'done' || state === 'unneeded') counts.passed += 1;
    if (state === 'failed') stepError = { message: `${about(number).sentence}: exit code ${exitCode}`, ...told };
    current = 0;
  }

  function hand(bytes: Buffer): void {
    recent = Buffer.concat([recent, bytes]).subarray(-OUTPUT_KEPT);
    outputLine(bytes);
  }

  /** Takes journal lines and output in the order in which they were written. */
  function proceed(): void {
    for (let entry = pending[0]; entry; entry = pending[0]) {
      if (entry.kind !== 'exit') {
        const missing = entry.offset - (counts.output - unread.length);
        if (missing > unread.length) return;
        if (missing > 0) {
          hand(unread.subarray(0, missing));
          unread = unread.subarray(missing);
        }
      }
      pending.shift();
      if (entry.kind === 'begin') begun(entry.step);
      else if (entry.kind === 'end') ended(entry.step, entry.state, entry.code);
      else end = entry.state;
    }
    hand(unread);
    unread = Buffer.alloc(0);
  }

  const journalLine = createLineReader((line) => {
    const entry = parseJournalLine(line);
    if (entry) pending.push(entry);
  });

  const state: Progress = {
    get journal() {
      return counts.journal;
    },
    get output() {
      return counts.output;
    },
    get changed() {
      return counts.changed;
    },
    get passed() {
      return counts.passed;
    },
    get gone() {
      return counts.gone;
    },
    get missing() {
      return counts.missing;
    },
    get end() {
      return end;
    },
    get error() {
      if (stepError || end !== 'failed') return stepError;
      return { message: recent.toString('utf8').trim() || 'the program on the host failed before its first step' };
    },
  };
  return {
    state,
    read(frame) {
      if (frame.kind === 'journal') {
        counts.journal += frame.bytes.length;
        journalLine(frame.bytes);
        proceed();
      } else if (frame.kind === 'output') {
        counts.output += frame.bytes.length;
        unread = Buffer.concat([unread, frame.bytes]);
        proceed();
      } else if (frame.kind === 'steps') {
        const sentences = frame.bytes.toString('utf8').split('\n').filter(Boolean);
        steps = sentences.map((sentence) => ({ task: input.playName, sentence }));
      } else if (frame.kind === 'gone') counts.gone = true;
      else counts.missing = true;
    },
    abandon() {
      if (current > 0) ended(current, 'lost');
    },
  };
}
