import { InputError } from '../errors.js';
import { mergeInterests } from '../facts/interests.js';
import type { HostFacts, Interests } from '../facts/types.js';
import { nearest } from '../inventory/nearest.js';
import { selectHosts } from '../inventory/patterns.js';
import type { Host, Inventory } from '../inventory/types.js';
import { desired } from '../network/desired.js';
import type { MeshVariables } from '../network/types.js';
import { type ExpandedTask, expandTask, foreseeTask, type TaskScope } from '../playbook/expand.js';
import type { Scoped } from '../playbook/expression/values.js';
import { hostvarsOf, scopedData, scopedFacts, scopeFor } from '../playbook/scope.js';
import { isTemplate, TemplateError, templateFault, UnknownInExpression } from '../playbook/template.js';
import type { Play, Playbook, Task } from '../playbook/types.js';
import { allot, networkInput } from './allotment.js';
import type { PlannerPlay, ReadyTask } from './planner.js';
import type { PrepareInput } from './prepare.js';

/** Looked at on every host whatever the playbook says. */
const ALWAYS: Partial<Interests> = { services: ['docker', 'openvswitch-switch', 'openvswitch', 'mesh.service'] };

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

/** A playbook's plays as the planner takes them: each task for each workable host with the facts that it then has. */
export function plannerPlays(
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
