import type { Position } from '../errors.js';

const WIDTH = 100;

/**
 * The line at `at` with the one before it, line numbers, and a caret under the column; ready to print below an error.
 *
 * Values of keys that hold a secret (`…pass…`, `…token…`) are masked, a tab is drawn as `→`, and any other control
 * character as `·`, so that a file from elsewhere can neither spill a password nor move the cursor.
 */
export function excerpt(text: string, at: Pick<Position, 'line' | 'column'>): string {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const line = lines[at.line - 1];
  if (line === undefined) return '';
  const gutter = String(at.line).length;
  const before = lines[at.line - 2];
  const shown: string[] = [];
  if (before?.trim()) shown.push(`  ${String(at.line - 1).padStart(gutter)} | ${clip(drawn(before), 0).text}`);
  const caret = Math.min(drawn(line.slice(0, at.column - 1)).length, drawn(line).length);
  const clipped = clip(drawn(line), caret);
  shown.push(`  ${at.line} | ${clipped.text}`.trimEnd());
  shown.push(`  ${' '.repeat(gutter)} | ${' '.repeat(clipped.caret)}^`);
  return shown.join('\n');
}

const SECRET = /((?:^|[\s{,])["']?[\w-]*(?:pass|passwd|secret|token)[\w-]*["']?\s*[:=]\s*)([^\s{}[\],][^,}]*)/gi;

function drawn(line: string): string {
  return line
    .replace(SECRET, (whole, key: string, value: string) =>
      /^["']?(?:\{\{|\$\{|!|[|>&*])/.test(value) ? whole : `${key}********`,
    )
    .replaceAll('\t', '→')
    .replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '·');
}

function clip(line: string, caret: number): { text: string; caret: number } {
  if (line.length <= WIDTH) return { text: line, caret };
  const start = Math.max(0, Math.min(caret - Math.floor(WIDTH / 2), line.length - WIDTH));
  const head = start > 0 ? '…' : '';
  const tail = start + WIDTH < line.length ? '…' : '';
  return { text: head + line.slice(start, start + WIDTH) + tail, caret: caret - start + head.length };
}
