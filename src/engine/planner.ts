import { InputError, type Position } from '../errors.js';
import type { Finding } from '../events/types.js';
import type { HostFacts, Interests } from '../facts/types.js';
import type { Change } from '../resources/types.js';
import type { HostPlan, PlannedChange, PlannedPlay, PlannedTask } from './types.js';

/** A task as it stands for one host: its templates evaluated, its condition met. */
export interface ReadyTask {
  readonly name: string;
  readonly resource: string;
  readonly params: unknown;
  readonly notify: readonly string[];
  /** The host that it is done on: its own, or the one that it is delegated to. */
  readonly on: string;
  /** Where its parameters stand in the playbook. */
  readonly at?: Position;
}

export interface DefinedResource {
  /** What is wrong with parameters; nothing: the others take them. */
  readonly check: (
    params: unknown,
  ) => readonly { readonly path: readonly (string | number)[]; readonly message: string; readonly fix?: string }[];
  readonly label: (params: unknown) => string;
  readonly interests: (params: unknown) => Partial<Interests>;
  readonly diff: (
    params: unknown,
    facts: HostFacts,
  ) =>
    | { readonly kind: 'changes'; readonly changes: readonly Change[]; readonly notes?: readonly string[] }
    | { readonly kind: 'unknown'; readonly what: string; readonly why: string }
    | { readonly kind: 'refused'; readonly sentence: string; readonly fix: string };
}

export interface PlannerPlay {
  readonly name: string;
  readonly index: number;
  /** Hosts in the order of the inventory. */
  readonly hosts: readonly string[];
  /** For each task in order, what it is for a host with the facts that it then has; handlers likewise, by name. */
  readonly tasks: readonly Expand[];
  readonly handlers: ReadonlyMap<string, Expand>;
}

/** A task for one host; or the fact that it depends on and that nobody could read. */
export type Expand = (host: string, facts: HostFacts) => readonly ReadyTask[] | { readonly unknown: string };

export interface PlannerInput {
  readonly plays: readonly PlannerPlay[];
  /** Hosts that were observed and may be changed. */
  readonly facts: ReadonlyMap<string, HostFacts>;
  readonly resource: (type: string) => DefinedResource | undefined;
}

export interface PlannedHosts {
  readonly hosts: ReadonlyMap<string, Pick<HostPlan, 'plays'> & { readonly refused?: { readonly reason: string } }>;
  readonly findings: readonly Finding[];
  /** The facts as they will be when everything is done. */
  readonly after: ReadonlyMap<string, HostFacts>;
}

function planned({ effect: _effect, ...rest }: Change): PlannedChange {
  return rest;
}

/** Says of parameters that are found wrong only now where they stand. */
function atPlace<T>(task: ReadyTask, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof InputError) || !task.at) throw error;
    const { at } = task;
    const [first, ...rest] = error.faults.map((fault) => ({ at, ...fault, message: `${task.name}: ${fault.message}` }));
    throw first ? new InputError([first, ...rest]) : error;
  }
}

/**
 * Folds every task's diff over the facts: a task meets the facts as the tasks before it will leave them, so the plan is
 * complete before anything runs. A host with a diff that is refused, or that needs a fact nobody could read, gets no
 * changes at all; the others are planned as if it were not there. Pure.
 */
export function planTasks(input: PlannerInput): PlannedHosts {
  const facts = new Map(input.facts);
  const refused = new Map<string, string>();
  const findings: Finding[] = [];
  const plays = new Map<string, PlannedPlay[]>([...facts.keys()].map((host) => [host, []]));

  function refuse(host: string, code: string, sentence: string, fix?: string): void {
    if (!refused.has(host)) refused.set(host, sentence);
    findings.push({ host, code, severity: 'refuse', sentence, ...(fix !== undefined && { fix }) });
  }

  function planOne(task: ReadyTask, handler: boolean): PlannedTask | undefined {
    const before = facts.get(task.on);
    const resource = input.resource(task.resource);
    if (!before || !resource || refused.has(task.on)) return undefined;
    const diff = atPlace(task, () => resource.diff(task.params, before));
    if (diff.kind === 'refused')
      refuse(task.on, `${task.resource}-refused`, `${task.name}: ${diff.sentence}`, diff.fix);
    else if (diff.kind === 'unknown') {
      refuse(
        task.on,
        'fact-unknown',
        `${task.name}: ${diff.what} is not known: ${diff.why}`,
        'mend that and run the same command again',
      );
    } else if (diff.changes.length > 0 || (diff.notes?.length ?? 0) > 0) {
      facts.set(
        task.on,
        diff.changes.reduce((now, change) => change.effect(now), before),
      );
      return {
        task: task.name,
        resource: task.resource,
        label: resource.label(task.params),
        handler,
        changes: diff.changes.map(planned),
        notes: diff.notes ?? [],
      };
    }
    return undefined;
  }

  function expanded(expand: Expand, host: string): readonly ReadyTask[] {
    const now = facts.get(host);
    const list = now ? expand(host, now) : [];
    if (!('unknown' in list)) return list;
    refuse(host, 'fact-unknown', list.unknown, 'mend that and run the same command again');
    return [];
  }

  for (const play of input.plays) {
    const tasks = new Map<string, PlannedTask[]>();
    const notified = new Map<string, Set<string>>();
    const add = (on: string, task: PlannedTask) => tasks.set(on, [...(tasks.get(on) ?? []), task]);
    const present = (host: string) => facts.has(host) && !refused.has(host);
    for (const expand of play.tasks) {
      for (const host of play.hosts.filter(present)) {
        for (const ready of expanded(expand, host)) {
          const done = planOne(ready, false);
          if (!done) continue;
          add(ready.on, done);
          if (done.changes.length > 0)
            for (const name of ready.notify) notified.set(name, (notified.get(name) ?? new Set()).add(host));
        }
      }
    }
    for (const [name, expand] of play.handlers) {
      for (const host of [...(notified.get(name) ?? [])].filter(present)) {
        for (const ready of expanded(expand, host)) {
          const done = planOne(ready, true);
          if (done) add(ready.on, done);
        }
      }
    }
    for (const [host, list] of tasks) plays.get(host)?.push({ play: play.name, index: play.index, tasks: list });
  }
  return {
    hosts: new Map(
      [...plays].map(([host, list]) => {
        const reason = refused.get(host);
        return [host, reason === undefined ? { plays: list } : { plays: [], refused: { reason } }];
      }),
    ),
    findings,
    after: facts,
  };
}
