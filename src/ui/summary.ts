import type { EventBody, HostState, HostSummary } from '../events/types.js';
import { createStyle, type Style, type Tone } from './style.js';
import { clean, cleanLines, column, duration, names, plural, width, wrap } from './text.js';

export type RunEnded = Omit<Extract<EventBody, { kind: 'run.ended' }>, 'kind'>;

export interface SummaryOptions {
  readonly columns: number;
  readonly style?: Style;
  /** Only the hosts that need a person, and the closing line. */
  readonly quiet?: boolean;
}

const STANDS: Readonly<Record<HostState, readonly [Tone, 'done' | 'failed' | 'stopped' | 'waiting']>> = {
  done: ['good', 'done'],
  planned: ['active', 'waiting'],
  failed: ['bad', 'failed'],
  refused: ['bad', 'failed'],
  unreachable: ['bad', 'failed'],
  stopped: ['warn', 'stopped'],
  queued: ['dim', 'waiting'],
  connecting: ['dim', 'waiting'],
  observing: ['dim', 'waiting'],
  waiting: ['dim', 'waiting'],
  applying: ['dim', 'waiting'],
  proving: ['dim', 'waiting'],
};

const OUTPUT_LINES = 20;
const COMMAND_LINES = 8;
/** Hosts that are well are folded into one line beyond this many. */
const LISTED = 24;

/**
 * How a run ended: each host's state and changes; where one failed the exact error, the command that failed, the last
 * lines that it wrote, and what to type next; then one closing line.
 */
export function renderSummary(ended: RunEnded, options: SummaryOptions): string {
  const { columns, style = createStyle({ color: false, unicode: true }), quiet = false } = options;
  const needy = ended.hosts.filter(needsPerson);
  const well = ended.hosts.filter((host) => !needsPerson(host));
  const room = Math.min(Math.max(0, ...ended.hosts.map((host) => width(clean(host.host)))), Math.floor(columns / 3));
  const lines: string[] = [];
  if (!quiet && well.length > LISTED) {
    const states = tally(well);
    lines.push(`${style.paint('good', style.symbols.done)} ${plural(well.length, 'host')}: ${states}`);
  } else if (!quiet) lines.push(...well.map((host) => hostLine(host, room, style)));
  for (const host of needy) lines.push(hostLine(host, room, style), ...errorLines(host, columns, style));
  const nexts = sameNext(ended.hosts.filter((host) => !quiet || needsPerson(host)));
  for (const { next, hosts } of nexts) {
    const who = nexts.length === 1 ? 'Next' : `Next, for ${names(hosts)}`;
    const [first = '', ...rest] = nextLines(`${who}: ${clean(next)}`, columns - 3);
    lines.push(`${style.paint('active', style.symbols.arrow)} ${first}`, ...rest.map((line) => `  ${line}`));
  }
  lines.push(closingLine(ended, style));
  return lines.join('\n');
}

function needsPerson(host: HostSummary): boolean {
  return host.error !== undefined || ['failed', 'refused', 'unreachable', 'stopped'].includes(host.state);
}

function tally(hosts: readonly HostSummary[]): string {
  const counts = new Map<HostState, number>();
  for (const { state } of hosts) counts.set(state, (counts.get(state) ?? 0) + 1);
  const changed = hosts.reduce((sum, host) => sum + host.changed, 0);
  return [...[...counts].map(([state, n]) => `${n} ${state}`), plural(changed, 'change')].join(', ');
}

function hostLine(host: HostSummary, room: number, { symbols, paint }: Style): string {
  const [tone, mark] = STANDS[host.state];
  const untouched = host.state === 'done' ? 'nothing to change' : 'nothing was changed';
  const told = host.state === 'done' || (host.state === 'stopped' && host.left === 0);
  const did = host.changed > 0 ? plural(host.changed, 'change') : told ? untouched : '';
  const noun = host.changed > 0 ? String(host.left) : plural(host.left, 'change');
  const left = host.left > 0 ? `${noun} ${host.state === 'planned' ? 'to do' : 'not done'}` : '';
  const counts = [did, left].filter(Boolean).join(', ');
  const state = paint(tone, column(host.state, counts === '' ? 0 : 11).trimEnd() || host.state);
  const gap = counts === '' ? '' : ' '.repeat(Math.max(2, 13 - host.state.length));
  return `${paint(tone, symbols[mark])} ${paint('strong', column(clean(host.host), room))}  ${state}${gap}${paint('dim', counts)}`;
}

function errorLines(host: HostSummary, columns: number, { symbols, paint }: Style): string[] {
  const { error } = host;
  if (!error) return [];
  const room = columns - 5;
  const lines = cleanLines(error.message)
    .flatMap((line) => wrap(line, room))
    .map((line) => `    ${paint('bad', line)}`);
  if (error.command !== undefined) {
    const command = cleanLines(error.command);
    const cut = command.length - COMMAND_LINES;
    lines.push(...command.slice(0, COMMAND_LINES).map((line, i) => `    ${paint('dim', i === 0 ? '$' : ' ')} ${line}`));
    if (cut > 0) lines.push(`      ${paint('dim', `${symbols.ellipsis} ${plural(cut, 'more line')}`)}`);
  }
  if (error.output !== undefined && error.output.trim() !== '') {
    const output = cleanLines(error.output).slice(-OUTPUT_LINES);
    lines.push(...output.map((line) => `    ${paint('dim', symbols.pipe)} ${line}`));
  }
  return lines;
}

/** Wrapped words, with the command that they end in whole on a line of its own: it is there to be copied. */
function nextLines(text: string, room: number): string[] {
  const at = text.lastIndexOf(': mesh ') + 1;
  if (width(text) <= room || at === 0) return wrap(text, room);
  return [...wrap(text.slice(0, at), room), `  ${text.slice(at + 1)}`];
}

/**
 * What to type, once for all hosts that need the same: where only addresses, ports and names in it differ, the first
 * host's stands for all.
 */
function sameNext(hosts: readonly HostSummary[]): { next: string; hosts: string[] }[] {
  const groups = new Map<string, { next: string; hosts: string[] }>();
  for (const { host, next } of hosts) {
    if (next === undefined) continue;
    const kind = next.replaceAll(host, '').replace(/\d+/g, '0');
    const group = groups.get(kind) ?? { next, hosts: [] };
    groups.set(kind, { ...group, hosts: [...group.hosts, host] });
  }
  return [...groups.values()];
}

function closingLine(ended: RunEnded, { symbols, paint }: Style): string {
  const count = (state: HostState): number => ended.hosts.filter((host) => host.state === state).length;
  const bad = (['failed', 'refused', 'unreachable', 'stopped'] as const)
    .map((state) => [state, count(state)] as const)
    .filter(([, n]) => n > 0);
  const left = ended.hosts.reduce((sum, host) => sum + host.left, 0);
  const parts = [plural(ended.changed, 'change'), ...(left > 0 ? [`${left} left`] : [])];
  const hosts = plural(ended.hosts.length, 'host');
  const took = paint('dim', duration(ended.durationMs));
  if (ended.exitCode === 130) {
    return `${paint('warn', symbols.stopped)} Interrupted: ${parts.join(', ')} on ${hosts}  ${took}`;
  }
  const planned = count('planned');
  const toDo = `${plural(left, 'change')} to do on ${plural(planned, 'host')}`;
  if (ended.changed === 0 && planned > 0) {
    if (bad.length === 0) return `${paint('active', symbols.waiting)} ${toDo}; nothing was changed  ${took}`;
    const what = bad.map(([state, n]) => `${n} ${state}`).join(', ');
    return `${paint('bad', symbols.failed)} ${toDo}; ${what}; nothing was changed  ${took}`;
  }
  if (bad.length > 0 || ended.exitCode === 1 || ended.exitCode === 4) {
    const what = bad.map(([state, n]) => `${n} ${state}`).join(', ');
    const fine = `${count('done')} of ${hosts} done`;
    return `${paint('bad', symbols.failed)} ${[fine, what, ...parts].filter(Boolean).join(', ')}  ${took}`;
  }
  return `${paint('good', symbols.done)} Done: ${parts.join(', ')} on ${hosts}  ${took}`;
}
