import { describe, expect, it } from 'vitest';
import { checkParameters } from '../../src/engine/check-parameters.js';
import { InputError } from '../../src/errors.js';
import type { Inventory } from '../../src/inventory/types.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { resources } from '../../src/resources/index.js';
import { member } from '../network/members.js';

const hosts = [41, 42].map((number) => {
  const { host } = member({ number });
  const mode = { value: number === 41 ? '0644' : 644, origin: { scope: `host ${host.name}` } };
  return { ...host, vars: new Map([['my_mode', mode]]) };
});
const names = hosts.map(({ name }) => name);

/** `line:column message` of each fault. */
function told(task: string, selected: readonly string[] = names): readonly string[] {
  const inventory: Inventory = {
    file: 'inventory.yml',
    hosts,
    groups: new Map([['all', { name: 'all', hosts: names, children: [], vars: new Map() }]]),
    meshed: names,
    selected,
    warnings: [],
  };
  const text = `- hosts: all\n  vars: { nothing: '' }\n  tasks:\n    - name: A task\n      ${task}\n`;
  try {
    checkParameters(inventory, parsePlaybook(text, 'p.yml', [...resources.keys()]), resources);
  } catch (error) {
    if (error instanceof InputError)
      return error.faults.map(({ at, message }) => `${at?.line}:${at?.column} ${message}`);
    throw error;
  }
  return [];
}

describe('parameters before any host is contacted', () => {
  it('are refused where their templates come to something wrong, once for all hosts', () => {
    expect(told('command: { cmd: "{{ nothing }}" }')).toEqual(["5:16 task 'A task': command.cmd: must not be empty"]);
  });

  it('are refused where they are wrong on one host, unless that is left out', () => {
    const file = 'file: { path: /etc/motd, content: x, mode: "{{ my_mode }}" }';
    expect(told(file)).toHaveLength(1);
    expect(told(file)[0]).toMatch(/^5:13 task 'A task': file\.mode: the mode in quotes/);
    expect(told(file, ['docker41'])).toEqual([]);
  });

  it('are refused for one element of a loop', () => {
    expect(told('loop: ["echo 1", ""]\n      command: { cmd: "{{ item }}" }')).toEqual([
      "6:16 task 'A task': command.cmd: must not be empty",
    ]);
  });

  it.each([
    'command: { cmd: "echo {{ mesh.address }}" }',
    'command: { cmd: "{{ facts.system.kernel }}" }',
    'command: { cmd: "{{ mesh.no_such | default(nothing) }}" }',
    'command: { cmd: "{{ nothing }}" }\n      when: facts.docker.running',
    'command: { cmd: "{{ nothing }}" }\n      when: false',
    'command: { cmd: "{{ no_such }}" }',
  ])('are left to the plan, or alone: %s', (task) => expect(told(task)).toEqual([]));
});
