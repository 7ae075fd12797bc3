import { styleText } from 'node:util';

/** What a piece of text is, not how it looks: colours are chosen here and nowhere else. */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'bad' | 'warn' | 'active' | 'mark';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Symbols {
  readonly done: string;
  readonly failed: string;
  readonly warning: string;
  readonly note: string;
  readonly waiting: string;
  readonly stopped: string;
  readonly arrow: string;
  readonly pointer: string;
  readonly dot: string;
  readonly dash: string;
  readonly pipe: string;
  readonly ellipsis: string;
  readonly spinner: readonly string[];
}

export interface Style {
  readonly color: boolean;
  readonly symbols: Symbols;
  readonly paint: (tone: Tone, text: string) => string;
}

const UNICODE: Symbols = {
  done: '✔',
  failed: '✖',
  warning: '!',
  note: 'i',
  waiting: '◌',
  stopped: '■',
  arrow: '→',
  pointer: '›',
  dot: '·',
  dash: '—',
  pipe: '│',
  ellipsis: '…',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
};

const ASCII: Symbols = {
  done: '+',
  failed: 'x',
  warning: '!',
  note: 'i',
  waiting: '.',
  stopped: '#',
  arrow: '->',
  pointer: '>',
  dot: '-',
  dash: '-',
  pipe: '|',
  ellipsis: '...',
  spinner: ['-', '\\', '|', '/'],
};

const LOOKS = {
  strong: 'bold',
  dim: 'gray',
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  active: 'cyan',
  mark: ['bold', 'magenta'],
} as const;

/**
 * Whether to colour: FORCE_COLOR first (0 and false mean no), then NO_COLOR (no-color.org: any text but the empty one
 * means no), a dumb terminal, and whether it is a terminal at all.
 */
export function wantsColor(env: Environment, terminal: boolean): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env.NO_COLOR) return false;
  return terminal && env.TERM !== 'dumb';
}

/** Whether the locale (POSIX: LC_ALL, else LC_CTYPE, else LANG) and the terminal show more than ASCII. */
export function wantsUnicode(env: Environment): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return /utf-?8/i.test(locale) && env.TERM !== 'linux' && env.TERM !== 'dumb';
}

/** How to write on a stream, by the environment's habits. */
export function styleFor(env: Environment, stream: { readonly isTTY?: boolean | undefined }): Style {
  return createStyle({ color: wantsColor(env, stream.isTTY === true), unicode: wantsUnicode(env) });
}

export function createStyle({ color, unicode }: { color: boolean; unicode: boolean }): Style {
  const paint = (tone: Tone, text: string): string => {
    if (!color || tone === 'plain' || text === '') return text;
    const look = LOOKS[tone];
    // Whether to colour is decided above, for the stream that is written to; styleText would look at stdout.
    return styleText(typeof look === 'string' ? look : [...look], text, { validateStream: false });
  };
  return { color, symbols: unicode ? UNICODE : ASCII, paint };
}
