import { stripVTControlCharacters } from 'node:util';

/** No line on a screen needs more than this; what hosts write can be megabytes without a line end. */
const LONGEST = 4096;

/**
 * Text from a host or a file as one harmless line: without escape sequences, control characters and bidirectional
 * overrides, which could move the cursor or reorder what is read (Unicode TR 36, 2.5). Of a progress bar that redraws
 * itself with carriage returns the last state is left.
 */
export function clean(text: string): string {
  const drawn = text.slice(-LONGEST).replace(/[\r\n]+$/, '');
  const last = drawn.slice(Math.max(drawn.lastIndexOf('\r'), drawn.lastIndexOf('\n')) + 1);
  return stripVTControlCharacters(last)
    .replace(/[\t\u2028\u2029]/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, '')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

/** Text of several lines, each made harmless. */
export function cleanLines(text: string): string[] {
  return text
    .replace(/\n+$/, '')
    .split('\n')
    .map((line) => clean(line).trimEnd());
}

const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x23e9, 0x23ec],
  [0x23f0, 0x23f0],
  [0x23f3, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x267f, 0x267f],
  [0x2693, 0x2693],
  [0x26a1, 0x26a1],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26c5],
  [0x26ce, 0x26ce],
  [0x26d4, 0x26d4],
  [0x26ea, 0x26ea],
  [0x26f2, 0x26f3],
  [0x26f5, 0x26f5],
  [0x26fa, 0x26fa],
  [0x26fd, 0x26fd],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x274e, 0x274e],
  [0x2753, 0x2755],
  [0x2757, 0x2757],
  [0x2795, 0x2797],
  [0x27b0, 0x27b0],
  [0x27bf, 0x27bf],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b50],
  [0x2b55, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1aff0, 0x1b2ff],
  [0x1f000, 0x1f02f],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f18e],
  [0x1f191, 0x1f19a],
  [0x1f1e6, 0x1f265],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7f0],
  [0x1f90c, 0x1f9ff],
  [0x1fa70, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Cells that a code point takes (UAX #11; marks and joiners take none). Where terminals differ, the larger number. */
function cells(char: string): number {
  const point = char.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  // The emoji presentation selector makes a narrow symbol wide.
  if (point === 0xfe0f) return 1;
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(char)) return 0;
  return WIDE.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
}

/** The cells that clean text takes on a terminal: never fewer than it really takes. */
export function width(text: string): number {
  if (/^[\u0020-\u02ff]*$/.test(text)) return text.length;
  let sum = 0;
  for (const char of text) sum += cells(char);
  return sum;
}

/** At most `room` cells of clean text; where some was cut, it ends in `…` (or what `ellipsis` says). */
export function truncate(text: string, room: number, ellipsis = '…'): string {
  // A thousand marks on one letter are one cell wide: the length is bounded too.
  if (width(text) <= room && text.length <= 8 * Math.max(room, 1)) return text;
  const mark = width(ellipsis) <= room ? ellipsis : '';
  const limit = room - width(mark);
  let kept = '';
  let used = 0;
  for (const char of text) {
    const next = used + cells(char);
    if (next > limit || kept.length > 8 * room) break;
    kept += char;
    used = next;
  }
  return room <= 0 ? '' : kept + mark;
}

/** Exactly `room` cells: cut or filled with spaces. */
export function column(text: string, room: number, side: 'left' | 'right' = 'left', ellipsis = '…'): string {
  const cut = truncate(text, room, ellipsis);
  const gap = ' '.repeat(Math.max(0, room - width(cut)));
  return side === 'left' ? cut + gap : gap + cut;
}

/** Words in lines of at most `room` cells; a word that is longer is cut over lines. */
export function wrap(text: string, room: number): string[] {
  const limit = Math.max(room, 8);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (width(joined) <= limit) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const char of word) {
      if (width(line + char) > limit) {
        lines.push(line);
        line = '';
      }
      line += char;
    }
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}

/** `3 hosts`, `1 host`. */
export function plural(n: number, noun: string, many = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : many}`;
}

/** Milliseconds for people: `0.4 s`, `12.3 s`, `2 min 05 s`, `1 h 04 min`. */
export function duration(ms: number): string {
  const tenths = Math.max(0, Math.floor(ms / 100));
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.floor(tenths / 10);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** A number of bytes: `812 bytes`, `2.1 MB`, by powers of ten as disks and networks are sold. */
export function bytes(n: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'] as const;
  if (n < 1000) return plural(n, 'byte');
  let value = n;
  let unit: string = units[0];
  for (const one of units) {
    value /= 1000;
    unit = one;
    if (value < 999.5) break;
  }
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

/** Names in a sentence: all of them while they are few, else the first ones and how many more. */
export function names(list: readonly string[], most = 6): string {
  if (list.length <= most) return list.map(clean).join(', ');
  return `${list.slice(0, most).map(clean).join(', ')} and ${list.length - most} more`;
}

/** What a run is, for its first line: the command as it was typed, and what it does not say already. */
export function runTitle(command: string, inventory: string, hosts: number): { command: string; rest: string[] } {
  const typed = clean(command);
  const told = typed.split(' ').includes(clean(inventory)) || inventory === '';
  return {
    command: typed.startsWith('mesh ') ? typed : `mesh ${typed}`,
    rest: [...(told ? [] : [clean(inventory)]), plural(hosts, 'host')],
  };
}

/** What a host waits for, as a phrase: `for the lock` becomes `waiting for the lock`; a sentence stays as it is. */
export function waitingPhrase(detail: string): string {
  const text = clean(detail);
  return /^for /i.test(text) ? `waiting ${text}` : text;
}

/** What the words of a verdict say beside "pass": nothing, where containers were tried everywhere. */
export function withoutContainers(those: number, passed: number): string {
  if (those === 0) return '';
  return those === passed ? ' without containers' : `, ${those} of them without containers`;
}
