export interface DiffLine {
  readonly kind: 'same' | 'gone' | 'new' | 'gap';
  readonly text: string;
}

const CONTEXT = 2;
/** Above this the lines are not matched: what a table of that size would cost is more than what it would show. */
const MATCHED_AT_MOST = 400_000;

/**
 * How one text became another, line by line, with two lines around each difference; a gap stands for the lines between.
 * The longest common subsequence, so that no line is shown as changed that was not.
 */
export function lineDiff(before: string, after: string): DiffLine[] {
  const a = linesOf(before);
  const b = linesOf(after);
  const all = a.length * b.length > MATCHED_AT_MOST ? unmatched(a, b) : matched(a, b);
  const near = all.map((_, i) =>
    all.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some((line) => line.kind !== 'same'),
  );
  return all.flatMap((line, i): DiffLine[] => {
    if (near[i]) return [line];
    return i === 0 || near[i - 1] ? [{ kind: 'gap', text: '' }] : [];
  });
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function unmatched(a: readonly string[], b: readonly string[]): DiffLine[] {
  return [...a.map((text) => ({ kind: 'gone', text }) as const), ...b.map((text) => ({ kind: 'new', text }) as const)];
}

function matched(a: readonly string[], b: readonly string[]): DiffLine[] {
  const stride = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * stride);
  const at = (i: number, j: number): number => longest[i * stride + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * stride + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const old = a[i];
    const fresh = b[j];
    if (old !== undefined && old === fresh) {
      lines.push({ kind: 'same', text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: 'gone', text: old });
      i += 1;
    } else if (fresh !== undefined) {
      lines.push({ kind: 'new', text: fresh });
      j += 1;
    }
  }
  return lines;
}
