import type { Position } from '../errors.js';
import type { Complaints } from './complaints.js';
import { nearest } from './nearest.js';
import { expandHosts } from './ranges.js';
import type { Variable } from './types.js';
import { describeNode, toVariable } from './values.js';
import type { YamlEntry, YamlMap, YamlNode } from './yaml.js';

/** A group while the file is read. */
export interface GraphGroup {
  readonly name: string;
  readonly at: Position;
  /** Direct members in the order in which they were added. */
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly parents: Set<string>;
  readonly vars: Map<string, Variable>;
  /** `ansible_group_priority`. */
  priority: number;
}

export interface GraphHost {
  readonly name: string;
  readonly at: Position;
  readonly vars: Map<string, Variable>;
}

/** Groups and hosts as the inventory file has them; `group_vars/` and `host_vars/` are not in it. */
export interface Graph {
  readonly groups: Map<string, GraphGroup>;
  readonly hosts: Map<string, GraphHost>;
}

/** Reads the top of a YAML inventory. What cannot be read goes to `complaints`; the graph holds the rest. */
export function readGraph(root: YamlMap, complaints: Complaints): Graph {
  const graph: Graph = { groups: new Map(), hosts: new Map() };
  const reader = new GraphReader(graph, complaints);
  reader.ensureGroup('all', root.at);
  reader.ensureGroup('ungrouped', root.at);
  reader.addChild('all', 'ungrouped', root.at);
  for (const entry of root.entries) reader.group(entry);
  settle(graph);
  for (const name of graph.groups.keys()) {
    const host = graph.hosts.get(name);
    if (host)
      complaints.warning(`"${name}" is the name of a group and of a host`, host.at, 'give one of them another name');
  }
  return graph;
}

/** Names of every group above this one. */
export function ancestorsOf(graph: Graph, name: string): Set<string> {
  const seen = new Set<string>();
  const next = [...(graph.groups.get(name)?.parents ?? [])];
  for (let parent = next.pop(); parent !== undefined; parent = next.pop()) {
    if (seen.has(parent)) continue;
    seen.add(parent);
    next.push(...(graph.groups.get(parent)?.parents ?? []));
  }
  return seen;
}

/** Ansible's last step: groups without a parent belong to `all`, and hosts without a group to `ungrouped` alone. */
function settle(graph: Graph): void {
  const all = graph.groups.get('all');
  const ungrouped = graph.groups.get('ungrouped');
  if (!all || !ungrouped) return;
  for (const group of graph.groups.values()) {
    if (group.name === 'all' || group.parents.size > 0) continue;
    group.parents.add('all');
    all.children.add(group.name);
  }
  const grouped = new Set<string>();
  for (const group of graph.groups.values()) {
    if (group === all || group === ungrouped) continue;
    for (const host of group.hosts) grouped.add(host);
  }
  for (const name of graph.hosts.keys()) {
    if (grouped.has(name)) ungrouped.hosts.delete(name);
    else ungrouped.hosts.add(name);
  }
}

class GraphReader {
  constructor(
    private readonly graph: Graph,
    private readonly complaints: Complaints,
  ) {}

  ensureGroup(name: string, at: Position): GraphGroup {
    const known = this.graph.groups.get(name);
    if (known) return known;
    const group: GraphGroup = {
      name,
      at,
      hosts: new Set(),
      children: new Set(),
      parents: new Set(),
      vars: new Map(),
      priority: 1,
    };
    this.graph.groups.set(name, group);
    return group;
  }

  addChild(parent: string, child: string, at: Position): void {
    const fix = 'remove it from one of the two "children:"';
    if (parent === child) {
      this.complaints.fault(`group ${parent} is its own child`, at, 'remove it from its own "children:"');
    } else if (ancestorsOf(this.graph, parent).has(child)) {
      this.complaints.fault(`group ${child} is a child of ${parent}, which is below ${child} itself`, at, fix);
    } else {
      this.graph.groups.get(parent)?.children.add(child);
      this.graph.groups.get(child)?.parents.add(parent);
    }
  }

  group(entry: YamlEntry): string | undefined {
    const { key, name, value } = entry;
    if (typeof key.value !== 'string' || name === '') {
      const read = key.value === null || key.value === '' ? 'empty' : `read as ${describeNode(key)}`;
      this.complaints.fault(
        `the name of a group must be text, and this one is ${read}`,
        key.at,
        'put the name in quotes',
      );
      return undefined;
    }
    if (value.kind !== 'map' && !isNull(value)) {
      const fix = `write "${name}:" with "hosts:", "children:" or "vars:" below it`;
      this.complaints.fault(`group ${name} must be a mapping, and this is ${describeNode(value)}`, value.at, fix);
      return undefined;
    }
    const group = this.ensureGroup(name, key.at);
    if (value.kind !== 'map') return name;
    for (const section of value.entries) this.section(group, section);
    return name;
  }

  private section(group: GraphGroup, section: YamlEntry): void {
    const body = this.sectionBody(group, section);
    if (!body) return;
    if (section.name === 'vars') for (const variable of body.entries) this.groupVariable(group, variable);
    if (section.name === 'hosts') this.hosts(group, body);
    if (section.name !== 'children') return;
    for (const child of body.entries) {
      const name = this.group(child);
      if (name !== undefined) this.addChild(group.name, name, child.key.at);
    }
  }

  /** A section's mapping; a plain string counts as a mapping with that one key. */
  private sectionBody(group: GraphGroup, section: YamlEntry): YamlMap | undefined {
    const { name, value, key } = section;
    if (!['hosts', 'children', 'vars'].includes(name)) {
      const meant = nearest(name, ['hosts', 'children', 'vars']);
      const message = `"${name}" in group ${group.name} is ignored: a group has hosts, children and vars`;
      const below = isNull(value) || value.kind === 'map' ? '"hosts:" or "children:"' : '"vars:"';
      const fix = meant ? `did you mean "${meant}"?` : `put it below ${below}`;
      if (meant) this.complaints.fault(message, key.at, fix);
      else this.complaints.warning(message, key.at, fix);
      return undefined;
    }
    if (value.kind === 'map') return value;
    if (isNull(value)) return undefined;
    if (value.kind === 'scalar' && typeof value.value === 'string') {
      const nothing = { kind: 'scalar' as const, value: null, at: value.at };
      return { kind: 'map', at: value.at, entries: [{ key: value, name: value.value, value: nothing }] };
    }
    const example = name === 'hosts' ? 'docker41' : 'web';
    const fix = name === 'vars' ? 'write each as "name: value"' : `write each name with a colon: "${example}:"`;
    const message = `"${name}" of group ${group.name} must be a mapping, and this is ${describeNode(value)}`;
    this.complaints.fault(message, value.at, fix);
    return undefined;
  }

  private groupVariable(group: GraphGroup, entry: YamlEntry): void {
    const variable = toVariable(entry, `group ${group.name}`);
    if (entry.name !== 'ansible_group_priority') {
      group.vars.set(entry.name, variable);
      return;
    }
    const priority = Number(variable.value);
    if (Number.isInteger(priority) && typeof variable.value !== 'boolean') group.priority = priority;
    else {
      const message = `ansible_group_priority must be a whole number, and this is ${describeNode(entry.value)}`;
      this.complaints.fault(message, entry.value.at, 'write "ansible_group_priority: 10"');
    }
  }

  private hosts(group: GraphGroup, body: YamlMap): void {
    const written = new Map<string, YamlEntry>();
    for (const entry of body.entries) {
      const expanded = this.expand(entry);
      if (!expanded) continue;
      const vars = this.hostVars(entry);
      for (const name of expanded.names) {
        this.twice(group, name, written.get(name), entry);
        written.set(name, entry);
        const host = this.ensureHost(name, entry.key.at, expanded.port);
        group.hosts.add(name);
        // Ansible looks for a group of this name first.
        const target = this.graph.groups.get(name)?.vars ?? host.vars;
        for (const variable of vars) target.set(variable.name, toVariable(variable, `host ${name}`));
      }
    }
  }

  private ensureHost(name: string, at: Position, port: number | undefined): GraphHost {
    const known = this.graph.hosts.get(name);
    if (known) return known;
    const host: GraphHost = { name, at, vars: new Map() };
    if (port) host.vars.set('ansible_port', { value: port, origin: { scope: `host ${name}`, at, keyAt: at } });
    this.graph.hosts.set(name, host);
    return host;
  }

  private expand(entry: YamlEntry): ReturnType<typeof expandHosts> | undefined {
    const { key, name } = entry;
    if (typeof key.value !== 'string' || name === '') {
      const message = `the name of a host must be text, and this one is ${name === '' ? 'empty' : `read as ${describeNode(key)}`}`;
      this.complaints.fault(message, key.at, 'put the name in quotes');
      return undefined;
    }
    const strange = /[\s,]|\p{Cc}/u.test(name);
    if (strange) {
      const message = `${JSON.stringify(name)} cannot be the name of a host: it holds a space, a comma or a control character`;
      this.complaints.fault(message, key.at, 'write one name on each line, with a colon after it: docker41:');
      return undefined;
    }
    try {
      return expandHosts(name);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.complaints.fault(error.message, key.at, 'write docker[41:44], node[01:10], web[a:c] or rack[1:9:2]');
      return undefined;
    }
  }

  private hostVars(entry: YamlEntry): readonly YamlEntry[] {
    if (entry.value.kind === 'map') return entry.value.entries;
    if (isNull(entry.value)) return [];
    const message = `the variables of ${entry.name} must be a mapping, and this is ${describeNode(entry.value)}`;
    const fix = `write "${entry.name}:" and below it, indented, "name: value"`;
    this.complaints.fault(message, entry.value.at, fix);
    return [];
  }

  /** The same host from two keys of one mapping: an override is usual, two answers to one question are not. */
  private twice(group: GraphGroup, name: string, first: YamlEntry | undefined, second: YamlEntry): void {
    if (!first) return;
    const before = first.value.kind === 'map' ? first.value.entries : [];
    const clash = this.hostVars(second).find((one) => before.some((other) => other.name === one.name));
    const where = `in lines ${first.key.at.line} and ${second.key.at.line}`;
    const message = `host ${name} is written twice in group ${group.name}, ${where}`;
    if (clash) {
      this.complaints.fault(
        `${message}, and both set ${clash.name}`,
        second.key.at,
        'let the range leave this host out',
      );
    } else {
      this.complaints.warning(message, second.key.at, 'let the range leave this host out');
    }
  }
}

function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}
