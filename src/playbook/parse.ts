import { InputError } from '../errors.js';
import { readYaml, type YamlEntry, type YamlNode } from '../inventory/yaml.js';
import { ansibleKeyword, type PlayKeyword, playKeywords } from './keywords.js';
import { type ReadTask, readBecome, readTags, readTask, readVars } from './read-task.js';
import { type CheckParameters, createReading, describe, type Reading, suggest } from './reading.js';
import type { Play, Playbook, Task } from './types.js';

/**
 * Reads a playbook: YAML as Ansible reads it, keywords and the syntax of templates checked, nothing evaluated.
 *
 * @param file - how the file is named in errors.
 * @param resourceTypes - the resources that a task may name.
 * @param check - says what is wrong with the parameters of one; asked where they hold no template.
 * @throws {InputError} with every fault of the file, in its order.
 */
export function parsePlaybook(
  text: string,
  file: string,
  resourceTypes: readonly string[],
  check: CheckParameters = () => [],
): Playbook {
  const yaml = readYaml(text, file);
  const reading = createReading(yaml.text, file, check);
  const plays = yaml.root ? readPlays(yaml.root, resourceTypes, reading) : [];
  const faults = [...yaml.faults, ...reading.faults];
  if (faults.length === 0 && plays.length === 0) {
    faults.push({
      message: 'the playbook is empty',
      at: { file, line: 1, column: 1 },
      fix: 'write a list of plays: `- hosts: mesh`',
    });
  }
  faults.sort((a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0));
  const [first, ...rest] = faults;
  if (first) throw new InputError([first, ...rest]);
  return { file, plays };
}

function readPlays(root: YamlNode, resourceTypes: readonly string[], reading: Reading): readonly Play[] {
  if (root.kind === 'list') return root.items.flatMap((item) => readPlay(item, resourceTypes, reading) ?? []);
  const names = root.kind === 'map' ? root.entries.map((entry) => entry.name) : [];
  const inventory = names.includes('all') || names.includes('ungrouped');
  const play = names.includes('hosts') || names.includes('tasks');
  const fix = inventory
    ? 'this looks like an inventory: name it with -i'
    : play
      ? 'start the play with `- ` and indent its other lines by two spaces'
      : 'write `- hosts: mesh` and the tasks below it';
  reading.fault(`a playbook is a list of plays, not ${describe(root)}`, root.at, fix);
  return [];
}

function readPlay(node: YamlNode, resourceTypes: readonly string[], reading: Reading): Play | undefined {
  const map = reading.map(node, 'a play');
  if (!map) return undefined;
  const imported = map.entries.some((entry) => entry.name.endsWith('import_playbook'));
  for (const { name, key } of map.entries) {
    if (playKeywords.some((word) => word === name)) continue;
    const instead = ansibleKeyword('play', name.replace(/^ansible\.builtin\./, ''));
    if (instead !== undefined) reading.fault(`\`${name}\` is Ansible's, and mesh does not support it`, key.at, instead);
    else if (ansibleKeyword('task', name) !== undefined || resourceTypes.includes(name)) {
      reading.fault(`\`${name}\` belongs to a task, not to a play`, key.at, 'write it in a task, below `tasks`');
    } else reading.fault(`\`${name}\` is no keyword of a play`, key.at, suggest(name, playKeywords));
  }
  const find = (key: PlayKeyword): YamlEntry | undefined => map.entries.find((entry) => entry.name === key);
  const [name, hosts, vars, tags] = [find('name'), find('hosts'), find('vars'), find('tags')];
  const [serial, become, facts] = [find('serial'), find('become'), find('gather_facts')];
  const [tasks, handlers] = [find('tasks'), find('handlers')];
  if (facts) reading.flag(facts);
  if (!hosts && !imported) reading.fault('the play does not say on which hosts it runs', map.at, 'write `hosts: mesh`');
  const misnamed = map.entries.some((entry) => ['pre_tasks', 'post_tasks', 'roles', 'task'].includes(entry.name));
  if (!tasks && !handlers && !misnamed && !imported)
    reading.fault('the play has no tasks', map.at, 'write them below `tasks:`');

  const read = (entry: YamlEntry | undefined, kind: 'task' | 'handler'): readonly ReadTask[] =>
    (entry ? reading.list(entry) : []).flatMap((item) => readTask(item, kind, resourceTypes, reading) ?? []);
  const readTasks = read(tasks, 'task');
  const readHandlers = read(handlers, 'handler');
  const all = handlers?.value.kind === 'list' ? handlers.value.items.length : 0;
  if (readHandlers.length === all) checkHandlers(readTasks, readHandlers, reading);

  const pattern = hosts && readHosts(hosts, reading);
  const atOnce = serial && readSerial(serial, reading);
  const root = become && readBecome(become, reading);
  return {
    name: (name && reading.fixedText(name)) ?? pattern ?? '',
    at: map.at,
    hosts: pattern ?? '',
    vars: vars ? readVars(vars, reading) : {},
    tags: tags ? readTags(tags, reading) : [],
    ...(root !== undefined && { become: root }),
    ...(atOnce !== undefined && { serial: atOnce }),
    tasks: readTasks.map(({ task }) => task),
    handlers: readHandlers.map(({ task }) => task),
  };
}

function readHosts(entry: YamlEntry, reading: Reading): string {
  const patterns = reading.texts(entry);
  if (entry.value.kind === 'list' && patterns.length === 0 && entry.value.items.length === 0) {
    reading.fault('`hosts` is empty', entry.value.at, 'write `hosts: mesh`');
  }
  return patterns.join(',');
}

function readSerial(entry: YamlEntry, reading: Reading): Play['serial'] {
  const { value: node } = entry;
  const text =
    node.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'string')
      ? String(node.value)
      : '';
  const [, digits = '', percent] = /^([0-9]{1,6})(%?)$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits !== '' && count >= 1 && percent === '') return count;
  if (digits !== '' && count >= 1 && count <= 100) return `${count}%`;
  const fix =
    node.kind === 'list'
      ? 'write one number: batches that grow are not supported'
      : 'write a number of hosts, or `25%`';
  reading.fault(`\`serial\` must be a number from 1, or a percentage to 100%, not ${describe(node)}`, node.at, fix);
  return undefined;
}

function checkHandlers(tasks: readonly ReadTask[], handlers: readonly ReadTask[], reading: Reading): void {
  const known = new Map<string, Task>();
  for (const { task } of handlers) {
    const first = known.get(task.name);
    if (first)
      reading.fault(`there is another handler ${task.name} in line ${first.at.line}`, task.at, 'give it another name');
    known.set(task.name, task);
  }
  for (const { task, notifyEntry } of tasks) {
    for (const [index, name] of task.notify.entries()) {
      if (known.has(name) || !notifyEntry) continue;
      const node = notifyEntry.value.kind === 'list' ? notifyEntry.value.items[index] : notifyEntry.value;
      const fix = known.size > 0 ? suggest(name, [...known.keys()]) : 'write the handler below `handlers:` of the play';
      reading.fault(`no handler of the play is called \`${name}\``, (node ?? notifyEntry.value).at, fix);
    }
  }
}
