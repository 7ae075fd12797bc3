import { DefaultRenderer, Listr, ListrLogger, type ListrTask, ProcessOutput, Spinner } from 'listr2';
import type { EventStream } from '../events/stream.js';
import { type Canvas, createCanvas } from './canvas.js';
import { type Captured, captureWrites } from './capture.js';
import { lastingRows } from './lasting.js';
import { drawRow, type Row, rows } from './rows.js';
import type { Screen } from './screen.js';
import { type Style, styleFor } from './style.js';
import { emptyModel, type Model, reduce } from './view-model.js';

export interface LiveOptions {
  /** The terminal: stderr, so that results on stdout can be piped. */
  readonly output: NodeJS.WriteStream;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly style?: Style;
  /** Calls `tick` again and again until the answer is called. Default: every 100 ms. */
  readonly ticker?: (tick: () => void) => () => void;
  /** Streams on the same terminal: what is written to them goes above the list. */
  readonly captured?: readonly NodeJS.WriteStream[];
}

const REDRAW_MS = 100;
/** Rows that can be drawn at most, however tall the terminal is: what a redraw costs does not grow with the hosts. */
const SLOTS = 60;

/** One row of the list: a task for listr2 that does nothing but wait to be told how its row ended. */
interface Slot {
  readonly task: ListrTask;
  readonly write: (title: string) => void;
  readonly settle: (broken: boolean) => void;
}

/**
 * The list on a terminal. listr2 draws it and runs nothing: a bounded number of slots get their titles from the view
 * model, at most every 100 ms, and are settled when the screen stops. Takes no signal and never ends the process; the
 * cursor is shown again when it stops, and when the process exits first.
 */
export function liveScreen(stream: Pick<EventStream, 'subscribe'>, options: LiveOptions): Screen {
  const { output, now = Date.now, ticker = everyTenth } = options;
  const style = options.style ?? styleFor(process.env, output);
  const write = output.write.bind(output);
  const canvas = createCanvas({
    write: (text) => write(text),
    get columns() {
      return output.columns;
    },
    get rows() {
      return output.rows;
    },
  });
  const captured = captureWrites(options.captured ?? terminalsOf([process.stdout, process.stderr]), canvas.keep);
  const slots = Array.from({ length: SLOTS }, createSlot);
  let model: Model = emptyModel;
  let paused = false;
  let stopped: Promise<void> | undefined;

  const current = (): Row[] => {
    const limit = Math.min(SLOTS, (output.rows || 24) - 1);
    return rows(model, { columns: output.columns || 80, rows: limit, now: now(), symbols: style.symbols });
  };
  const writeTitles = (list: readonly Row[]): void => {
    for (const [i, slot] of slots.entries()) slot.write(drawRow(list[i] ?? [], style));
  };

  const unsubscribe = stream.subscribe(
    (event) => {
      model = reduce(model, event);
      const frame = { columns: output.columns || 80, symbols: style.symbols };
      for (const row of lastingRows(model, event, frame)) canvas.keep(drawRow(row, style));
    },
    { replay: true },
  );

  const listr = new Listr(
    slots.map((slot) => slot.task),
    {
      concurrent: true,
      exitOnError: false,
      registerSignalListeners: false,
      renderer: rendererOf(
        () => !paused,
        (draw) =>
          ticker(() => {
            if (paused) return;
            writeTitles(current());
            draw();
            canvas.flush();
          }),
      ),
      rendererOptions: {
        logger: new ListrLogger({ useIcons: false, processOutput: outputOn(canvas, captured, output) }),
        showErrorMessage: false,
      },
    },
  );
  const showCursor = (): void => canvas.showCursor();
  process.once('exit', showCursor);
  const drawn = listr.run();

  return {
    pause() {
      if (paused) return;
      paused = true;
      captured.release();
      canvas.clear();
      canvas.showCursor();
    },
    resume() {
      if (!paused || stopped) return;
      paused = false;
      captured.take();
      canvas.hideCursor();
    },
    stop() {
      stopped ??= (async () => {
        unsubscribe();
        const last = current();
        writeTitles(last);
        for (const [i, slot] of slots.entries()) slot.settle((last[i] ?? []).some((span) => span.tone === 'bad'));
        await drawn;
        process.removeListener('exit', showCursor);
      })();
      return stopped;
    },
  };
}

function createSlot(): Slot {
  let title = '';
  let show = (_title: string): void => {};
  let settle = (_broken: boolean): void => {};
  const settled = new Promise<void>((resolve, reject) => {
    settle = (broken) => (broken ? reject(new Error(title)) : resolve());
  });
  // A screen can stop before listr2 has begun to wait.
  settled.catch(() => {});
  return {
    task: {
      // Without a title at the start listr2 would treat the task as one that never has one.
      title: ' ',
      task: (_context, task) => {
        show = (text) => {
          task.title = text;
        };
        show(title);
        return settled;
      },
    },
    write: (text) => {
      if (text === title) return;
      title = text;
      show(text);
    },
    settle: (broken) => settle(broken),
  };
}

type Draw = () => void;

/**
 * listr2's own renderer with its clock taken over: it draws when the ticker says so and not at every change of a title,
 * also where stdout is no terminal, and takes a title as the whole line.
 */
function rendererOf(mayDraw: () => boolean, start: (draw: Draw) => () => void): typeof DefaultRenderer {
  let due = false;
  return class extends DefaultRenderer {
    static override nonTTY = true;

    constructor(...[tasks, options, events]: ConstructorParameters<typeof DefaultRenderer>) {
      const spinner = new TickedSpinner((draw) =>
        start(() => {
          due = true;
          draw();
          due = false;
        }),
      );
      super(tasks, { ...options, spinner }, events);
    }

    override update(): void {
      if (due && mayDraw()) super.update();
    }

    protected override style(): string {
      return '';
    }

    protected override format(title: string): string[] {
      return title.trim() === '' ? [] : [title];
    }
  };
}

/** Only its beat is used: the spinning marks are part of the titles. */
class TickedSpinner extends Spinner {
  private end: () => void = () => {};

  constructor(private readonly begin: (draw: Draw) => () => void) {
    super();
  }

  override start(draw: Draw = () => {}): void {
    this.end = this.begin(draw);
  }

  override stop(): void {
    this.end();
  }
}

/** What listr2's log-update takes for a terminal: its own counting of lines is replaced by the canvas's. */
function outputOn(canvas: Canvas, captured: Captured, output: NodeJS.WriteStream): ProcessOutput {
  const terminal: NodeJS.WriteStream = Object.create(output, {
    write: {
      value: (chunk: string): boolean => {
        canvas.draw(chunk.replace(/^(?:\u001b\[2K|\u001b\[1A|\u001b\[G)+/, ''));
        return true;
      },
    },
  });
  const keep = (text: string): boolean => {
    canvas.keep(text);
    canvas.clear();
    return true;
  };
  return new (class extends ProcessOutput {
    override get stdout(): NodeJS.WriteStream {
      return terminal;
    }

    override hijack(): void {
      captured.take();
      canvas.hideCursor();
    }

    override release(): void {
      captured.release();
      canvas.clear();
      canvas.showCursor();
    }

    override toStdout(text: string): boolean {
      return keep(text);
    }

    override toStderr(text: string): boolean {
      return keep(text);
    }
  })(output, output);
}

function terminalsOf(streams: readonly NodeJS.WriteStream[]): NodeJS.WriteStream[] {
  return streams.filter((stream) => stream.isTTY);
}

function everyTenth(tick: () => void): () => void {
  const timer = setInterval(tick, REDRAW_MS);
  // The list alone is no reason for the process to go on.
  timer.unref();
  return () => clearInterval(timer);
}
