import type { Event, ProbeCheck } from '../events/types.js';
import { isPass, type Verdict, verdictOf } from '../events/verdict.js';
import { createStyle, type Style } from './style.js';
import { clean, column, plural, width, withoutContainers, wrap } from './text.js';
import type { Probe } from './view-model.js';

export interface ProofTableOptions {
  readonly columns: number;
  readonly style?: Style;
  /** Beyond this many hosts only what did not pass is listed. Default 12. */
  readonly most?: number;
}

/** What each check means when it passes; in the order in which they are told. */
const MEANINGS: Readonly<Record<ProbeCheck, string>> = {
  'tunnel ping': 'a ping from bridge to bridge came back',
  'docker0 ping': 'a ping from docker0 to docker0 came back',
  'docker0 tcp': 'a TCP connection between the docker0 addresses was answered',
  'container ping': 'a ping from a container to a container came back',
  'full-size DF': 'the largest packet that fits the MTU passed undivided',
  counters: 'Open vSwitch counted it in the tunnel, out and in',
};
const CHECKS = Object.keys(MEANINGS).filter((name): name is ProbeCheck => name in MEANINGS);
/** The time that a cell shows: of the check nearest to what a user's containers do. */
const TIMED: readonly ProbeCheck[] = ['container ping', 'docker0 ping', 'tunnel ping', 'docker0 tcp'];

/** What was measured from one host to another. */
export interface Cell {
  readonly from: string;
  readonly to: string;
  readonly verdict: Verdict;
  readonly ms?: number;
  /** Those that did not pass, with what is known about why. */
  readonly failed: readonly Probe[];
  readonly unmeasured: readonly Probe[];
  readonly passed: readonly ProbeCheck[];
}

/** The probe events of a run, in order. */
export function probesIn(events: readonly Event[]): Probe[] {
  return events.flatMap((event) => (event.kind === 'probe' ? [event] : []));
}

/** Every ordered pair of hosts among the probes. A pair of which nothing was measured says so; it never passes. */
export function proofCells(probes: readonly Probe[]): {
  readonly hosts: readonly string[];
  readonly cells: readonly Cell[];
} {
  const byPair = new Map<string, Map<ProbeCheck, Probe>>();
  const hosts = new Set<string>();
  const key = (from: string, to: string): string => JSON.stringify([from, to]);
  for (const probe of probes) {
    hosts.add(probe.from).add(probe.to);
    const pair = key(probe.from, probe.to);
    const checks = byPair.get(pair) ?? new Map<ProbeCheck, Probe>();
    byPair.set(pair, checks.set(probe.check, probe));
  }
  const sorted = [...hosts].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const cells = sorted.flatMap((from) =>
    sorted.filter((to) => to !== from).map((to) => cellOf(from, to, byPair.get(key(from, to)) ?? new Map())),
  );
  return { hosts: sorted, cells };
}

function cellOf(from: string, to: string, checks: ReadonlyMap<ProbeCheck, Probe>): Cell {
  const all = CHECKS.flatMap((check) => checks.get(check) ?? []);
  const failed = all.filter((probe) => probe.state === 'fail');
  const unmeasured = all.filter((probe) => probe.state === 'not measured');
  const passed = all.filter((probe) => probe.state === 'pass').map((probe) => probe.check);
  const ms = TIMED.map((check) => checks.get(check)).find(
    (probe) => probe?.state === 'pass' && probe.ms !== undefined,
  )?.ms;
  return { from, to, verdict: verdictOf(all), failed, unmeasured, passed, ...(ms !== undefined && { ms }) };
}

/**
 * The proof as a table: rows send, columns receive, a cell is the round-trip time in milliseconds or what failed. Many
 * hosts, or a narrow terminal, get one sentence and the pairs that did not pass. Below it: what each check means.
 */
export function renderProof(probes: readonly Probe[], options: ProofTableOptions): string {
  const { columns, style = createStyle({ color: false, unicode: true }), most = 12 } = options;
  const { hosts, cells } = proofCells(probes);
  if (cells.length === 0) return 'Nothing was measured: there is no pair of hosts.';
  const parts = [
    (hosts.length <= most && tableLines(hosts, cells, columns, style)) || [],
    verdictLines(cells, columns, style),
    legendLines(cells, columns, style),
  ];
  return parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n');
}

const TONES = { pass: 'good', 'pass without containers': 'warn', fail: 'bad', 'not measured': 'warn' } as const;

function cellText(cell: Cell): string {
  if (cell.verdict === 'not measured') return 'not measured';
  const [first, ...more] = cell.failed;
  if (first) return `FAIL: ${first.check}${more.length > 0 ? ` +${more.length}` : ''}`;
  return cell.ms === undefined ? 'pass' : `${cell.ms.toFixed(2)} ms`;
}

function tableLines(
  hosts: readonly string[],
  cells: readonly Cell[],
  columns: number,
  style: Style,
): string[] | undefined {
  const { symbols, paint } = style;
  const names = hosts.map(clean);
  const corner = `from \\ to`;
  const lead = Math.max(width(corner), ...names.map(width));
  const text = (cell: Cell, short: boolean): string =>
    short && !isPass(cell.verdict) ? shortText(cell) : cellText(cell);
  for (const short of [false, true]) {
    const widths = hosts.map((to, i) =>
      Math.max(
        width(names[i] ?? ''),
        ...cells.filter((cell) => cell.to === to).map((cell) => width(text(cell, short))),
      ),
    );
    if (lead + widths.reduce((sum, w) => sum + w + 3, 0) > columns - 1) continue;
    const line = (parts: readonly string[]): string => parts.join('   ').trimEnd();
    const head = line([
      paint('dim', column(corner, lead)),
      ...names.map((name, i) => paint('strong', column(name, widths[i] ?? 0, 'right'))),
    ]);
    const body = hosts.map((from, row) =>
      line([
        paint('strong', column(names[row] ?? '', lead)),
        ...hosts.map((to, i) => {
          const cell = cells.find((one) => one.from === from && one.to === to);
          const room = widths[i] ?? 0;
          if (!cell) return paint('dim', column(symbols.dash, room, 'right'));
          return paint(TONES[cell.verdict], column(text(cell, short), room, 'right'));
        }),
      ]),
    );
    return [head, ...body];
  }
  return undefined;
}

function shortText(cell: Cell): string {
  return cell.verdict === 'fail' ? 'FAIL' : '?';
}

function verdictLines(cells: readonly Cell[], columns: number, style: Style): string[] {
  const { symbols, paint } = style;
  const passing = cells.filter((cell) => isPass(cell.verdict));
  const without = withoutContainers(
    cells.filter((cell) => cell.verdict === 'pass without containers').length,
    passing.length,
  );
  if (passing.length === cells.length) {
    const all =
      cells.length === 1
        ? 'The pair passes'
        : cells.length === 2
          ? 'Both pairs pass'
          : `All ${plural(cells.length, 'pair')} pass`;
    const mark = without === '' ? paint('good', symbols.done) : paint('warn', symbols.warning);
    return [`${mark} ${all}${without}`, ...unmeasuredLines(cells, columns, style)];
  }
  const lines = [
    `${paint('bad', symbols.failed)} ${passing.length} of ${plural(cells.length, 'pair')} pass${without}; these do not:`,
  ];
  const bad = cells.filter((cell) => !isPass(cell.verdict));
  for (const cell of bad.slice(0, MOST_LISTED)) {
    const pair = `  ${clean(cell.from)} ${symbols.arrow} ${clean(cell.to)}: `;
    const why =
      cell.failed.length === 0
        ? notMeasured(cell)
        : cell.failed.map((probe) => `${probe.check} failed${detailOf(probe)}`).join('; ');
    const held = cell.passed.length > 0 ? ` (passed: ${cell.passed.join(', ')})` : '';
    lines.push(...indented(`${pair}${why}${held}`, columns, 4));
  }
  if (bad.length > MOST_LISTED) lines.push(`  and ${plural(bad.length - MOST_LISTED, 'more pair')}`);
  return lines;
}

const MOST_LISTED = 40;

function notMeasured({ unmeasured }: Cell): string {
  const container = unmeasured.find(({ check }) => check === 'container ping');
  if (!container) return `not measured${detailOf(unmeasured[0])}`;
  return `${container.check} was not measured${detailOf(container)}`;
}

function detailOf(probe: Probe | undefined): string {
  return probe?.detail === undefined || probe.detail === '' ? '' : `: ${clean(probe.detail)}`;
}

/** A check that was left out on a pair that passed otherwise is said, once for each reason. */
function unmeasuredLines(cells: readonly Cell[], columns: number, style: Style): string[] {
  const reasons = new Map<string, number>();
  for (const probe of cells.flatMap((cell) => cell.unmeasured)) {
    const reason = `${probe.check} was not measured${detailOf(probe)}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return [...reasons]
    .slice(0, MOST_LISTED)
    .flatMap(([reason, n]) =>
      indented(`${style.paint('warn', style.symbols.warning)} ${reason} (${plural(n, 'pair')})`, columns, 2),
    );
}

function legendLines(cells: readonly Cell[], columns: number, { paint }: Style): string[] {
  const passed = new Set(cells.flatMap((cell) => cell.passed));
  const told = CHECKS.filter((check) => passed.has(check));
  if (told.length === 0) return [];
  const sentence =
    cells.every((cell) => isPass(cell.verdict)) && told.every((check) => cells.every((c) => c.passed.includes(check)))
      ? 'Each pair passed:'
      : 'What the checks mean:';
  const room = Math.max(...told.map(width));
  return [
    sentence,
    ...told.flatMap((check) => indented(`  ${column(check, room)}  ${MEANINGS[check]}`, columns, room + 4)),
  ].map((line) => paint('dim', line));
}

function indented(text: string, columns: number, hang: number): string[] {
  const lead = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...rest] = wrapHanging(text.slice(lead.length), columns - 1, lead.length, hang);
  return [lead + first, ...rest.map((line) => ' '.repeat(hang) + line)];
}

function wrapHanging(text: string, columns: number, lead: number, hang: number): string[] {
  if (lead + width(text) <= columns) return [text];
  const [first = ''] = wrap(text, columns - lead);
  const rest = text.slice(first.length).trimStart();
  return rest === '' ? [first] : [first, ...wrap(rest, Math.max(8, columns - hang))];
}
