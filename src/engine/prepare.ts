import { InputError } from '../errors.js';
import type { Finding } from '../events/types.js';
import type { HostFacts } from '../facts/types.js';
import type { Lock } from '../inventory/lock.js';
import type { Host, Inventory } from '../inventory/types.js';
import { desired, meshMtu } from '../network/desired.js';
import type { LaptopFile } from '../network/openvswitch/types.js';
import { preflight } from '../network/preflight.js';
import type { SliceAllotment } from '../network/slices.js';
import { stillHeld } from '../network/still-held.js';
import type { MeshVariables } from '../network/types.js';
import type { Playbook } from '../playbook/types.js';
import { allot, networkInput, newLock, recordedSlice } from './allotment.js';
import { containersOf } from './containers.js';
import { finishedBuilds, openvSwitchPart } from './open-vswitch.js';
import { type DefinedResource, planTasks } from './planner.js';
import { hostsOf, plannerPlays } from './tasks.js';
import type { HostPlan, Plan } from './types.js';

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
