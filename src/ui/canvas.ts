import { width } from './text.js';

/** What a screen needs of a terminal: `process.stderr` is one. */
export interface Terminal {
  write(text: string): boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

export interface Canvas {
  /** Draws the frame (lines that end in a newline, or nothing) in the place of the one before, under the lasting lines. */
  readonly draw: (frame: string) => void;
  /** Lines that stay: they go above the frame with the next drawing. */
  readonly keep: (text: string) => void;
  /** Takes the frame away and writes what was kept. The cursor is where the frame began. */
  readonly clear: () => void;
  /** Writes what was kept, if anything, above the frame that is shown. */
  readonly flush: () => void;
  readonly hideCursor: () => void;
  readonly showCursor: () => void;
}

const ESC = '\u001b[';
const HIDE_CURSOR = `${ESC}?25l`;
const SHOW_CURSOR = `${ESC}?25h`;
/** Synchronized output (mode 2026): the terminal shows the update as a whole; others ignore it. */
const BEGIN = `${ESC}?2026h`;
const END = `${ESC}?2026l`;

/**
 * A frame at the bottom of a terminal and lines that scroll away above it. Counts a frame's rows at the width that the
 * terminal has now: one that became narrower has wrapped the lines that it showed.
 */
export function createCanvas(terminal: Terminal): Canvas {
  let kept = '';
  let shown: readonly number[] = [];
  let last = '';
  let hidden = false;

  const height = (): number => {
    const columns = terminal.columns || 80;
    const lines = shown.reduce((sum, cells) => sum + Math.max(1, Math.ceil(cells / columns)), 0);
    // What has left the top of the screen cannot be taken back.
    return Math.min(lines, Math.max(0, (terminal.rows || 24) - 1));
  };

  const draw = (frame: string): void => {
    const up = height();
    const home = shown.length === 0 ? '' : `${up > 0 ? `${ESC}${up}A` : ''}\r${ESC}J`;
    const text = home + kept + frame;
    kept = '';
    last = frame;
    shown =
      frame === ''
        ? []
        : frame
            .replace(/\n$/, '')
            .split('\n')
            .map((line) => width(bare(line)));
    if (text !== '') terminal.write(BEGIN + text + END);
  };

  return {
    draw,
    keep: (text) => {
      kept += text.endsWith('\n') || text === '' ? text : `${text}\n`;
    },
    clear: () => draw(''),
    flush: () => {
      if (kept !== '') draw(last);
    },
    hideCursor: () => {
      if (!hidden) terminal.write(HIDE_CURSOR);
      hidden = true;
    },
    showCursor: () => {
      if (hidden) terminal.write(SHOW_CURSOR);
      hidden = false;
    },
  };
}

/** Without the colours that were put on it here; texts from elsewhere were cleaned before. */
function bare(line: string): string {
  return line.replace(/\u001b\[[0-9;]*m/g, '');
}
