/** One line of a host's journal. */
export type JournalEntry =
  | { readonly kind: 'begin'; readonly step: number; readonly time: number; readonly offset: number }
  | {
      readonly kind: 'end';
      readonly step: number;
      readonly state: 'done' | 'failed' | 'unneeded';
      readonly code: number;
      readonly time: number;
      readonly offset: number;
    }
  | { readonly kind: 'exit'; readonly state: 'done' | 'failed' | 'stopped'; readonly time: number };

export type Frame =
  | { readonly kind: 'journal'; readonly bytes: Buffer }
  | { readonly kind: 'output'; readonly bytes: Buffer }
  /** The sentences of the play's steps, one a line: what a run that did not make the plan knows of it. */
  | { readonly kind: 'steps'; readonly bytes: Buffer }
  /** The program is gone and its journal has no end: it was killed, or the host went down. */
  | { readonly kind: 'gone' }
  /** There is no such play on the host. */
  | { readonly kind: 'none' };

/** Parses one journal line; undefined for anything else (a line cut short by a power failure, say). */
export function parseJournalLine(line: string): JournalEntry | undefined {
  const begin = /^B (\d+) (\d+) (\d+)$/.exec(line);
  if (begin) return { kind: 'begin', step: Number(begin[1]), time: Number(begin[2]), offset: Number(begin[3]) };
  const end = /^E (\d+) (done|failed|unneeded) (\d+) (\d+) (\d+)$/.exec(line);
  if (end) {
    const state = end[2] === 'done' || end[2] === 'failed' ? end[2] : 'unneeded';
    return {
      kind: 'end',
      step: Number(end[1]),
      state,
      code: Number(end[3]),
      time: Number(end[4]),
      offset: Number(end[5]),
    };
  }
  const exit = /^X (done|failed|stopped) (\d+)$/.exec(line);
  if (exit) {
    const state = exit[1] === 'done' || exit[1] === 'failed' ? exit[1] : 'stopped';
    return { kind: 'exit', state, time: Number(exit[2]) };
  }
  return undefined;
}

/** Reads the frames of a followed journal from pieces of any size. */
export function createFrameReader(onFrame: (frame: Frame) => void): (piece: Buffer) => void {
  let buffer: Buffer = Buffer.alloc(0);
  return (piece) => {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece]);
    for (;;) {
      const newline = buffer.indexOf(10);
      if (newline < 0) return;
      const head = /^([JOSGN]) (\d+)$/.exec(buffer.toString('latin1', 0, newline));
      if (!head) {
        buffer = buffer.subarray(newline + 1);
        continue;
      }
      const length = Number(head[2]);
      if (buffer.length < newline + 1 + length) return;
      const bytes = buffer.subarray(newline + 1, newline + 1 + length);
      buffer = buffer.subarray(newline + 1 + length);
      if (head[1] === 'J') onFrame({ kind: 'journal', bytes });
      else if (head[1] === 'O') onFrame({ kind: 'output', bytes });
      else if (head[1] === 'S') onFrame({ kind: 'steps', bytes });
      else onFrame({ kind: head[1] === 'G' ? 'gone' : 'none' });
    }
  };
}
