import { Writable } from 'node:stream';
import headless from '@xterm/headless';
import { createEventStream, type EventStream } from '../../src/events/stream.js';
import type { EventBody } from '../../src/events/types.js';
import { liveScreen } from '../../src/ui/live.js';
import type { Screen } from '../../src/ui/screen.js';
import { createStyle } from '../../src/ui/style.js';
import type { Timed } from './demo-events.js';

/** A terminal without a window: what is written to `stream` shows in `frame()`. */
export interface FakeTerminal {
  readonly stream: NodeJS.WriteStream;
  /** What is on the screen, without the empty rows at its end. */
  frame(): Promise<string>;
  /** What has scrolled away above, and the screen. */
  everything(): Promise<string>;
  /** The raw bytes so far. */
  written(): string;
  resize(columns: number, rows: number): Promise<void>;
  cursorIsVisible(): Promise<boolean>;
}

export function fakeTerminal(columns: number, rows: number): FakeTerminal {
  const terminal = new headless.Terminal({
    cols: columns,
    rows,
    allowProposedApi: true,
    convertEol: true,
    scrollback: 5000,
  });
  let raw = '';
  const writable = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      raw += chunk;
      terminal.write(chunk);
      done();
    },
  });
  const size = { columns, rows };
  const stream: NodeJS.WriteStream = Object.defineProperties(Object.create(writable), {
    isTTY: { value: true },
    columns: { get: () => size.columns },
    rows: { get: () => size.rows },
    write: { value: (text: string) => writable.write(text), writable: true },
  });
  const settled = (): Promise<void> => new Promise((resolve) => terminal.write('', resolve));
  const lines = (first: number, last: number): string => {
    const list = [];
    for (let y = first; y < last; y += 1) list.push(terminal.buffer.active.getLine(y)?.translateToString(true) ?? '');
    return list.join('\n').trimEnd();
  };
  return {
    stream,
    async frame() {
      await settled();
      const top = terminal.buffer.active.baseY;
      return lines(top, top + size.rows);
    },
    async everything() {
      await settled();
      return lines(0, terminal.buffer.active.length);
    },
    written: () => raw,
    async resize(newColumns, newRows) {
      await settled();
      size.columns = newColumns;
      size.rows = newRows;
      terminal.resize(newColumns, newRows);
    },
    async cursorIsVisible() {
      await settled();
      return raw.lastIndexOf('\u001b[?25l') < raw.lastIndexOf('\u001b[?25h') || !raw.includes('\u001b[?25l');
    },
  };
}

/** A screen whose clock and ticks are the test's. */
export interface DrivenScreen {
  readonly screen: Screen;
  readonly stream: EventStream;
  /** Emits what the script says until then, and draws once. */
  goTo(at: number): void;
  emit(body: EventBody): void;
  tick(): void;
}

const START = Date.parse('2026-11-23T23:55:00.000Z');

export async function drive(
  terminal: FakeTerminal,
  script: readonly Timed[] = [],
  color = false,
): Promise<DrivenScreen> {
  let now = START;
  let next = 0;
  let tick: (() => void) | undefined;
  let begun = (): void => {};
  const ready = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const stream = createEventStream('20261123-235500-4f2a', () => new Date(now));
  const screen = liveScreen(stream, {
    output: terminal.stream,
    now: () => now,
    style: createStyle({ color, unicode: true }),
    captured: [],
    ticker: (beat) => {
      tick = beat;
      begun();
      return () => {
        tick = undefined;
      };
    },
  });
  await ready;
  // listr2 starts the slots in the turns that follow.
  await new Promise((resolve) => setImmediate(resolve));
  return {
    screen,
    stream,
    goTo(at) {
      for (let due = script[next]; due && due.at <= at; due = script[next]) {
        now = START + due.at;
        stream.emit(due.body);
        next += 1;
      }
      now = START + at;
      tick?.();
    },
    emit: stream.emit,
    tick: () => tick?.(),
  };
}
