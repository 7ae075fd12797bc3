import type { Finding, FindingSeverity } from '../events/types.js';
import type { Style, Tone } from './style.js';
import { clean, width, wrap } from './text.js';

const LOOKS: Readonly<Record<FindingSeverity, readonly [Tone, 'failed' | 'warning' | 'note']>> = {
  refuse: ['bad', 'failed'],
  warn: ['warn', 'warning'],
  note: ['dim', 'note'],
};

/** A finding with its host and its fix, wrapped to the columns. */
export function findingLines(finding: Finding, columns: number, { paint, symbols }: Style): string[] {
  const [tone, mark] = LOOKS[finding.severity];
  const host = finding.host === undefined ? '' : clean(finding.host);
  const lead = host === '' ? 2 : width(host) + 4;
  const [first = '', ...rest] = wrap(clean(finding.sentence), columns - lead - 1);
  const name = host === '' ? '' : `${paint('strong', host)}  `;
  const fix = finding.fix === undefined ? [] : wrap(clean(finding.fix), columns - 5);
  return [
    `${paint(tone, symbols[mark])} ${name}${first}`,
    ...rest.map((line) => ' '.repeat(lead) + line),
    ...fix.map((line, i) => `  ${i === 0 ? paint('active', symbols.arrow) : ' '.repeat(width(symbols.arrow))} ${line}`),
  ];
}
