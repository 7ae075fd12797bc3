import { ancestorsOf, type Graph } from './graph.js';
import type { Variable } from './types.js';
import { byCodePoint, type VarsFolder } from './vars-files.js';

export interface Merged {
  /** Every group of a host but `all`, sorted by name. */
  groupsOf(host: string): readonly string[];
  /** Inline variables of a group, overlaid with those of its files. */
  groupVars(group: string): ReadonlyMap<string, Variable>;
  hostVars(host: string): ReadonlyMap<string, Variable>;
}

/**
 * Ansible's order of precedence, weakest first: `all`, the other groups, group_vars/all, group_vars of the other groups,
 * the host, host_vars. Groups among themselves: by depth, then ansible_group_priority, then name.
 * (docs.ansible.com, 'Variable precedence', with the default hash_behaviour `replace`.)
 */
export async function mergeVariables(graph: Graph, groupFiles: VarsFolder, hostFiles: VarsFolder): Promise<Merged> {
  const fromGroupFiles = new Map<string, ReadonlyMap<string, Variable>>();
  for (const name of graph.groups.keys()) fromGroupFiles.set(name, await groupFiles(name));
  const fromHostFiles = new Map<string, ReadonlyMap<string, Variable>>();
  for (const name of graph.hosts.keys()) fromHostFiles.set(name, await hostFiles(name));

  const depths = depthsOf(graph);
  const strength = (name: string): [number, number] => [depths.get(name) ?? 0, graph.groups.get(name)?.priority ?? 1];
  const weakestFirst = (a: string, b: string): number => {
    const [depthA, priorityA] = strength(a);
    const [depthB, priorityB] = strength(b);
    return depthA - depthB || priorityA - priorityB || byCodePoint(a, b);
  };
  const memberships = membershipsOf(graph);
  const groupsOf = (host: string): readonly string[] => memberships.get(host) ?? [];
  const shared = new Map<string, ReadonlyMap<string, Variable>>();
  const ofGroups = (groups: readonly string[]): ReadonlyMap<string, Variable> => {
    const key = groups.join('\0');
    const known = shared.get(key);
    if (known) return known;
    const ordered = ['all', ...[...groups].sort(weakestFirst)];
    const inline = ordered.map((name) => graph.groups.get(name)?.vars);
    const merged = overlay([...inline, ...ordered.map((name) => fromGroupFiles.get(name))]);
    shared.set(key, merged);
    return merged;
  };
  const hostVars = new Map<string, ReadonlyMap<string, Variable>>();
  for (const [name, host] of graph.hosts) {
    hostVars.set(name, overlay([ofGroups(groupsOf(name)), host.vars, fromHostFiles.get(name)]));
  }
  return {
    groupsOf,
    groupVars: (group) => overlay([graph.groups.get(group)?.vars, fromGroupFiles.get(group)]),
    hostVars: (host) => hostVars.get(host) ?? new Map(),
  };
}

function overlay(layers: readonly (ReadonlyMap<string, Variable> | undefined)[]): Map<string, Variable> {
  const result = new Map<string, Variable>();
  for (const layer of layers) for (const [name, variable] of layer ?? []) result.set(name, variable);
  return result;
}

/** The longest way from `all` down to each group. The graph has no circles: its reader refuses them. */
function depthsOf(graph: Graph): Map<string, number> {
  const depths = new Map<string, number>();
  const depth = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const parents = [...(graph.groups.get(name)?.parents ?? [])];
    const value = parents.length === 0 ? 0 : 1 + Math.max(...parents.map(depth));
    depths.set(name, value);
    return value;
  };
  for (const name of graph.groups.keys()) depth(name);
  return depths;
}

function membershipsOf(graph: Graph): Map<string, readonly string[]> {
  const sets = new Map<string, Set<string>>();
  for (const group of graph.groups.values()) {
    const names = [group.name, ...ancestorsOf(graph, group.name)].filter((name) => name !== 'all');
    for (const host of group.hosts) {
      const set = sets.get(host) ?? new Set();
      for (const name of names) set.add(name);
      sets.set(host, set);
    }
  }
  return new Map([...sets].map(([host, set]) => [host, [...set].sort(byCodePoint)]));
}
