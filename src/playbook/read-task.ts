import type { Value } from '../inventory/types.js';
import type { YamlEntry, YamlMap, YamlNode } from '../inventory/yaml.js';
import { ansibleKeyword, ansibleModule, type TaskKeyword, taskKeywords } from './keywords.js';
import { describe, type Reading, suggest } from './reading.js';
import { reservedNames } from './scope.js';
import { ruleTags } from './tags.js';
import { isTemplate } from './template.js';
import type { Task } from './types.js';

/** A task as read. */
export interface ReadTask {
  readonly task: Task;
  /** Where each notified name stands. */
  readonly notifyEntry: YamlEntry | undefined;
}

/** Reads one task or handler; undefined where it has no resource to build one from (a fault says so). */
export function readTask(
  node: YamlNode,
  kind: 'task' | 'handler',
  resourceTypes: readonly string[],
  reading: Reading,
): ReadTask | undefined {
  const map = reading.map(node, `a ${kind}`);
  if (!map) return undefined;
  const resource = readResource(map, kind, resourceTypes, reading);
  const find = (key: TaskKeyword): YamlEntry | undefined => map.entries.find((entry) => entry.name === key);
  const name = find('name');
  const [when, loop, control] = [find('when'), find('loop'), find('loop_control')];
  const [runOnce, delegateTo, become, notify] = [find('run_once'), find('delegate_to'), find('become'), find('notify')];
  const [vars, tags] = [find('vars'), find('tags')];
  if (control && !loop) reading.fault('`loop_control` without `loop`', control.key.at, 'write `loop`, or leave it out');
  if (kind === 'handler' && !name)
    reading.fault('a handler needs a name: `notify` calls it by that', map.at, 'write `name`');
  if (kind === 'handler' && notify) {
    reading.fault('a handler cannot notify', notify.key.at, 'let the task notify both handlers');
  }
  const title = name && (kind === 'handler' ? reading.fixedText(name) : reading.text(name));
  if (become) readBecome(become, reading);
  const read = {
    when: when ? readWhen(when, reading) : [],
    loop: loop && readLoop(loop, reading),
    loopVar: control ? readLoopVar(control, reading) : 'item',
    vars: vars ? readVars(vars, reading) : {},
    tags: tags ? readTags(tags, reading) : [],
    notify: notify ? reading.texts(notify) : [],
    runOnce: (runOnce && reading.flag(runOnce)) ?? false,
    delegateTo: delegateTo && reading.text(delegateTo),
  };
  if (!resource) return undefined;
  const { loop: items, delegateTo: delegate, ...rest } = read;
  const task: Task = {
    name: title ?? resource.name,
    at: map.at,
    resource: resource.name,
    params: reading.parameters(resource),
    paramsAt: resource.value.at,
    ...rest,
    ...(items !== undefined && { loop: items }),
    ...(delegate !== undefined && { delegateTo: delegate }),
  };
  return { task, notifyEntry: notify };
}

function readResource(map: YamlMap, kind: string, types: readonly string[], reading: Reading): YamlEntry | undefined {
  const resources = map.entries.filter((entry) => types.includes(entry.name));
  const others = map.entries.filter(({ name }) => !types.includes(name) && !taskKeywords.some((word) => word === name));
  for (const { name, key } of others) {
    const keyword = ansibleKeyword('task', name);
    const module = ansibleModule(name, types);
    if (keyword !== undefined) reading.fault(`\`${name}\` is Ansible's, and mesh does not support it`, key.at, keyword);
    else if (module !== undefined)
      reading.fault(`\`${name}\` is a module of Ansible, not a resource of mesh`, key.at, module);
    else
      reading.fault(
        `\`${name}\` is neither a keyword nor a resource`,
        key.at,
        suggest(name, [...taskKeywords, ...types]),
      );
  }
  const [first, second] = resources;
  if (second) {
    reading.fault(
      `the ${kind} has two resources: \`${first?.name}\` and \`${second.name}\``,
      second.key.at,
      'write two tasks',
    );
  }
  if (!first && others.length === 0) {
    reading.fault(`the ${kind} names no resource`, map.at, `write one of: ${types.join(', ')}`);
  }
  return first;
}

function readWhen(entry: YamlEntry, reading: Reading): readonly string[] {
  const nodes = entry.value.kind === 'list' ? entry.value.items : [entry.value];
  return nodes.flatMap((node) => {
    if (node.kind === 'scalar' && typeof node.value === 'boolean') return [String(node.value)];
    if (node.kind !== 'scalar' || typeof node.value !== 'string' || node.tag !== undefined) {
      reading.fault(
        `\`when\` must be an expression, not ${describe(node)}`,
        node.at,
        'write it like `when: facts.docker.running`',
      );
      return [];
    }
    if (/^\s*\{\{/.test(node.value)) {
      reading.fault('`when` is an expression already', node.at, 'leave the braces out: `when: name`');
      return [];
    }
    reading.condition(node, node.value);
    return [node.value];
  });
}

function readLoop(entry: YamlEntry, reading: Reading): Value | undefined {
  const { value: node } = entry;
  const template = node.kind === 'scalar' && typeof node.value === 'string' && isTemplate(node.value);
  if (node.kind === 'list' || template) return reading.value(node);
  const fix = node.kind === 'map' ? 'write `"{{ name | dict2items }}"`' : 'write a list, or `"{{ name }}"`';
  reading.fault(`\`loop\` must be a list, not ${describe(node)}`, node.at, fix);
  return undefined;
}

function readLoopVar(entry: YamlEntry, reading: Reading): string {
  const map = reading.map(entry.value, '`loop_control`');
  let name = 'item';
  for (const part of map?.entries ?? []) {
    if (part.name !== 'loop_var') {
      const known = ['label', 'index_var', 'pause', 'extended', 'extended_allitems', 'break_when'].includes(part.name);
      const fix = known ? 'leave it out: only `loop_var` is supported' : suggest(part.name, ['loop_var']);
      const problem = known ? "is Ansible's, and mesh does not support it" : 'is no part of `loop_control`';
      reading.fault(`\`${part.name}\` ${problem}`, part.key.at, fix);
      continue;
    }
    name = reading.fixedText(part) ?? name;
    checkName(name, part, reading);
  }
  return name;
}

/** True, or undefined after a fault: steps run as root, so to say otherwise would be a promise that nobody keeps. */
export function readBecome(entry: YamlEntry, reading: Reading): true | undefined {
  const value = reading.flag(entry);
  if (value !== false) return value;
  reading.fault('`become: false` is not supported: steps run as root', entry.value.at, 'leave it out');
  return undefined;
}

/** Variables: names that an expression can spell, and that mesh has not taken. */
export function readVars(entry: YamlEntry, reading: Reading): Readonly<Record<string, Value>> {
  if (entry.value.kind === 'scalar' && entry.value.value === null) return {};
  const map = reading.map(entry.value, '`vars`');
  return Object.fromEntries(
    (map?.entries ?? []).map((variable) => {
      checkName(variable.name, variable, reading);
      return [variable.name, reading.value(variable.value)];
    }),
  );
}

function checkName(name: string, entry: YamlEntry, reading: Reading): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    const fix = name.includes('-') ? `write \`${name.replaceAll('-', '_')}\`` : 'use letters, digits and underscores';
    reading.fault(`\`${name}\` cannot be a variable's name`, entry.key.at, fix);
  } else if (reservedNames.some((reserved) => reserved === name)) {
    reading.fault(`\`${name}\` has a meaning of its own and cannot be set`, entry.key.at, 'choose another name');
  }
}

export function readTags(entry: YamlEntry, reading: Reading): readonly string[] {
  const tags = reading.texts(entry, 'comma');
  const rule = tags.find((tag) => ruleTags.some((one) => one === tag));
  if (rule !== undefined) {
    const fix = 'choose another name; `always` and `never` are the special tags that a task can have';
    reading.fault(`\`${rule}\` selects tags and cannot be one`, entry.value.at, fix);
  }
  return tags;
}
