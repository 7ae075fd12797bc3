import { setMaxListeners } from 'node:events';
import { InputError } from '../errors.js';
import type { Emit, HostSummary } from '../events/types.js';
import { type Lock, parseLock, writeLock } from '../inventory/lock.js';
import type { Inventory } from '../inventory/types.js';
import type { MeshVariables } from '../network/types.js';
import type { Playbook } from '../playbook/types.js';
import { type ProofResult, prove } from '../proof/prove.js';
import type { ProofHost } from '../proof/types.js';
import type { Connection, Transport } from '../ssh/types.js';
import { checkParameters } from './check-parameters.js';
import { type Confirm, consent } from './consent.js';
import { unprovenContainers } from './containers.js';
import { exitCodeOf, summarize, summarizeUnplanned } from './finish.js';
import { gather } from './gather.js';
import { readLaptopFiles } from './laptop-files.js';
import { meetAll } from './meet.js';
import { lockAfterBuilds } from './open-vswitch.js';
import type { DefinedResource } from './planner.js';
import { type PrepareInput, prepare } from './prepare.js';
import { purposeOf } from './purpose.js';
import { type HostOutcome, runPlan } from './run.js';
import { foreseeInterests, hostsOf } from './tasks.js';
import { countChanges, type Plan } from './types.js';
import { resolveUnderlays } from './underlay.js';

/** What a person is shown and asked on the way; the engine knows no screen. */
export interface Conversation {
  showPlan(plan: Plan): void;
  readonly confirm: Confirm;
}

export interface ConvergeInput {
  /** `plan` stops after the plan; `verify` proves and changes nothing; the others apply. */
  readonly mode: 'plan' | 'deploy' | 'build' | 'verify' | 'teardown' | 'run';
  readonly inventory: Inventory;
  readonly playbook: Playbook;
  readonly resources: ReadonlyMap<string, DefinedResource>;
  readonly lock: Lock;
  readonly lockFile: string;
  readonly lockText: string;
  readonly transport: Transport;
  readonly run: string;
  readonly who: string;
  readonly command: string;
  readonly forks: number;
  readonly yes: boolean;
  readonly restartDocker: boolean;
  readonly detailedExitCode: boolean;
  /** How long to wait for a host that another run is changing; 0: not at all. */
  readonly lockTimeoutSeconds: number;
  readonly emit: Emit;
  readonly conversation: Conversation;
  readonly stop: AbortSignal;
}

export interface Converged {
  readonly exitCode: number;
  /** `null`: it was stopped before there was one. */
  readonly plan: Plan | null;
  readonly proof: ProofResult | null;
  /** Whether anything was run on a host. */
  readonly applied: boolean;
}

function now(): number {
  return performance.now();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function keepLock(inventory: string, { file, text }: NonNullable<Plan['lock']>): Promise<void> {
  const lock = parseLock(text, file);
  try {
    await writeLock(inventory, lock);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw InputError.of(`${file} cannot be written: ${reason}`, {
      fix: 'make its folder writable for you: the file keeps which host has which slice',
    });
  }
}

function proofHosts(
  plan: Plan,
  mesh: ReadonlyMap<string, MeshVariables>,
  connections: ReadonlyMap<string, Connection>,
  outcomes: ReadonlyMap<string, HostOutcome>,
): readonly { readonly connection: Connection; readonly host: ProofHost }[] {
  const sound = plan.hosts.filter(
    (host) => host.state === 'ready' && (outcomes.get(host.host)?.state ?? 'done') === 'done',
  );
  const names = new Set(sound.map(({ host }) => host));
  return sound.flatMap(({ host }) => {
    const variables = mesh.get(host);
    const connection = connections.get(host);
    if (!variables || !connection) return [];
    const tunnels = variables.tunnels
      .filter(({ peer }) => names.has(peer))
      .map(({ peer, name, remote_ip: remote }) => ({ peer, port: name, remote }));
    const { bridge, docker_bridge: dockerBridge, address, mtu } = variables;
    return [{ connection, host: { host, bridge, dockerBridge, address, mtu, tunnels } }];
  });
}

/**
 * The whole way: observe every host, plan, show, ask, apply that very plan, prove. Emits everything that happens, from
 * `run.started` to `run.ended`.
 *
 * @throws {InputError} if the files or the request are wrong; nothing has been changed then.
 */
export async function converge(input: ConvergeInput): Promise<Converged> {
  const { inventory, emit, mode } = input;
  // mesh's own playbooks are right, and their parameters are the hosts' parts of the mesh.
  if (mode === 'run') checkParameters(inventory, input.playbook, input.resources);
  const startedAt = now();
  const hosts = hostsOf(inventory, input.playbook);
  const meshed = new Set(inventory.meshed);
  const prepareInput: PrepareInput = {
    inventory,
    playbook: input.playbook,
    resources: input.resources,
    lock: input.lock,
    lockFile: input.lockFile,
    lockText: input.lockText,
    underlays: await resolveUnderlays(inventory.hosts.filter(({ name }) => meshed.has(name))),
    laptop: await readLaptopFiles(inventory),
    command: input.command,
    purpose: purposeOf(mode, input.playbook),
    now: new Date(),
  };
  emit({
    kind: 'run.started',
    command: input.command,
    inventory: inventory.file,
    hosts: hosts.map(({ name }) => name),
  });

  const interests = foreseeInterests(prepareInput);
  // A file may come from a host that has no part in the playbook.
  const byName = new Map(inventory.hosts.map((host) => [host.name, host]));
  const selected = new Set(inventory.selected);
  const connect = async (name: string): Promise<Connection> => {
    const host = byName.get(name);
    if (!host) throw new Error(`${name} is not in the inventory`);
    if (!selected.has(name)) throw new Error(`${name} is left out by --limit`);
    return input.transport.connect(name, host.connection);
  };
  const applies = mode !== 'plan' && mode !== 'verify';
  const { lockTimeoutSeconds, stop } = input;
  // Every host that is waited for listens.
  setMaxListeners(0, stop);
  const gathered = await gather({ hosts, interests, transport: input.transport, emit, stop });
  const meeting = { emit, now, pause, reconnect: connect, interests, lockTimeoutSeconds, stop };
  const { connections, facts, failures, busy } = await meetAll(gathered, applies ? meeting : undefined);
  if (stop.aborted) {
    const names = hosts.map(({ name }) => name);
    return {
      ...tellEnd(130, summarizeUnplanned(names, failures, input.command)),
      plan: null,
      proof: null,
      applied: false,
    };
  }
  const unreachable = new Map([...failures].map(([name, failure]) => [name, failure.reason]));
  const { plan, mesh, containers } = prepare(prepareInput, { facts, unreachable, busy });
  for (const host of plan.hosts) {
    if (host.state === 'refused')
      emit({ kind: 'host.state', host: host.host, state: 'refused', ...(host.reason && { detail: host.reason }) });
  }
  for (const finding of plan.findings) emit({ kind: 'finding', ...finding });
  const changes = plan.hosts.reduce((sum, host) => sum + countChanges(host), 0);
  emit({
    kind: 'plan.ready',
    changes,
    hosts: plan.hosts
      .filter(({ state }) => state !== 'unreachable')
      .map((host) => ({ host: host.host, changes: countChanges(host) })),
  });
  // Who has just typed Ctrl-C wants no more to read than where things are.
  if (mode !== 'verify' && !input.stop.aborted) input.conversation.showPlan(plan);

  let outcomes: ReadonlyMap<string, HostOutcome> = new Map();
  let declined = false;
  if (applies && !input.stop.aborted) {
    declined = changes > 0 && !(await consent(plan, input, input.conversation.confirm));
    // Before the first change; and where there is none, for whoever deploys from here without having the file.
    if (plan.lock && !declined && !input.stop.aborted) await keepLock(inventory.file, plan.lock);
    if (changes > 0 && !declined && !input.stop.aborted) {
      outcomes = await runPlan({
        plan,
        run: input.run,
        who: input.who,
        connections,
        reconnect: async (name) => {
          const connection = await connect(name);
          connections.set(name, connection);
          return connection;
        },
        underlays: prepareInput.underlays,
        forks: input.forks,
        emit,
        now,
        pause,
        stop: input.stop,
      });
      const lock = await lockAfterBuilds(
        plan,
        plan.lock ? parseLock(plan.lock.text, plan.lock.file) : input.lock,
        connections,
      );
      if (lock) await writeLock(inventory.file, lock);
    }
  }

  let proof: ProofResult | null = null;
  if ((mode === 'deploy' || mode === 'verify') && !declined && !input.stop.aborted) {
    const changed = [...outcomes.values()].some((outcome) => outcome.changed > 0);
    const scope = mode === 'verify' || changed ? 'full' : 'tunnels';
    const proven = proofHosts(plan, mesh, connections, outcomes);
    proof = await prove({ scope, hosts: proven, emit, now, signal: stop });
    for (const { host } of proven) {
      const those = containers.get(host.host);
      for (const finding of those ? unprovenContainers(host.host, those) : []) emit({ kind: 'finding', ...finding });
    }
  }

  for (const [host, { channels }] of connections) {
    emit({ kind: 'message', level: 'debug', host, text: `${channels} round trips after the connection` });
  }
  const end = {
    mode,
    plan,
    outcomes,
    failures,
    proof,
    declined,
    interrupted: input.stop.aborted,
    command: input.command,
  };
  const exitCode = exitCodeOf(end, input.detailedExitCode);
  return { ...tellEnd(exitCode, summarize(end)), plan, proof, applied: outcomes.size > 0 };

  function tellEnd(code: number, summary: readonly HostSummary[]) {
    for (const { host, state } of summary) emit({ kind: 'host.state', host, state });
    emit({
      kind: 'run.ended',
      exitCode: code,
      changed: summary.reduce((sum, host) => sum + host.changed, 0),
      durationMs: Math.round(now() - startedAt),
      hosts: summary,
    });
    return { exitCode: code };
  }
}
