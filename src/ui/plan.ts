import type { HostPlan, Plan, PlannedChange, PlannedTask } from '../engine/types.js';
import { countChanges } from '../engine/types.js';
import type { FileNeed } from '../resources/types.js';
import { findingLines } from './findings.js';
import { lineDiff } from './line-diff.js';
import { createStyle, type Style, type Tone } from './style.js';
import { bytes, clean, cleanLines, column, names, plural, width, wrap } from './text.js';

export interface PlanOptions {
  /** Show what is before and after each change. */
  readonly diff: boolean;
  /** Show the exact commands. */
  readonly commands: boolean;
  readonly columns: number;
  /** Show which host has which part of the container network. Default: yes. */
  readonly slices?: boolean;
  /** What is said where nothing is to be done. */
  readonly nothing?: string;
  /** How to write; `color: true` without a style means colours and Unicode. */
  readonly color: boolean;
  readonly style?: Style;
}

const NOTHING = 'No changes. Everything is as it should be.';

/**
 * A plan for people: what will be done on which host, who has which slice, what it means for containers, what was found,
 * and at the end how much it is. Hosts on which exactly the same is done share one list.
 */
export function renderPlan(plan: Plan, options: PlanOptions): string {
  const style = options.style ?? createStyle({ color: options.color, unicode: true });
  const total = plan.hosts.reduce((sum, host) => sum + countChanges(host), 0);
  // Of hosts that were all out of reach nothing is known that a slice could be built on.
  const asked = (options.slices ?? true) && plan.hosts.some((host) => host.state === 'ready');
  const sections = [
    ...sameHosts(
      plan.hosts.filter((host) => countChanges(host) > 0),
      options,
    ).map((group) => hostSection(group, options, style)),
    openvSwitchSection(plan, options.columns, style),
    noteSection(plan, options.columns, style),
    asked && (total > 0 || plan.lock) ? sliceSection(plan, style) : [],
    containerSection(plan, options.columns, style),
    findingSection(plan, options.columns, style),
    absentSection(plan, options.columns, style),
    [closing(plan, total, style, options.nothing ?? NOTHING)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

export type Nature = 'add' | 'change' | 'remove';

const ADDS =
  /^(add|allow|append|bring up|build|copy|create|download|enable|give|install|let|load|make|mark|open|put in|record|start|unpack|write)\b/i;
const REMOVES =
  /^(clear|delete|detach|disable|drop|flush|forget|purge|remove|stop|take (away|back|down|out)|unload|uninstall|unset)\b/i;

/** Whether a change adds, changes or removes: by what is before and after it where both are told, else by its verb. */
export function natureOf(change: Pick<PlannedChange, 'sentence' | 'before' | 'after'>): Nature {
  const { before, after } = change;
  if (before && after) return 'change';
  if (REMOVES.test(change.sentence)) return 'remove';
  if (ADDS.test(change.sentence)) return 'add';
  if (after && before === '') return 'add';
  if (before && after === '') return 'remove';
  return 'change';
}

const MARKS: Readonly<Record<Nature, { readonly mark: string; readonly tone: Tone }>> = {
  add: { mark: '+', tone: 'good' },
  change: { mark: '~', tone: 'warn' },
  remove: { mark: '-', tone: 'bad' },
};

/** Groups hosts of which everything that would be printed is the same. */
function sameHosts(hosts: readonly HostPlan[], { diff, commands }: PlanOptions): HostPlan[][] {
  const groups = new Map<string, HostPlan[]>();
  for (const host of hosts) {
    const shown = host.plays.map((play) => [
      play.play,
      play.tasks
        .filter((task) => task.changes.length > 0)
        .map((task) => [
          task.task,
          task.changes.map((change) => [
            change.sentence,
            change.guard !== undefined,
            change.fates ?? [],
            change.needs ?? [],
            commands ? [change.command, change.guard] : [],
            diff ? [change.before, change.after] : [],
          ]),
        ]),
    ]);
    const key = JSON.stringify(shown);
    groups.set(key, [...(groups.get(key) ?? []), host]);
  }
  return [...groups.values()];
}

function hostSection(group: readonly HostPlan[], options: PlanOptions, style: Style): string[] {
  const [first] = group;
  if (!first) return [];
  const { paint } = style;
  const count = plural(countChanges(first), 'change');
  const title = names(
    group.map((host) => host.host),
    12,
  );
  const each = group.length > 1 ? `the same ${count} on each` : count;
  const lines = [`${paint('strong', title)}  ${paint('dim', each)}`];
  for (const play of first.plays) {
    const tasks = play.tasks.filter((task) => task.changes.length > 0);
    if (tasks.length === 0) continue;
    lines.push(`  ${clean(play.play)}`);
    for (const task of tasks) lines.push(...taskLines(task, options, style));
  }
  return lines;
}

function taskLines(task: PlannedTask, options: PlanOptions, style: Style): string[] {
  const after = task.handler ? '  (because of what changed before)' : '';
  const head = `    ${style.paint('dim', `${clean(task.task)}${after}`)}`;
  return [head, ...task.changes.flatMap((change) => changeLines(change, options, style))];
}

function changeLines(change: PlannedChange, { diff, commands, columns }: PlanOptions, style: Style): string[] {
  const { paint, symbols } = style;
  const { mark, tone } = MARKS[natureOf(change)];
  const needed = change.guard === undefined ? '' : `  ${paint('warn', '(if needed)')}`;
  const [first = '', ...rest] = wrap(clean(change.sentence), columns - 9 - (needed === '' ? 0 : 13));
  const lines = [
    `      ${paint(tone, mark)} ${first}${rest.length === 0 ? needed : ''}`,
    ...rest.map((line, i) => `        ${line}${i === rest.length - 1 ? needed : ''}`),
  ];
  if (change.fates?.length) {
    const fates = change.fates.map(({ container, fate }) => `${clean(container)} ${fate}`).join(', ');
    const told = wrap(`containers: ${fates}`, columns - 9);
    lines.push(...told.map((line) => `        ${paint('warn', line)}`));
  }
  for (const need of change.needs ?? []) {
    const told = wrap(needSentence(need), columns - 9);
    lines.push(...told.map((line) => `        ${paint('dim', line)}`));
  }
  if (commands) {
    if (change.guard !== undefined) lines.push(...commandLines('if', change.guard, style));
    lines.push(...commandLines('$', change.command, style));
  }
  if (diff && (change.before !== undefined || change.after !== undefined)) {
    for (const line of lineDiff(change.before ?? '', change.after ?? '')) {
      const [sign, look] = DIFF[line.kind];
      const text = line.kind === 'gap' ? symbols.ellipsis : clean(line.text);
      lines.push(`          ${paint(look, `${sign} ${text}`.trimEnd())}`);
    }
  }
  return lines;
}

/** `from docker41: openvswitch-3.1.0-1.el9.x86_64.rpm, 2.1 MB`. */
function needSentence(need: FileNeed): string {
  const from = 'host' in need.from ? need.from.host : 'the laptop';
  const path = 'host' in need.from ? need.from.path : need.from.laptop;
  const size = need.size === undefined ? '' : `, ${bytes(need.size)}`;
  const made = need.sha256 === null ? ', which is made before' : '';
  return `from ${clean(from)}: ${clean(path)}${size}${made}`;
}

const DIFF: Readonly<Record<'same' | 'gone' | 'new' | 'gap', readonly [string, Tone]>> = {
  same: [' ', 'dim'],
  gone: ['-', 'bad'],
  new: ['+', 'good'],
  gap: [' ', 'dim'],
};

/** Commands are shown whole and never wrapped: they are there to be copied. */
function commandLines(prompt: string, command: string, { paint }: Style): string[] {
  return cleanLines(command).map((line, i) => {
    const lead = i === 0 ? prompt : ' '.repeat(prompt.length);
    return `        ${paint('dim', lead)} ${line}`;
  });
}

function noteSection(plan: Plan, columns: number, { paint, symbols }: Style): string[] {
  const notes = new Map<string, string[]>();
  for (const host of plan.hosts) {
    for (const note of host.plays.flatMap((play) => play.tasks.flatMap((task) => task.notes))) {
      const hosts = notes.get(note) ?? [];
      if (!hosts.includes(host.host)) notes.set(note, [...hosts, host.host]);
    }
  }
  return [...notes].flatMap(([note, hosts]) => {
    const [first = '', ...rest] = wrap(`${names(hosts)}: ${clean(note)}`, columns - 3);
    return [`${paint('dim', symbols.note)} ${first}`, ...rest.map((line) => `  ${line}`)];
  });
}

/** Where a slice comes from, for people who have not read how slices are allotted. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['given', 'as mesh_slice says'],
  ['lock', 'as before (lock file)'],
  ['record', 'as before (noted on the host)'],
  ['seed rule', 'by the last number of its address'],
  ['next free', 'the next free one'],
]);

/** Where Open vSwitch comes from on hosts where it does not simply stay, the same answer of several hosts once. */
function openvSwitchSection(plan: Plan, columns: number, { paint }: Style): string[] {
  const hosts = new Map<string, string[]>();
  for (const { host, source, why } of plan.openvswitch ?? []) {
    const text = `${source}: ${why}`;
    hosts.set(text, [...(hosts.get(text) ?? []), host]);
  }
  const rows = [...hosts].flatMap(([text, list]) => {
    const [first = '', ...rest] = wrap(`${names(list, 12)}  ${clean(text)}`, columns - 5);
    return [`  ${first}`, ...rest.map((line) => `    ${line}`)];
  });
  return rows.length === 0 ? [] : [paint('strong', 'Open vSwitch'), ...rows];
}

/** Rows of the slices table that are shown before it is folded. */
const SLICES_SHOWN = 16;

function sliceSection(plan: Plan, { paint, symbols }: Style): string[] {
  if (plan.slices.length === 0) return [];
  const shown = plan.slices.slice(0, SLICES_SHOWN);
  const hosts = Math.max(...shown.map(({ host }) => width(clean(host))));
  const slices = Math.max(...shown.map(({ slice }) => width(clean(slice))));
  const mtu = plan.mtu === null ? '' : `  ${paint('dim', `MTU ${plan.mtu} inside the mesh`)}`;
  const lines = [
    `${paint('strong', 'Slices')}${mtu}`,
    ...shown.map(({ host, slice, because }) => {
      const text = `  ${column(clean(host), hosts)}  ${column(clean(slice), slices)}`;
      return `${text}  ${paint('dim', REASONS.get(because) ?? clean(because))}`.trimEnd();
    }),
  ];
  const more = plan.slices.length - shown.length;
  if (more > 0) lines.push(`  ${paint('dim', `${symbols.ellipsis} and ${plural(more, 'more host')}`)}`);
  if (plan.lock) lines.push(`  ${paint('dim', `a deploy records them in ${clean(plan.lock.file)}`)}`);
  return lines;
}

function containerSection(plan: Plan, columns: number, { paint, symbols }: Style): string[] {
  const lines = plan.hosts.flatMap((host) => {
    const { total, onMesh, elsewhere } = host.containers;
    const fates = host.plays.flatMap((play) =>
      play.tasks.flatMap((task) => task.changes.flatMap((change) => change.fates ?? [])),
    );
    const told: { text: string; tone: Tone }[] = [];
    if (elsewhere.length > 0) {
      const them = elsewhere.map(({ name, network }) => `${clean(name)} (${shortId(clean(network))})`).join(', ');
      const are = total === 1 ? 'container is' : 'containers are';
      told.push({ text: `${onMesh} of ${total} ${are} on the mesh; these are not: ${them}`, tone: 'plain' });
    }
    if (fates.length > 0) {
      const them = fates.map(({ container, fate }) => `${clean(container)} ${fate}`).join(', ');
      told.push({ text: `when dockerd restarts: ${them}`, tone: 'warn' });
    }
    return told.flatMap(({ text, tone }) => {
      const [first = '', ...rest] = wrap(`${clean(host.host)}: ${text}`, columns - 5);
      const mark = tone === 'warn' ? paint('warn', symbols.warning) : paint('dim', symbols.note);
      return [`  ${mark} ${first}`, ...rest.map((line) => `    ${line}`)];
    });
  });
  return lines.length === 0 ? [] : [paint('strong', 'Containers'), ...lines];
}

/** Docker's ids as its own commands show them: twelve digits. */
function shortId(text: string): string {
  return text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1');
}

const SEVERITY = { refuse: 0, warn: 1, note: 2 } as const;

function findingSection(plan: Plan, columns: number, style: Style): string[] {
  return [...plan.findings]
    .sort((a, b) => SEVERITY[a.severity] - SEVERITY[b.severity])
    .flatMap((finding) => findingLines(finding, columns, style));
}

/** Hosts that nothing is planned for, and why; unless a finding said it already. */
function absentSection(plan: Plan, columns: number, { paint, symbols }: Style): string[] {
  const told = new Set(
    plan.findings.filter((one) => one.severity === 'refuse').map((one) => `${one.host}\n${one.sentence}`),
  );
  return plan.hosts
    .filter((host) => host.state !== 'ready' && !told.has(`${host.host}\n${host.reason}`))
    .flatMap((host) => {
      const reason = host.reason === undefined ? '' : `: ${clean(host.reason)}`;
      const name = clean(host.host);
      const [first = '', ...rest] = wrap(`${host.state}${reason}`, columns - width(name) - 5);
      return [
        `${paint('bad', symbols.failed)} ${paint('strong', name)}  ${first}`,
        ...rest.map((line) => `${' '.repeat(width(name) + 4)}${line}`),
      ];
    });
}

function closing(plan: Plan, total: number, { paint, symbols }: Style, nothing: string): string {
  const absent = plan.hosts.filter((host) => host.state !== 'ready');
  const left = absent.length === 0 ? '' : `; nothing on ${names(absent.map((host) => host.host))}`;
  if (total === 0) {
    if (absent.length === 0) return paint('good', nothing);
    const seen = plan.hosts.length - absent.length;
    return seen === 0
      ? `${paint('bad', symbols.failed)} No host could be planned`
      : seen === 1
        ? 'No changes on the other host'
        : `No changes on the other ${seen} hosts`;
  }
  const hosts = plan.hosts.filter((host) => countChanges(host) > 0).length;
  const changes = plan.hosts.flatMap((host) => host.plays.flatMap((p) => p.tasks.flatMap((task) => task.changes)));
  const guarded = changes.filter((change) => change.guard !== undefined).length;
  const maybe = guarded > 0 ? `, ${guarded} of them if needed` : '';
  return `${paint('strong', `Plan: ${plural(total, 'change')} on ${plural(hosts, 'host')}`)}${maybe}${left}`;
}
