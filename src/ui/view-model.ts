import { bytes } from './text.js';
import type { Event, EventBody, Finding, HostState, ProbeState } from '../events/types.js';

/** Everything that a screen knows of one host. Times are milliseconds since the epoch, by the events' clock. */
export interface HostView {
  readonly host: string;
  readonly state: HostState;
  readonly detail?: string;
  /** When the state was entered. */
  readonly since: number;
  /** Changes planned for this run. */
  readonly planned?: number;
  /** Changes done in this run. */
  readonly changed: number;
  /** Steps ended in the current play, and how many it has. */
  readonly progress?: { readonly ended: number; readonly of: number };
  readonly step?: StepView;
  /** Tasks of the current play that were begun, in order. */
  readonly tasks: readonly TaskView[];
  readonly waitingFor?: { readonly detail: string; readonly since: number };
  readonly error?: { readonly sentence: string; readonly exitCode?: number };
}

export interface StepView {
  readonly task: string;
  readonly sentence: string;
  /** Counts from 1; 0 of 0 while a file comes. */
  readonly step: number;
  readonly of: number;
  readonly startedAt: number;
  /** What the step wrote last. */
  readonly line?: string;
}

export interface TaskView {
  readonly task: string;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly startedAt: number;
  readonly durationMs: number;
}

export interface PlayView {
  readonly play: string;
  readonly index: number;
  readonly of: number;
  readonly hosts: readonly string[];
  readonly startedAt: number;
  readonly durationMs?: number;
  /** Changes done in it, on all hosts. */
  readonly changed: number;
  /** Hosts on which a step of it failed. */
  readonly failed: readonly string[];
}

export type Probe = Omit<Extract<EventBody, { kind: 'probe' }>, 'kind'>;

/** Probe results, newest first. A list of its own, so that 100 000 of them cost one cell each. */
export interface ProbeList {
  readonly probe: Probe;
  readonly before: ProbeList | undefined;
}

export interface ProofView {
  readonly scope: 'tunnels' | 'full';
  readonly pairs: number;
  readonly startedAt: number;
  readonly counts: Readonly<Record<ProbeState, number>>;
  readonly last?: Probe;
  /** The first ones that failed, for the screen; all of them are among the probes. */
  readonly failing: readonly Probe[];
  readonly ended?: { readonly passed: number; readonly durationMs: number };
}

export interface Model {
  readonly command: string;
  readonly inventory: string;
  readonly startedAt: number;
  /** The time of the newest event. */
  readonly latest: number;
  readonly hosts: ReadonlyMap<string, HostView>;
  readonly plan?: { readonly changes: number; readonly hosts: number };
  /** In the order in which they began; several may run at once. */
  readonly plays: readonly PlayView[];
  readonly findings: readonly Finding[];
  readonly proof?: ProofView;
  readonly probes: ProbeList | undefined;
  readonly stopping?: string;
  readonly ended?: Extract<EventBody, { kind: 'run.ended' }>;
}

export const emptyModel: Model = {
  command: '',
  inventory: '',
  startedAt: 0,
  latest: 0,
  hosts: new Map(),
  plays: [],
  findings: [],
  probes: undefined,
};

const FAILING_SHOWN = 50;
const FINAL: ReadonlySet<HostState> = new Set(['done', 'failed', 'refused', 'unreachable', 'stopped']);
const BROKEN: ReadonlySet<HostState> = new Set(['failed', 'refused', 'unreachable', 'stopped']);

/** Whether nothing more will happen on the host in this run. */
export function isFinal(host: HostView): boolean {
  return FINAL.has(host.state);
}

/** Whether the host needs a person: it failed, refused, could not be reached, was stopped, or a step of it failed. */
export function isBroken(host: HostView): boolean {
  return BROKEN.has(host.state) || host.error !== undefined;
}

/** Every probe result so far, oldest first. */
export function probesOf(model: Model): Probe[] {
  const list: Probe[] = [];
  for (let entry = model.probes; entry; entry = entry.before) list.push(entry.probe);
  return list.reverse();
}

/** Pure: the model after one event. Accepts any order of events; a host that was never named before is added. */
export function reduce(model: Model, event: Event): Model {
  const parsed = Date.parse(event.time);
  const at = Number.isNaN(parsed) ? model.latest : parsed;
  const next = { ...model, latest: Math.max(at, model.latest) };
  switch (event.kind) {
    case 'run.started':
      return {
        ...next,
        command: event.command,
        inventory: event.inventory,
        startedAt: at,
        hosts: new Map(event.hosts.map((host) => [host, model.hosts.get(host) ?? newHost(host, at)])),
      };
    case 'host.state':
      return onHost(next, event.host, at, (host) => enter(host, event.state, event.detail, at));
    case 'finding': {
      const { kind: _kind, version: _version, run: _run, sequence: _sequence, time: _time, ...finding } = event;
      return { ...next, findings: [...model.findings, finding] };
    }
    case 'plan.ready':
      return planned(next, event);
    case 'play.started': {
      const { kind: _kind, ...play } = pick(event);
      const begun = new Set(event.hosts);
      return {
        ...next,
        plays: [...model.plays, { ...play, startedAt: at, changed: 0, failed: [] }],
        hosts: mapHosts(model.hosts, (host) => (begun.has(host.host) ? leaveStep({ ...host, tasks: [] }) : host)),
      };
    }
    case 'play.ended':
      return {
        ...next,
        plays: model.plays.map((play) =>
          play.index === event.index && play.durationMs === undefined
            ? { ...play, durationMs: event.durationMs }
            : play,
        ),
      };
    case 'step.started':
      return onHost(next, event.host, at, (host) => {
        const { waitingFor: _waiting, ...rest } = host;
        const { task, sentence, step, of } = event;
        return {
          ...rest,
          step: { task, sentence, step, of, startedAt: at },
          progress: { ended: Math.max(0, step - 1), of },
          tasks: beginTask(host.tasks, task, at),
        };
      });
    case 'step.output':
      return onHost(next, event.host, at, (host) =>
        host.step?.step === event.step && event.line.trim() !== ''
          ? { ...host, step: { ...host.step, line: event.line } }
          : host,
      );
    case 'step.ended':
      return stepEnded(next, event, at);
    case 'transfer':
      return onHost(next, event.host, at, (host) => transferred(host, event, at));
    case 'waiting':
      return onHost(next, event.host, at, (host) => ({ ...host, waitingFor: { detail: event.detail, since: at } }));
    case 'proof.started':
      return {
        ...next,
        proof: {
          scope: event.scope,
          pairs: event.pairs,
          startedAt: at,
          counts: { pass: 0, fail: 0, 'not measured': 0 },
          failing: [],
        },
      };
    case 'probe':
      return probed(next, event, at);
    case 'proof.ended':
      return model.proof
        ? { ...next, proof: { ...model.proof, ended: { passed: event.passed, durationMs: event.durationMs } } }
        : next;
    case 'message':
      return next;
    case 'stopping':
      return { ...next, stopping: event.reason };
    case 'run.ended':
      return ended(next, event, at);
  }
}

function newHost(host: string, at: number): HostView {
  return { host, state: 'queued', since: at, changed: 0, tasks: [] };
}

function onHost(model: Model, name: string, at: number, change: (host: HostView) => HostView): Model {
  const before = model.hosts.get(name) ?? newHost(name, at);
  const after = change(before);
  if (after === before && model.hosts.has(name)) return model;
  return { ...model, hosts: new Map(model.hosts).set(name, after) };
}

function mapHosts(hosts: Model['hosts'], change: (host: HostView) => HostView): Model['hosts'] {
  return new Map([...hosts].map(([name, host]) => [name, change(host)]));
}

function enter(host: HostView, state: HostState, detail: string | undefined, at: number): HostView {
  const { detail: _detail, waitingFor, ...rest } = host;
  const entered: HostView = {
    ...(FINAL.has(state) ? leaveStep(rest, rest.tasks) : rest),
    state,
    since: host.state === state ? host.since : at,
    ...(detail !== undefined && { detail }),
  };
  return waitingFor && state === 'waiting' ? { ...entered, waitingFor } : entered;
}

function leaveStep(host: HostView, tasks: readonly TaskView[] = []): HostView {
  const { step: _step, progress: _progress, waitingFor: _waiting, ...rest } = host;
  return { ...rest, tasks };
}

function planned(model: Model, event: Extract<Event, { kind: 'plan.ready' }>): Model {
  const changes = new Map(event.hosts.map((host) => [host.host, host.changes]));
  return {
    ...model,
    plan: { changes: event.changes, hosts: event.hosts.filter((host) => host.changes > 0).length },
    hosts: mapHosts(model.hosts, (host) => {
      const count = changes.get(host.host);
      return count === undefined ? host : { ...host, planned: count };
    }),
  };
}

/** A file that comes is shown as a step of its own, before those of the program. */
function transferred(host: HostView, event: Extract<Event, { kind: 'transfer' }>, at: number): HostView {
  const { step: _step, waitingFor: _waiting, ...rest } = host;
  if (event.state !== 'started' && event.state !== 'running') return rest;
  const step: StepView = {
    task: 'files',
    sentence: `get ${event.file} from ${event.from}`,
    step: 0,
    of: 0,
    startedAt: at - event.durationMs,
    line: `${bytes(event.bytes)} of ${bytes(event.of)}`,
  };
  return { ...rest, step };
}

function beginTask(tasks: readonly TaskView[], task: string, at: number): readonly TaskView[] {
  if (tasks.at(-1)?.task === task) {
    return tasks.map((view, i) => (i === tasks.length - 1 ? { ...view, state: 'running' as const } : view));
  }
  return [...tasks, { task, state: 'running', startedAt: at, durationMs: 0 }];
}

function stepEnded(model: Model, event: Extract<Event, { kind: 'step.ended' }>, at: number): Model {
  const changed = event.state === 'done' ? 1 : 0;
  const broke = event.state === 'failed' || event.state === 'lost';
  const after = onHost(model, event.host, at, (host) => {
    const { step: _step, waitingFor: _waiting, ...rest } = host;
    const begun = beginTask(host.tasks, event.task, at - event.durationMs);
    const state = broke ? 'failed' : event.state === 'stopped' ? 'stopped' : 'done';
    const tasks = begun.map((task, i) =>
      i === begun.length - 1 ? ({ ...task, state, durationMs: Math.max(0, at - task.startedAt) } as const) : task,
    );
    return {
      ...rest,
      changed: host.changed + changed,
      progress: { ended: event.step, of: event.of },
      tasks,
      ...(broke && {
        error: {
          sentence: event.state === 'lost' ? `${event.sentence}: its end is not known` : event.sentence,
          ...(event.exitCode !== undefined && { exitCode: event.exitCode }),
        },
      }),
    };
  });
  const current = model.plays.findLastIndex((play) => play.play === event.play && play.durationMs === undefined);
  if (current < 0 || (changed === 0 && !broke)) return after;
  return {
    ...after,
    plays: model.plays.map((play, i) =>
      i !== current
        ? play
        : {
            ...play,
            changed: play.changed + changed,
            failed: broke && !play.failed.includes(event.host) ? [...play.failed, event.host] : play.failed,
          },
    ),
  };
}

function probed(model: Model, event: Extract<Event, { kind: 'probe' }>, at: number): Model {
  const { kind: _kind, ...probe } = pick(event);
  const proof: ProofView = model.proof ?? {
    scope: 'full',
    pairs: 0,
    startedAt: at,
    counts: { pass: 0, fail: 0, 'not measured': 0 },
    failing: [],
  };
  const shown = probe.state === 'fail' && proof.failing.length < FAILING_SHOWN;
  return {
    ...model,
    probes: { probe, before: model.probes },
    proof: {
      ...proof,
      counts: { ...proof.counts, [probe.state]: proof.counts[probe.state] + 1 },
      last: probe,
      failing: shown ? [...proof.failing, probe] : proof.failing,
    },
  };
}

function ended(model: Model, event: Extract<Event, { kind: 'run.ended' }>, at: number): Model {
  const hosts = new Map(model.hosts);
  for (const summary of event.hosts) {
    const host = hosts.get(summary.host) ?? newHost(summary.host, at);
    hosts.set(summary.host, { ...enter(host, summary.state, host.detail, at), changed: summary.changed });
  }
  return { ...model, hosts, ended: pick(event) };
}

/** The event without its stamp. */
function pick<E extends Event>(event: E): Omit<E, 'version' | 'run' | 'sequence' | 'time'> {
  const { version: _version, run: _run, sequence: _sequence, time: _time, ...body } = event;
  return body;
}
