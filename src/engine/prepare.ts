import { InputError } from '../errors.js';
import type { Finding } from '../events/types.js';
import { mergeInterests } from '../facts/interests.js';
import type { HostFacts, Interests } from '../facts/types.js';
import { type Lock, serializeLock } from '../inventory/lock.js';
import { nearest } from '../inventory/nearest.js';
import { selectHosts } from '../inventory/patterns.js';
import type { Host, Inventory } from '../inventory/types.js';
import { desired, type Member, meshMtu, type NetworkInput } from '../network/desired.js';
import { type Finished, lockWithBuilds } from '../network/openvswitch/lock.js';
import type { LaptopFile } from '../network/openvswitch/types.js';
import { preflight } from '../network/preflight.js';
import { allotSlices, lockAfter, type SliceAllotment } from '../network/slices.js';
import { stillHeld } from '../network/still-held.js';
import type { MeshVariables } from '../network/types.js';
import { type ExpandedTask, expandTask, foreseeTask, type TaskScope } from '../playbook/expand.js';
import type { Scoped } from '../playbook/expression/values.js';
import { hostvarsOf, scopedData, scopedFacts, scopeFor } from '../playbook/scope.js';
import { isTemplate, TemplateError, templateFault, UnknownInExpression } from '../playbook/template.js';
import type { Play, Playbook, Task } from '../playbook/types.js';
import { containersOf } from './containers.js';
import { finishedBuilds, openvSwitchPart } from './open-vswitch.js';
import { type DefinedResource, type PlannerPlay, planTasks, type ReadyTask } from './planner.js';
import type { HostPlan, Plan } from './types.js';

/** Looked at on every host whatever the playbook says. */
const ALWAYS: Partial<Interests> = { services: ['docker', 'openvswitch-switch', 'openvswitch', 'mesh.service'] };

export interface PrepareInput {
  readonly inventory: Inventory;
  readonly playbook: Playbook;
  readonly resources: ReadonlyMap<string, DefinedResource>;
  readonly lock: Lock;
  /** The lock file's name and its present text (empty where there is none). */
  readonly lockFile: string;
  readonly lockText: string;
  /** Underlay addresses after names were resolved, by host. */
  readonly underlays: ReadonlyMap<string, string>;
  /** The files of this machine that settings name, by the path as they name it. */
  readonly laptop: ReadonlyMap<string, LaptopFile>;
  /** As a person would type it: `mesh deploy inventory.yml`. */
  readonly command: string;
  /** `build` a mesh: preflight stands guard; `remove` or `run`: only the tasks' own checks do. */
  readonly purpose: 'build' | 'remove' | 'run';
  readonly now: Date;
}

export interface Observed {
  readonly facts: ReadonlyMap<string, HostFacts>;
  /** Hosts that should have been reached and were not, with the reason. */
  readonly unreachable: ReadonlyMap<string, string>;
  /** Hosts that another run is changing, with its owner: nothing is planned for them. */
  readonly busy?: ReadonlyMap<string, string>;
}

/** Hosts that a playbook's plays and `delegate_to` name, within the limit, in the order of the inventory. */
export function hostsOf(inventory: Inventory, playbook: Playbook): readonly Host[] {
  const named = new Set(
    playbook.plays.flatMap((play) => [
      ...selectHosts(inventory, play.hosts).map((host) => host.name),
      ...[...play.tasks, ...play.handlers].flatMap(({ delegateTo }) => delegateTo ?? []),
    ]),
  );
  const selected = new Set(inventory.selected);
  return inventory.hosts.filter((host) => named.has(host.name) && selected.has(host.name));
}

function allot(input: PrepareInput, facts: ReadonlyMap<string, HostFacts>): SliceAllotment | undefined {
  const meshed = new Set(input.inventory.meshed);
  const hosts = input.inventory.hosts.filter((host) => meshed.has(host.name));
  const first = hosts[0];
  if (!first) return undefined;
  return allotSlices({
    hosts: hosts.map((host) => {
      const recorded = recordedSlice(facts.get(host.name));
      return {
        name: host.name,
        underlayAddress: input.underlays.get(host.name) ?? host.mesh.underlayAddress,
        ...(host.mesh.slice !== undefined && { wanted: host.mesh.slice }),
        ...(recorded !== undefined && { recorded }),
      };
    }),
    cidr: first.mesh.cidr,
    prefix: first.mesh.slicePrefix,
    lock: input.lock,
    today: input.now.toISOString().slice(0, 10),
  });
}

/** The slice that a host has on record from an earlier run. */
export function recordedSlice(facts: HostFacts | undefined): string | undefined {
  if (!facts?.mesh.known) return undefined;
  const self = facts.mesh.value.records.self;
  return typeof self === 'object' && self !== null && 'slice' in self && typeof self.slice === 'string'
    ? self.slice
    : undefined;
}

function networkInput(
  input: PrepareInput,
  allotment: SliceAllotment | undefined,
  facts: ReadonlyMap<string, HostFacts>,
  absent: ReadonlySet<string>,
): NetworkInput {
  const members = input.inventory.hosts.flatMap((host): Member[] => {
    const slice = allotment?.slices.get(host.name)?.slice;
    const known = facts.get(host.name);
    if (slice === undefined) return [];
    const underlay = input.underlays.get(host.name) ?? host.mesh.underlayAddress;
    return [{ host, underlay, slice, absent: absent.has(host.name), ...(known && { facts: known }) }];
  });
  const { sources, builds, mtu } = input.lock;
  const openvswitch = { sources, builds, laptop: input.laptop };
  return { members, openvswitch, ...(mtu !== undefined && { lockedMtu: mtu }) };
}

function scopes(input: PrepareInput, mesh: ReadonlyMap<string, MeshVariables>) {
  const { inventory } = input;
  const groups: Record<string, Scoped> = Object.fromEntries(
    [...inventory.groups].map(([name, group]) => [name, group.hosts]),
  );
  groups.all = inventory.hosts.map((host) => host.name);
  // Many tasks ask about the same host: its part of the mesh is made once, its facts only for a template that uses them.
  const parts = new Map([...mesh].map(([name, variables]) => [name, scopedData(variables, 'mesh')]));
  const given = (host: Host): Record<string, Scoped> => {
    const part = parts.get(host.name);
    return {
      inventory_hostname: host.name,
      group_names: host.groups,
      groups,
      ...(part !== undefined && { mesh: part }),
    };
  };
  const hostvars = hostvarsOf(inventory.hosts, given);
  return (host: Host, play: Play, facts?: HostFacts): TaskScope => {
    const names = { ...given(host), hostvars };
    const all = facts
      ? {
          ...names,
          get facts() {
            return scopedFacts(facts);
          },
        }
      : names;
    return (task, loop) => scopeFor({ host: host.vars, play: play.vars, task: task.vars, loop, given: all });
  };
}

/** What must be looked at on each host for a playbook: known before there are facts. */
export function foreseeInterests(input: PrepareInput): (host: string) => Interests {
  const mesh = desired(networkInput(input, allot(input, new Map()), new Map(), new Set()));
  const scopeOf = scopes(input, mesh);
  const hosts = hostsOf(input.inventory, input.playbook);
  const interests = new Map<string, Partial<Interests>[]>(
    hosts.map((host) => [host.name, [ALWAYS, { bridges: [host.mesh.bridge] }]]),
  );
  for (const play of input.playbook.plays) {
    const chosen = new Set(selectHosts(input.inventory, play.hosts).map((host) => host.name));
    for (const host of hosts.filter(({ name }) => chosen.has(name))) {
      for (const task of [...play.tasks, ...play.handlers]) {
        const resource = input.resources.get(task.resource);
        const delegate = task.delegateTo ?? host.name;
        // Where only a template says on which host it is done, it is looked for on all.
        const on = isTemplate(delegate) ? [...interests.keys()] : [delegate];
        for (const params of foreseeTask(task, scopeOf(host, play))) {
          if (resource) for (const name of on) interests.get(name)?.push(resource.interests(params));
        }
      }
    }
  }
  return (host) => mergeInterests(interests.get(host) ?? [ALWAYS]);
}

/** Positions a template's error in its playbook. */
function atTask<T>(task: Task, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UnknownInExpression || !(error instanceof TemplateError)) throw error;
    const fault = templateFault(error, task.at);
    throw new InputError([{ ...fault, message: `task '${task.name}': ${fault.message}` }]);
  }
}

function strangerFault(task: Task, name: string, known: readonly string[]): InputError {
  const near = nearest(name, known);
  return new InputError([
    {
      message: `task '${task.name}': delegate_to names ${name}, which is not in the inventory`,
      at: task.at,
      fix: near === undefined ? `its hosts are ${known.join(', ')}` : `did you mean ${near}?`,
    },
  ]);
}

function ready(task: ExpandedTask, host: string): ReadyTask {
  const name = task.label === undefined ? task.name : `${task.name} (${task.label})`;
  return {
    name,
    resource: task.task.resource,
    params: task.params,
    notify: task.task.notify,
    on: task.delegateTo ?? host,
    at: task.task.paramsAt,
  };
}

function plannerPlays(
  input: PrepareInput,
  mesh: ReadonlyMap<string, MeshVariables>,
  workable: ReadonlySet<string>,
): readonly PlannerPlay[] {
  const scopeOf = scopes(input, mesh);
  const byName = new Map(input.inventory.hosts.map((host) => [host.name, host]));
  return input.playbook.plays.map((play, index) => {
    const hosts = selectHosts(input.inventory, play.hosts).flatMap(({ name }) => (workable.has(name) ? [name] : []));
    const expand = (task: Task) => (name: string, facts: HostFacts) => {
      const host = byName.get(name);
      if (!host || (task.runOnce && name !== hosts[0])) return [];
      try {
        const expanded = atTask(task, () => expandTask(task, scopeOf(host, play, facts)));
        const wanted = expanded.filter((one) => one.skipped === undefined).map((one) => ready(one, name));
        const absent = wanted.find(({ on }) => on !== name && !workable.has(on));
        if (!absent) return wanted;
        if (!byName.has(absent.on)) throw strangerFault(task, absent.on, [...byName.keys()]);
        return { unknown: `${absent.name}: ${absent.on}, on which it is to be done, cannot be worked on in this run` };
      } catch (error) {
        if (error instanceof UnknownInExpression) return { unknown: `${task.name}: ${error.message}` };
        throw error;
      }
    };
    return {
      name: play.name,
      index,
      hosts,
      tasks: play.tasks.map(expand),
      handlers: new Map(play.handlers.map((task) => [task.name, expand(task)])),
    };
  });
}

function hostPlan(
  host: Host,
  observed: Observed,
  planned: ReturnType<typeof planTasks>,
  refusals: ReadonlyMap<string, string>,
): HostPlan {
  const facts = observed.facts.get(host.name);
  const shared = {
    host: host.name,
    containers: containersOf(facts, host.mesh.dockerBridge),
    lastRun: facts?.mesh.known ? facts.mesh.value.lastRun : null,
  };
  const unreachable = observed.unreachable.get(host.name);
  if (unreachable !== undefined) return { ...shared, state: 'unreachable', reason: unreachable, plays: [] };
  const refused = refusals.get(host.name);
  if (refused !== undefined) return { ...shared, state: 'refused', reason: refused, plays: [] };
  return { ...shared, state: 'ready', plays: planned.hosts.get(host.name)?.plays ?? [] };
}

function newLock(
  input: PrepareInput,
  allotment: SliceAllotment | undefined,
  mtu: number | null,
  seen: ReadonlyMap<string, HostFacts>,
  refused: ReadonlyMap<string, string>,
  finished: readonly Finished[],
): Plan['lock'] {
  if (!allotment || input.purpose !== 'build') return null;
  // Who is not changed now keeps what it has: others are told by it what is not free yet.
  const kept = Object.entries(input.lock.slices).filter(
    ([name]) => allotment.slices.has(name) && (!seen.has(name) || refused.has(name)),
  );
  // A host that was not looked at may have another slice on record than the one that would be its next: that stays open.
  const settled = [...allotment.slices].filter(
    ([name, { because }]) => seen.has(name) || (because !== 'seed rule' && because !== 'next free'),
  );
  if (settled.length === 0 && input.lockText === '') return null;
  const { slices, ...rest } = lockAfter(input.lock, { ...allotment, slices: new Map(settled) });
  const retired = rest.retired.filter(({ slice }) => !kept.some(([, own]) => own === slice));
  const lock = { ...rest, slices: { ...slices, ...Object.fromEntries(kept) }, retired };
  const after = lockWithBuilds(lock, finished);
  const text = serializeLock(mtu === null ? after : { ...after, mtu });
  return text === input.lockText ? null : { file: input.lockFile, text };
}

export interface Prepared {
  readonly plan: Plan;
  readonly mesh: ReadonlyMap<string, MeshVariables>;
  /** Each host's containers as they will be when the plan is done. */
  readonly containers: ReadonlyMap<string, HostPlan['containers']>;
}

/**
 * Works the mesh out and plans it without the hosts in `refusals`, and adds to these every host that its own tasks
 * refuse: what stands against a host stands against its neighbours' tunnels to it, so the others are then planned anew.
 */
function planAll(
  input: PrepareInput,
  observed: Observed,
  allotment: SliceAllotment | undefined,
  refusals: Map<string, string>,
) {
  const findings: Finding[] = [];
  for (;;) {
    const absent = new Set([...observed.unreachable.keys(), ...refusals.keys()]);
    const network = networkInput(input, allotment, observed.facts, absent);
    const locked = new Map(Object.entries(input.lock.slices));
    const held = (name: string) => recordedSlice(observed.facts.get(name)) ?? locked.get(name);
    const waiting = input.purpose === 'build' ? stillHeld(network.members, held) : [];
    if (waiting.length > 0) {
      findings.push(...waiting);
      for (const { host, sentence } of waiting) refusals.set(host, sentence);
      continue;
    }
    const mesh = desired(network);
    const facts = new Map([...observed.facts].filter(([name]) => !refusals.has(name)));
    const plays = plannerPlays(input, mesh, new Set(facts.keys()));
    const planned = planTasks({ plays, facts, resource: (type) => input.resources.get(type) });
    findings.push(...planned.findings);
    const before = refusals.size;
    for (const [host, { refused }] of planned.hosts) if (refused) refusals.set(host, refused.reason);
    if (refusals.size === before) return { network, mesh, planned, findings };
  }
}

/**
 * Makes the plan: inventory, playbook, lock file and facts in, one value out. Pure. Hosts with something against them are
 * in it as refused, and get no changes; hosts that were not reached are in it as unreachable, and their neighbours wait.
 *
 * @throws {InputError} for what is wrong in the files: a template without a value, slices in conflict.
 */
export function prepare(input: PrepareInput, observed: Observed): Prepared {
  const allotment = allot(input, observed.facts);
  const [conflict, ...more] = input.purpose === 'remove' ? [] : (allotment?.conflicts ?? []);
  if (conflict) throw new InputError([conflict, ...more]);
  const unreachable = new Set(observed.unreachable.keys());
  const before = networkInput(input, allotment, observed.facts, unreachable);
  const found: readonly Finding[] = [
    ...(input.purpose === 'build' ? preflight(before) : []),
    ...busyFindings(observed),
  ];
  const refusals = new Map(
    found.flatMap(({ host, severity, sentence }) => (host && severity === 'refuse' ? [[host, sentence] as const] : [])),
  );
  const { network, mesh, planned, findings } = planAll(input, observed, allotment, refusals);
  const mtu = network.members.some((member) => member.facts) ? meshMtu(network) : null;
  const hosts = hostsOf(input.inventory, input.playbook).map((host) => hostPlan(host, observed, planned, refusals));
  const plan: Plan = {
    version: 1,
    created: input.now.toISOString(),
    command: input.command,
    inventory: input.inventory.file,
    playbook: input.playbook.file,
    plays: input.playbook.plays.map(({ name, serial }) => ({ name, ...(serial !== undefined && { serial }) })),
    hosts,
    findings: [...found, ...findings],
    slices: [...(allotment?.slices ?? [])].map(([host, { slice, because }]) => ({ host, slice, because })),
    mtu,
    ...(input.purpose === 'build' && openvSwitchPart(hosts, mesh)),
    lock: newLock(input, allotment, mtu, observed.facts, refusals, finishedBuilds(mesh, observed.facts)),
  };
  const containers = new Map(
    hosts.map(({ host }) => [host, containersOf(planned.after.get(host), mesh.get(host)?.docker_bridge ?? 'docker0')]),
  );
  return { plan, mesh, containers };
}

function busyFindings({ busy = new Map(), facts }: Observed): readonly Finding[] {
  return [...facts].flatMap(([host, { mesh }]): Finding[] => {
    const owner = busy.get(host);
    if (owner !== undefined) {
      const sentence = `another run is changing this host (${owner})`;
      const fix = 'wait until that has ended, or let mesh wait for it with --lock-timeout SECONDS';
      return [{ host, code: 'host-busy', severity: 'refuse', sentence, fix }];
    }
    const lock = mesh.known ? mesh.value.lock : null;
    if (!lock?.alive) return [];
    const by = `${lock.owner}, since ${lock.since}: ${lock.what}`;
    const sentence = `another run is changing this host now (${by}): what is said of it here may be different in a moment`;
    return [{ host, code: 'host-changing', severity: 'warn', sentence }];
  });
}
