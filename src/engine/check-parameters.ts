import { type Fault, InputError } from '../errors.js';
import { selectHosts } from '../inventory/patterns.js';
import type { Host, Inventory } from '../inventory/types.js';
import { expandTask, type TaskScope } from '../playbook/expand.js';
import { hostvarsOf, scopeFor } from '../playbook/scope.js';
import { type Scoped, TemplateError, Unknown } from '../playbook/template.js';
import type { Play, Playbook, Task } from '../playbook/types.js';
import type { DefinedResource } from './planner.js';

/**
 * Checks what can be told of a playbook's parameters before any host is contacted: those of tasks whose condition, loop and
 * templates need neither facts nor the hosts' parts of the mesh.
 *
 * @throws {InputError} with the place of every task whose parameters are wrong on some host.
 */
export function checkParameters(
  inventory: Inventory,
  playbook: Playbook,
  resources: ReadonlyMap<string, DefinedResource>,
): void {
  const scopeOf = scopesWithoutFacts(inventory);
  const selected = new Set(inventory.selected);
  const faults = new Map<string, Fault>();
  for (const play of playbook.plays) {
    const hosts = selectHosts(inventory, play.hosts).filter(({ name }) => selected.has(name));
    for (const task of [...play.tasks, ...play.handlers]) {
      for (const host of hosts) {
        for (const fault of faultsOf(task, scopeOf(host, play), resources)) faults.set(JSON.stringify(fault), fault);
      }
    }
  }
  const [first, ...rest] = faults.values();
  if (first) throw new InputError([first, ...rest]);
}

function faultsOf(task: Task, scopeOf: TaskScope, resources: ReadonlyMap<string, DefinedResource>): readonly Fault[] {
  try {
    const issues = expandTask(task, scopeOf).flatMap(({ params, skipped }) =>
      skipped === undefined ? (resources.get(task.resource)?.check(params) ?? []) : [],
    );
    return issues.map(({ path, message, fix }) => ({
      message: `task '${task.name}': ${[task.resource, ...path].join('.')}: ${message}`,
      at: task.paramsAt,
      ...(fix !== undefined && { fix }),
    }));
  } catch (error) {
    // It needs what is not known yet, or has no value at all: planning says which, with the facts.
    if (error instanceof TemplateError) return [];
    throw error;
  }
}

function scopesWithoutFacts(inventory: Inventory) {
  const groups: Record<string, Scoped> = Object.fromEntries(
    [...inventory.groups].map(([name, group]) => [name, group.hosts]),
  );
  groups.all = inventory.hosts.map(({ name }) => name);
  const given = (host: Host): Record<string, Scoped> => ({
    inventory_hostname: host.name,
    group_names: host.groups,
    groups,
    mesh: new Unknown('mesh'),
    facts: new Unknown('facts'),
  });
  const hostvars = hostvarsOf(inventory.hosts, given);
  return (host: Host, play: Play): TaskScope =>
    (task, loop) =>
      scopeFor({ host: host.vars, play: play.vars, task: task.vars, loop, given: { ...given(host), hostvars } });
}
