import type { HostState } from '../events/types.js';
import type { Style, Symbols, Tone } from './style.js';
import { clean, column, duration, plural, truncate, waitingPhrase, width } from './text.js';
import { type HostView, isBroken, isFinal, type Model, type PlayView, type TaskView } from './view-model.js';

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** One line of a screen: its spans' widths add up to no more than the columns that were asked for. */
export type Row = readonly Span[];

export interface View {
  readonly columns: number;
  /** The most rows that may be drawn. */
  readonly rows: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly symbols: Symbols;
}

/** Wider lines are harder to read than they are useful. */
const WIDEST = 110;
/** A step that has run for this long shows what it wrote last. */
const LONG_STEP_MS = 800;
const NARROW = 60;
const CLOCK = 10;
const NARROW_CLOCK = 6;
/** Of the hosts that run when they do not all fit: more would be a wall of moving lines. */
const RUNNING_SHOWN = 10;

/** A row as text, coloured where the style says so. */
export function drawRow(row: Row, style: Style): string {
  return row
    .map((span) => style.paint(span.tone, span.text))
    .join('')
    .trimEnd();
}

export function rowWidth(row: Row): number {
  return row.reduce((sum, span) => sum + width(span.text), 0);
}

/**
 * What is going on now, in at most `rows` rows of at most `columns` cells: the play, then each host with its tasks, or
 * each host with what it writes, or each host alone, whichever still fits; else those that need a person, those that
 * have been running longest, and a count of the rest. Empty once the run has ended.
 */
export function rows(model: Model, view: View): Row[] {
  if (model.ended || view.rows <= 0 || view.columns <= 0) return [];
  const head = header(model, view);
  const hosts = [...model.hosts.values()];
  const broken = hosts.filter(isBroken);
  const ordered = [...broken, ...hosts.filter((host) => !isBroken(host))];
  const room = view.rows - head.length;
  const names = nameWidth(ordered, view);
  // Cheaper than laying out hundreds of hosts to find that they do not fit.
  for (const detail of hosts.length > room ? [] : [3, 2, 1]) {
    const body = ordered.flatMap((host) => hostRows(model, host, names, detail, view));
    if (body.length <= room) return [...head, ...body].slice(0, view.rows);
  }
  return [...head, ...folded(model, broken, names, room, view)].slice(0, view.rows);
}

function header(model: Model, view: View): Row[] {
  const spin = spinner(view);
  const heads: Row[] = [];
  const playing = model.plays.filter((play) => play.durationMs === undefined);
  for (const play of playing.slice(0, Math.max(1, view.rows >> 2))) heads.push(playRow(model, play, view));
  if (model.proof && !model.proof.ended) heads.push(proofRow(model, view));
  else if (playing.length === 0 && model.hosts.size > 0) {
    const open = [...model.hosts.values()].filter((host) => !isFinal(host) && host.state !== 'planned').length;
    const seen = `${model.hosts.size - open} of ${plural(model.hosts.size, 'host')}`;
    const later = model.plays.length === 0 ? 'Preparing' : 'Finishing';
    const [text, aside] = model.plan ? [later, ''] : ['Looking at the hosts', seen];
    const clock = model.plan ? '' : duration(view.now - model.startedAt);
    heads.push(layout(view, 0, spin, [{ text, tone: 'strong' }], aside, clock));
  }
  return heads;
}

function playRow(model: Model, play: PlayView, view: View): Row {
  const hosts = play.hosts.map((name) => model.hosts.get(name)).filter((host) => host !== undefined);
  const through = hosts.filter((host) => inPlay(host) === 'through').length;
  const spans: Span[] = [
    { text: `Play ${play.index}/${play.of}  `, tone: 'dim' },
    { text: clean(play.play), tone: 'strong' },
  ];
  const aside = `${through} of ${plural(play.hosts.length, 'host')}`;
  return layout(view, 0, spinner(view), spans, aside, duration(view.now - play.startedAt));
}

function proofRow(model: Model, view: View): Row {
  const proof = model.proof;
  if (!proof) return [];
  const spans: Span[] = [
    { text: 'Proof  ', tone: 'dim' },
    { text: proof.scope === 'full' ? 'every pair, every check' : 'a ping over every tunnel', tone: 'strong' },
  ];
  const { counts } = proof;
  const bad = counts.fail > 0 ? `, ${counts.fail} failed` : '';
  const aside = `${counts.pass} passed${bad}`;
  return layout(view, 0, spinner(view), spans, aside, duration(view.now - proof.startedAt));
}

/** Where a host is in the play that runs. */
function inPlay(host: HostView): 'through' | 'running' | 'waiting' {
  if (isFinal(host) || host.error) return 'through';
  if (host.step) return 'running';
  if (host.progress && host.progress.ended >= host.progress.of) return 'through';
  return host.progress ? 'running' : 'waiting';
}

function hostRows(model: Model, host: HostView, names: number, detail: number, view: View): Row[] {
  // A file that comes has no task's row to be told in.
  const told = detail < 3 || view.columns < NARROW || host.step?.of === 0;
  const first = hostRow(model, host, names, told, view);
  const playing = model.plays.some((play) => play.durationMs === undefined && play.hosts.includes(host.host));
  const tasks = detail === 3 && playing && !isBroken(host) ? host.tasks.map((task) => taskRow(host, task, view)) : [];
  const output = detail >= 2 ? outputRow(host, detail === 3 || view.columns < NARROW ? 6 : names + 6, view) : [];
  return [first, ...tasks, ...output];
}

function hostRow(model: Model, host: HostView, names: number, withSentence: boolean, view: View): Row {
  const { mark, text, tone, since } = standing(model, host, withSentence, view);
  const name: Span = { text: `${column(clean(host.host), names, 'left', view.symbols.ellipsis)}  `, tone: 'strong' };
  const clock = since === undefined ? '' : duration(view.now - since);
  return layout(view, 2, mark, [name, ...counter(host), { text, tone }], '', clock);
}

function counter(host: HostView): Span[] {
  if (!host.step || host.step.of === 0 || host.error) return [];
  return [{ text: `${host.step.step}/${host.step.of}  `, tone: 'dim' }];
}

interface Standing {
  readonly mark: Span;
  readonly text: string;
  readonly tone: Tone;
  readonly since?: number;
}

const DOING: Readonly<Record<HostState, string>> = {
  queued: 'waiting for its turn',
  connecting: 'connecting',
  observing: 'looking at what is there',
  planned: 'planned',
  waiting: 'waiting for the others',
  applying: 'applying',
  proving: 'proving its tunnels',
  done: 'done',
  failed: 'failed',
  refused: 'refused',
  unreachable: 'unreachable',
  stopped: 'stopped',
};

function standing(model: Model, host: HostView, withSentence: boolean, view: View): Standing {
  const { symbols } = view;
  const detail = host.detail === undefined ? '' : `: ${clean(host.detail)}`;
  if (host.error) {
    const code = host.error.exitCode === undefined ? '' : ` (exit ${host.error.exitCode})`;
    const text = `failed${code}: ${clean(host.error.sentence)}`;
    return { mark: { text: symbols.failed, tone: 'bad' }, text, tone: 'bad' };
  }
  if (isBroken(host)) {
    const mark: Span =
      host.state === 'stopped' ? { text: symbols.stopped, tone: 'warn' } : { text: symbols.failed, tone: 'bad' };
    return { mark, text: `${DOING[host.state]}${detail}`, tone: mark.tone };
  }
  if (host.step) {
    const text = withSentence ? clean(host.step.sentence) : '';
    return { mark: spinner(view), text, tone: 'plain', since: host.step.startedAt };
  }
  if (host.waitingFor) {
    const text = waitingPhrase(host.waitingFor.detail);
    return { mark: { text: symbols.waiting, tone: 'warn' }, text, tone: 'dim', since: host.waitingFor.since };
  }
  const playing = model.plays.find((play) => play.durationMs === undefined && play.hosts.includes(host.host));
  if (playing && inPlay(host) === 'through') {
    const text = `${plural(host.progress?.of ?? 0, 'step')} done`;
    return { mark: { text: symbols.done, tone: 'good' }, text, tone: 'dim' };
  }
  if (host.state === 'planned' || host.state === 'done') {
    const planned = host.planned === undefined ? '' : plural(host.planned, 'change');
    const text = host.state === 'done' ? plural(host.changed, 'change') : planned || 'looked at';
    return { mark: { text: symbols.done, tone: 'good' }, text, tone: 'dim' };
  }
  const busy = host.state === 'connecting' || host.state === 'observing' || host.state === 'proving';
  const active = busy || host.state === 'applying';
  const mark: Span = active ? spinner(view) : { text: symbols.waiting, tone: 'dim' };
  return { mark, text: `${DOING[host.state]}${detail}`, tone: 'dim', ...(busy && { since: host.since }) };
}

function taskRow(host: HostView, task: TaskView, view: View): Row {
  const running = task.state === 'running' && host.step?.task === task.task;
  const mark: Record<TaskView['state'], Span> = {
    running: running ? { text: view.symbols.pointer, tone: 'active' } : { text: view.symbols.waiting, tone: 'dim' },
    done: { text: view.symbols.done, tone: 'good' },
    failed: { text: view.symbols.failed, tone: 'bad' },
    stopped: { text: view.symbols.stopped, tone: 'warn' },
  };
  const spans: Span[] = [{ text: clean(task.task), tone: running ? 'plain' : 'dim' }];
  const doing = running && host.step ? clean(host.step.sentence) : '';
  if (doing && doing !== clean(task.task)) spans.push({ text: `: ${doing}`, tone: 'dim' });
  const clock = task.state === 'running' ? '' : duration(task.durationMs);
  return layout(view, 4, mark[task.state], spans, '', clock);
}

function outputRow(host: HostView, indent: number, view: View): Row[] {
  const { step } = host;
  if (!step?.line || view.now - step.startedAt < LONG_STEP_MS) return [];
  const text = clean(step.line).trim();
  if (text === '') return [];
  return [layout(view, indent, { text: view.symbols.pipe, tone: 'dim' }, [{ text, tone: 'dim' }])];
}

function folded(model: Model, broken: readonly HostView[], names: number, room: number, view: View): Row[] {
  const rest = [...model.hosts.values()].filter((host) => !isBroken(host));
  const running = rest
    .filter((host) => host.step || (!isFinal(host) && inPlay(host) === 'running'))
    .sort((a, b) => (a.step?.startedAt ?? a.since) - (b.step?.startedAt ?? b.since));
  const lines = Math.max(0, room - 1);
  const shownBroken = broken.slice(0, Math.max(Math.ceil(lines / 2), lines - Math.min(running.length, RUNNING_SHOWN)));
  const shownRunning = running.slice(0, Math.min(RUNNING_SHOWN, lines - shownBroken.length));
  const shown = new Set([...shownBroken, ...shownRunning]);
  const others = [...model.hosts.values()].filter((host) => !shown.has(host));
  return [...[...shown].map((host) => hostRow(model, host, names, true, view)), countRow(model, others, view)];
}

function countRow(model: Model, hosts: readonly HostView[], view: View): Row {
  const counts = new Map<string, number>();
  const playing = model.plays.some((play) => play.durationMs === undefined);
  for (const host of hosts) {
    const word = isBroken(host) ? (host.error ? 'failed' : host.state) : tally(host, playing);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const text = [...counts].map(([word, n]) => `${n} ${word}`).join(', ');
  const spans: Span[] = [
    { text: `${hosts.length} more: `, tone: 'dim' },
    { text, tone: 'dim' },
  ];
  return layout(view, 2, { text: view.symbols.dot, tone: 'dim' }, spans);
}

function tally(host: HostView, playing: boolean): string {
  if (host.step) return 'running';
  if (host.waitingFor) return 'waiting';
  if (playing && !isFinal(host)) return { through: 'through', running: 'running', waiting: 'waiting' }[inPlay(host)];
  return host.state;
}

function spinner(view: View): Span {
  const frames = view.symbols.spinner;
  const index = Math.floor(Math.max(0, view.now) / 100) % frames.length;
  return { text: frames[index] ?? '', tone: 'active' };
}

function nameWidth(hosts: readonly HostView[], view: View): number {
  const longest = hosts.reduce((most, host) => Math.max(most, width(clean(host.host))), 0);
  return Math.min(longest, Math.max(4, Math.floor(view.columns / 4)));
}

/**
 * Puts a row together: indent, mark, the spans from the left, the aside and the clock at the right edge. What does not
 * fit goes in this order: the aside, the clock's column, the end of the spans.
 */
export function layout(
  view: Pick<View, 'columns' | 'symbols'>,
  indent: number,
  mark: Span,
  spans: readonly Span[],
  aside = '',
  clock = '',
): Row {
  // The last column stays free: some terminals wrap as soon as it is written to.
  const line = Math.min(view.columns - 1, WIDEST);
  const lead: Span[] = mark.text === '' ? [] : [mark, { text: ' ', tone: 'plain' }];
  const start = ' '.repeat(indent);
  const wanted = spans.reduce((sum, span) => sum + width(span.text), 0);
  const room = line - indent - lead.reduce((sum, span) => sum + width(span.text), 0);
  const clockRoom =
    clock === '' || room < 24 ? 0 : Math.max(view.columns < NARROW ? NARROW_CLOCK : CLOCK, width(clock)) + 1;
  const asideRoom = aside === '' || wanted + width(aside) + 2 + clockRoom > room ? 0 : width(aside) + 2;
  const cut = cutSpans(spans, room - clockRoom - asideRoom, view.symbols.ellipsis);
  const row: Span[] = [{ text: start, tone: 'plain' }, ...lead, ...cut.spans];
  if (asideRoom + clockRoom > 0) {
    row.push({ text: ' '.repeat(Math.max(0, room - clockRoom - asideRoom - cut.used)), tone: 'plain' });
    if (asideRoom > 0) row.push({ text: `  ${aside}`, tone: 'dim' });
    if (clockRoom > 0) row.push({ text: column(clock, clockRoom, 'right'), tone: 'dim' });
  }
  return rowWidth(row) <= view.columns ? row : cutSpans(row, view.columns, view.symbols.ellipsis).spans;
}

function cutSpans(spans: readonly Span[], room: number, ellipsis: string): { spans: Span[]; used: number } {
  const kept: Span[] = [];
  let used = 0;
  for (const span of spans) {
    const left = room - used;
    if (left <= 0) break;
    const text = truncate(span.text, left, ellipsis);
    used += width(text);
    kept.push({ text, tone: span.tone });
    if (text !== span.text) break;
  }
  return { spans: kept, used };
}
