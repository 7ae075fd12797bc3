import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fault, InputError } from '../../src/errors.js';
import { parsePlaybook } from '../../src/playbook/parse.js';

const types = ['package', 'service', 'file', 'ovs_tunnels', 'iptables_rules', 'command'];

function faults(text: string, resourceTypes: readonly string[] = types): readonly Fault[] {
  try {
    parsePlaybook(text, 'p.yml', resourceTypes);
  } catch (error) {
    if (error instanceof InputError) return error.faults;
    throw error;
  }
  return [];
}

/** `line:column message` and the fix of each fault. */
function told(text: string): readonly string[] {
  return faults(text).flatMap(({ message, at, fix }) => [
    `${at?.line}:${at?.column} ${message}`,
    ...(fix === undefined ? [] : [`fix: ${fix}`]),
  ]);
}

const inPlay = (lines: string) => `- hosts: all\n  tasks: []\n  ${lines}\n`;
const inTask = (lines: string) => `- hosts: all\n  tasks:\n    - file: {}\n      ${lines}\n`;
const asTask = (lines: string) => `- hosts: all\n  tasks:\n    - ${lines}\n`;

describe('the file', () => {
  it.each<[string, string, readonly string[]]>([
    ['empty', '', ['1:1 the playbook is empty', 'fix: write a list of plays: `- hosts: mesh`']],
    ['comments only', '# nothing\n---\n', ['1:1 the playbook is empty', 'fix: write a list of plays: `- hosts: mesh`']],
    ['an empty list', '[]', ['1:1 the playbook is empty', 'fix: write a list of plays: `- hosts: mesh`']],
    [
      'a play without a dash',
      'hosts: all\ntasks: []\n',
      [
        '1:1 a playbook is a list of plays, not a map',
        'fix: start the play with `- ` and indent its other lines by two spaces',
      ],
    ],
    [
      'an inventory',
      'all:\n  hosts:\n    a:\n',
      ['1:1 a playbook is a list of plays, not a map', 'fix: this looks like an inventory: name it with -i'],
    ],
    [
      'a text',
      'hello',
      ["1:1 a playbook is a list of plays, not the text 'hello'", 'fix: write `- hosts: mesh` and the tasks below it'],
    ],
    [
      'a list of texts',
      '- hello\n',
      ["1:3 a play must be a map, not the text 'hello'", 'fix: write `key: value` lines below it'],
    ],
  ])('%s', (_, text, expected) => {
    expect(told(text)).toEqual(expected);
  });

  it('with a tab', () => {
    expect(told('- hosts: all\n\ttasks: []\n')).toEqual([
      '2:1 YAML does not allow a tab as indentation',
      'fix: indent with spaces',
    ]);
  });

  it('with a key written twice', () => {
    expect(told('- hosts: all\n  tasks: []\n  hosts: web\n')[0]).toBe('3:3 "hosts" is written twice, first in line 1');
  });

  it('shows every fault with its lines, in order', () => {
    const text = '- hosts: all\n  roles: [a]\n  tasks:\n    - fil: {}\n    - file: "{{ a b }}"\n';
    expect(() => parsePlaybook(text, 'p.yml', types)).toThrow(
      new InputError([
        {
          message: "`roles` is Ansible's, and mesh does not support it",
          at: { file: 'p.yml', line: 2, column: 3 },
          excerpt: '  1 | - hosts: all\n  2 |   roles: [a]\n    |   ^',
          fix: 'write the tasks (and variables) into this file',
        },
        {
          message: '`fil` is neither a keyword nor a resource',
          at: { file: 'p.yml', line: 4, column: 7 },
          excerpt: '  3 |   tasks:\n  4 |     - fil: {}\n    |       ^',
          fix: 'did you mean `file`?',
        },
        {
          message: 'there is `b` where an operator, a filter or the end belongs',
          at: { file: 'p.yml', line: 5, column: 19 },
          excerpt: '  4 |     - fil: {}\n  5 |     - file: "{{ a b }}"\n    |                   ^',
        },
      ]),
    );
  });
});

describe('a play', () => {
  it.each<[string, readonly string[]]>([
    ['gather_fact: no', ['3:3 `gather_fact` is no keyword of a play', 'fix: did you mean `gather_facts`?']],
    [
      'zzzzzz: 1',
      [
        '3:3 `zzzzzz` is no keyword of a play',
        'fix: there are: name, hosts, vars, tags, serial, become, gather_facts, tasks, handlers',
      ],
    ],
    [
      'when: x',
      [
        '3:3 `when` is no keyword of a play',
        'fix: there are: name, hosts, vars, tags, serial, become, gather_facts, tasks, handlers',
      ],
    ],
    ['register: x', ['3:3 `register` belongs to a task, not to a play', 'fix: write it in a task, below `tasks`']],
    ['file: {}', ['3:3 `file` belongs to a task, not to a play', 'fix: write it in a task, below `tasks`']],
    [
      'gather_facts: maybe',
      ["3:17 `gather_facts` must be true or false, not the text 'maybe'", 'fix: write true or false'],
    ],
    ['become: no', ['3:11 `become: false` is not supported: steps run as root', 'fix: leave it out']],
    ['become: 1', ['3:11 `become` must be true or false, not 1', 'fix: write true or false']],
    ['name: 12', ['3:9 `name` must be a text, not 12', 'fix: put it in quotes']],
    ['name: "{{ x }}"', ['3:9 `name` cannot hold a template', 'fix: write the value itself']],
    [
      'serial: 0',
      [
        '3:11 `serial` must be a number from 1, or a percentage to 100%, not 0',
        'fix: write a number of hosts, or `25%`',
      ],
    ],
    [
      'serial: 101%',
      [
        "3:11 `serial` must be a number from 1, or a percentage to 100%, not the text '101%'",
        'fix: write a number of hosts, or `25%`',
      ],
    ],
    [
      'serial: [1, 5]',
      [
        '3:11 `serial` must be a number from 1, or a percentage to 100%, not a list',
        'fix: write one number: batches that grow are not supported',
      ],
    ],
    ['vars: [1]', ['3:9 `vars` must be a map, not a list', 'fix: write `key: value` lines below it']],
    ['vars: { a-b: 1 }', ["3:11 `a-b` cannot be a variable's name", 'fix: write `a_b`']],
    ['vars: { 1a: 1 }', ["3:11 `1a` cannot be a variable's name", 'fix: use letters, digits and underscores']],
    ['vars: { facts: 1 }', ['3:11 `facts` has a meaning of its own and cannot be set', 'fix: choose another name']],
    ['vars: { a: "{{ b" }', ['3:15 the template has no end: `}}` is missing']],
    ['vars: { a: !vault x }', ['3:21 `!vault` is not supported in a playbook', 'fix: steps take no secret']],
    [
      'vars: { a: !unsafe x }',
      ['3:22 `!unsafe` is not supported in a playbook', "fix: write `{{ '{{' }}` for braces that are no template"],
    ],
    ['vars: { a: .inf }', ['3:14 Infinity cannot be used as a number', 'fix: put it in quotes']],
    [
      'tags: [all]',
      [
        '3:9 `all` selects tags and cannot be one',
        'fix: choose another name; `always` and `never` are the special tags that a task can have',
      ],
    ],
    ["tags: 'a,,b'", ['3:9 `tags` holds an empty text']],
    ['handlers: x', ["3:13 `handlers` must be a list, not the text 'x'", 'fix: start every element with `- `']],
    ['handlers: [{ service: {} }]', ['3:14 a handler needs a name: `notify` calls it by that', 'fix: write `name`']],
    [
      'handlers: [{ name: a, service: {}, notify: a }]',
      ['3:38 a handler cannot notify', 'fix: let the task notify both handlers'],
    ],
    [
      'handlers: [{ name: a, service: {} }, { name: a, service: {} }]',
      ['3:40 there is another handler a in line 3', 'fix: give it another name'],
    ],
    [
      'handlers: [{ name: a, listen: b, service: {} }]',
      ["3:25 `listen` is Ansible's, and mesh does not support it", 'fix: notify the handler by its name'],
    ],
  ])('%s', (lines, expected) => {
    expect(told(inPlay(lines))).toEqual(expected);
  });

  it.each([
    'any_errors_fatal',
    'become_method',
    'become_user',
    'check_mode',
    'collections',
    'connection',
    'environment',
    'force_handlers',
    'gather_subset',
    'ignore_errors',
    'max_fail_percentage',
    'module_defaults',
    'no_log',
    'order',
    'port',
    'post_tasks',
    'pre_tasks',
    'remote_user',
    'roles',
    'run_once',
    'strategy',
    'throttle',
    'user',
    'vars_files',
    'vars_prompt',
  ])('%s is known, not supported, and has a way round', (keyword) => {
    const [fault, ...more] = faults(inPlay(`${keyword}: x`));
    expect(fault?.message).toBe(`\`${keyword}\` is Ansible's, and mesh does not support it`);
    expect(fault?.fix?.length).toBeGreaterThan(10);
    expect(more).toEqual([]);
  });

  it('needs hosts and tasks', () => {
    expect(told('- name: x\n')).toEqual([
      '1:3 the play does not say on which hosts it runs',
      'fix: write `hosts: mesh`',
      '1:3 the play has no tasks',
      'fix: write them below `tasks:`',
    ]);
    expect(told('- hosts: []\n  tasks: []\n')).toEqual(['1:10 `hosts` is empty', 'fix: write `hosts: mesh`']);
    expect(told('- hosts: "{{ x }}"\n  tasks: []\n')).toEqual(['1:10 `hosts` cannot hold a template']);
    expect(told('- hosts:\n  tasks: []\n')).toEqual(['1:9 `hosts` must be a text, not nothing']);
  });

  it('cannot import another playbook', () => {
    for (const keyword of ['import_playbook', 'ansible.builtin.import_playbook']) {
      expect(told(`- ${keyword}: other.yml\n`)).toEqual([
        `1:3 \`${keyword}\` is Ansible's, and mesh does not support it`,
        'fix: write its plays into this file, or run the two files one after the other',
      ]);
    }
  });
});

describe('a task', () => {
  it.each<[string, readonly string[]]>([
    ['whne: x', ['4:7 `whne` is neither a keyword nor a resource', 'fix: did you mean `when`?']],
    ['service: {}', ['4:7 the task has two resources: `file` and `service`', 'fix: write two tasks']],
    ['when: 3', ['4:13 `when` must be an expression, not 3', 'fix: write it like `when: facts.docker.running`']],
    ['when: "{{ x }}"', ['4:13 `when` is an expression already', 'fix: leave the braces out: `when: name`']],
    ['when: [a, "b ="]', ['4:20 `=` does not compare', 'fix: write `==`']],
    ['when: ""', ['4:14 there is no expression here']],
    ['loop: 3', ['4:13 `loop` must be a list, not 3', 'fix: write a list, or `"{{ name }}"`']],
    ['loop: files', ["4:13 `loop` must be a list, not the text 'files'", 'fix: write a list, or `"{{ name }}"`']],
    ['loop: { a: 1 }', ['4:13 `loop` must be a list, not a map', 'fix: write `"{{ name | dict2items }}"`']],
    ['loop_control: { loop_var: x }', ['4:7 `loop_control` without `loop`', 'fix: write `loop`, or leave it out']],
    [
      'notify: Restart',
      ['4:15 no handler of the play is called `Restart`', 'fix: write the handler below `handlers:` of the play'],
    ],
    ['run_once: "yes"', ["4:17 `run_once` must be true or false, not the text 'yes'", 'fix: write true or false']],
    ['delegate_to: 3', ['4:20 `delegate_to` must be a text, not 3', 'fix: put it in quotes']],
    ['delegate_to: "{{ x | }}"', ['4:28 the expression ends where the name of a filter belongs']],
    ['become: false', ['4:15 `become: false` is not supported: steps run as root', 'fix: leave it out']],
    ['tags: 3', ['4:13 `tags` must be a text, not 3', 'fix: put it in quotes']],
    ['vars: { item-x: 1 }', ["4:15 `item-x` cannot be a variable's name", 'fix: write `item_x`']],
    ['with_items: [1]', ["4:7 `with_items` is Ansible's, and mesh does not support it", 'fix: write `loop`']],
    [
      'with_dict: {}',
      ["4:7 `with_dict` is Ansible's, and mesh does not support it", 'fix: write `loop` with `| dict2items`'],
    ],
  ])('%s', (lines, expected) => {
    expect(told(inTask(lines))).toEqual(expected);
  });

  it.each<[string, readonly string[]]>([
    [
      '{ label: x }',
      ["5:23 `label` is Ansible's, and mesh does not support it", 'fix: leave it out: only `loop_var` is supported'],
    ],
    ['{ lop_var: x }', ['5:23 `lop_var` is no part of `loop_control`', 'fix: did you mean `loop_var`?']],
    ['{ loop_var: mesh }', ['5:23 `mesh` has a meaning of its own and cannot be set', 'fix: choose another name']],
    ['x', ["5:21 `loop_control` must be a map, not the text 'x'", 'fix: write `key: value` lines below it']],
  ])('loop_control: %s', (lines, expected) => {
    expect(told(inTask(`loop: []\n      loop_control: ${lines}`))).toEqual(expected);
  });

  it.each([
    'action',
    'args',
    'async',
    'block',
    'always',
    'rescue',
    'changed_when',
    'delay',
    'environment',
    'failed_when',
    'ignore_errors',
    'ignore_unreachable',
    'import_role',
    'import_tasks',
    'include',
    'include_role',
    'include_tasks',
    'include_vars',
    'listen',
    'local_action',
    'no_log',
    'poll',
    'register',
    'retries',
    'throttle',
    'timeout',
    'until',
    'become_user',
    'check_mode',
    'diff',
  ])('%s is known, not supported, and has a way round', (keyword) => {
    const [fault, ...more] = faults(asTask(`${keyword}: x`));
    expect(fault?.message).toBe(`\`${keyword}\` is Ansible's, and mesh does not support it`);
    expect(fault?.fix?.length).toBeGreaterThan(10);
    expect(more).toEqual([]);
  });

  it.each<[string, string]>([
    ['apt', 'write `package`, the resource that does it here'],
    ['ansible.builtin.package', 'write `package`, the resource that does it here'],
    ['ansible.builtin.copy', 'write `file`, the resource that does it here'],
    ['template', 'write `file`, the resource that does it here'],
    ['shell', 'write `command`, the resource that does it here'],
    ['systemd', 'write `service`, the resource that does it here'],
    ['ansible.posix.firewalld', 'write `iptables_rules`, the resource that does it here'],
    ['openvswitch.openvswitch.openvswitch_port', 'write `ovs_tunnels`, the resource that does it here'],
    ['ansible.builtin.set_fact', 'write the value under `vars` of the play or task: it is evaluated when it is used'],
    ['debug', 'use `mesh facts HOST` or `mesh inventory --host NAME` to see values'],
    ['some.collection.thing', `there are the resources ${types.join(', ')}`],
    ['openvswitch_bridge', `there are the resources ${types.join(', ')}`],
  ])('%s is a module', (module, fix) => {
    expect(told(asTask(`${module}: x`))).toEqual([
      `3:7 \`${module}\` is a module of Ansible, not a resource of mesh`,
      `fix: ${fix}`,
    ]);
  });

  it('needs a resource', () => {
    expect(told(asTask('name: nothing'))).toEqual([
      '3:7 the task names no resource',
      `fix: write one of: ${types.join(', ')}`,
    ]);
    expect(told(asTask('hello'))).toEqual([
      "3:7 a task must be a map, not the text 'hello'",
      'fix: write `key: value` lines below it',
    ]);
  });

  it('has its templates checked where they stand', () => {
    expect(told(asTask(`file:\n        path: /a\n        content: 'x {{ y | uper }}'`))).toEqual([
      '5:28 there is no filter uper',
      'fix: did you mean `upper`?',
    ]);
    expect(told(asTask(`file:\n        content: |\n          one\n          {{ y | uper }}`))).toEqual([
      '4:18 there is no filter uper',
      'fix: did you mean `upper`?',
    ]);
    expect(told(asTask(`file: { "{{ k }}": 1 }`))).toEqual([
      '3:15 a key cannot be a template',
      "fix: build the map in an expression: `{{ {name: 'value'} }}`",
    ]);
    expect(told(asTask(`name: "{{ x"\n      file: {}`))).toEqual(['3:14 the template has no end: `}}` is missing']);
  });

  it('is told the nearest handler', () => {
    expect(
      told(
        '- hosts: all\n  tasks: [{ file: {}, notify: [Restart x, Rstart] }]\n  handlers: [{ name: Restart, service: {} }]\n',
      ),
    ).toEqual([
      '2:32 no handler of the play is called `Restart x`',
      'fix: did you mean `Restart`?',
      '2:43 no handler of the play is called `Rstart`',
      'fix: did you mean `Restart`?',
    ]);
  });
});

describe('any text', () => {
  const pieces = [
    '- ',
    'hosts: all\n',
    '  tasks:\n',
    '    - ',
    'file: {}\n',
    'when: ',
    '"{{ x }}"',
    '&a ',
    '*a',
    '<<: ',
    '[',
    ']',
    '{',
    '}',
    '\n',
    ':',
    '!vault ',
    '|\n',
    'x',
    '\t',
    "'",
    '  ',
  ];

  it('is read or refused with positions within it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 25 }), (parts) => {
        for (const fault of faults(parts.join(''))) {
          expect(fault.at?.file).toBe('p.yml');
          expect(fault.at?.line).toBeGreaterThan(0);
          expect(fault.at?.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('with aliases that multiply ends soon', () => {
    const rows = Array.from(
      { length: 12 },
      (_, index) => `    v${index + 1}: &v${index + 1} [${`*v${index}, `.repeat(9)}]`,
    );
    const [fault] = faults(`- hosts: all\n  vars:\n    v0: &v0 x\n${rows.join('\n')}\n  tasks: []\n`);
    expect(fault?.message).toMatch(/alias|values/);
  });
});
