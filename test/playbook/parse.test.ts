import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import type { Play } from '../../src/playbook/types.js';
import { resources } from '../../src/resources/index.js';

const types = ['package', 'service', 'file', 'ovs_tunnels'];

function parse(text: string): readonly Play[] {
  return parsePlaybook(text, 'play.yml', types).plays;
}

describe('a playbook', () => {
  it('may use every keyword', () => {
    const [play, second] = parse(`
- name: First
  hosts: [web, '!docker42']
  gather_facts: no
  become: yes
  serial: 30%
  tags: net, base
  vars: { dir: /opt, deep: { list: [1, "{{ dir }}"] } }
  tasks:
    - name: Files of {{ one.name }}
      file: { path: "{{ dir }}/{{ one.name }}", mode: 0644 }
      when:
        - one.name != 'x'
        - true
      loop: "{{ files }}"
      loop_control: { loop_var: one }
      vars:
        files: []
      tags: [a, "b,c"]
      notify: Restart
      run_once: true
      delegate_to: "{{ groups.all[0] }}"
      become: true
    - service: { name: docker }
      when: facts.docker.running
      notify: [Restart, Reload]
      loop: [1, 2]
  handlers:
    - name: Restart
      service: { name: x }
    - name: Reload
      service:
- hosts: all
  serial: 2
  tasks:
`);
    expect(play).toEqual({
      name: 'First',
      at: { file: 'play.yml', line: 2, column: 3 },
      hosts: 'web,!docker42',
      become: true,
      serial: '30%',
      tags: ['net', 'base'],
      vars: { dir: '/opt', deep: { list: [1, '{{ dir }}'] } },
      tasks: [
        {
          name: 'Files of {{ one.name }}',
          at: { file: 'play.yml', line: 10, column: 7 },
          resource: 'file',
          params: { path: '{{ dir }}/{{ one.name }}', mode: 420 },
          paramsAt: { file: 'play.yml', line: 11, column: 13 },
          when: ["one.name != 'x'", 'true'],
          loop: '{{ files }}',
          loopVar: 'one',
          vars: { files: [] },
          tags: ['a', 'b', 'c'],
          notify: ['Restart'],
          runOnce: true,
          delegateTo: '{{ groups.all[0] }}',
        },
        {
          name: 'service',
          at: { file: 'play.yml', line: 24, column: 7 },
          resource: 'service',
          params: { name: 'docker' },
          paramsAt: { file: 'play.yml', line: 24, column: 16 },
          when: ['facts.docker.running'],
          loop: [1, 2],
          loopVar: 'item',
          vars: {},
          tags: [],
          notify: ['Restart', 'Reload'],
          runOnce: false,
        },
      ],
      handlers: [
        expect.objectContaining({ name: 'Restart', resource: 'service', params: { name: 'x' } }),
        expect.objectContaining({ name: 'Reload', resource: 'service', params: null }),
      ],
    });
    expect(second).toEqual({
      name: 'all',
      at: { file: 'play.yml', line: 33, column: 3 },
      hosts: 'all',
      serial: 2,
      tags: [],
      vars: {},
      tasks: [],
      handlers: [],
    });
  });

  it('is read as Ansible reads YAML: 1.1, anchors, merge keys, CRLF, a document mark', () => {
    const [play] = parse(
      '---\r\n- hosts: all\r\n  vars:\r\n    base: &base { a: yes, b: 0600, c: y, d: 1_000 }\r\n    more: { <<: *base, b: off }\r\n  tasks: []\r\n',
    );
    expect(play?.vars).toEqual({
      base: { a: true, b: 384, c: 'y', d: 1000 },
      more: { a: true, b: false, c: 'y', d: 1000 },
    });
  });

  it('prefers a resource to the module of the same name', () => {
    expect(parse('- hosts: all\n  tasks: [{ package: { name: curl } }]\n')[0]?.tasks[0]?.resource).toBe('package');
  });
});

describe('the playbooks of mesh', () => {
  it.each(readdirSync('playbooks').filter((file) => file.endsWith('.yml')))('%s reads without a fault', (file) => {
    const playbook = parsePlaybook(readFileSync(`playbooks/${file}`, 'utf8'), file, [...resources.keys()]);
    expect(playbook.plays.flatMap((play) => play.tasks).length).toBeGreaterThan(0);
  });
});

describe('the parameters of a resource', () => {
  /** `line:column message` of each fault, with the resources that mesh has. */
  function told(task: string): readonly string[] {
    const text = `- hosts: all\n  tasks:\n    - name: A task\n      ${task}\n`;
    try {
      parsePlaybook(text, 'p.yml', [...resources.keys()], (type, params) => resources.get(type)?.check(params) ?? []);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.faults.map(
        ({ at, message, fix }) => `${at?.line}:${at?.column} ${message}${fix ? ` (${fix})` : ''}`,
      );
    }
    return [];
  }

  it.each<[string, readonly string[]]>([
    ['command: { run: x }', ['4:7 command.cmd: is missing: text', '4:18 command has no parameter `run`']],
    ['command:', ['4:7 command.cmd: is missing: text']],
    ['command: { cmd: 12 }', ['4:18 command.cmd: text']],
    [
      'command:\n        cmd: x\n        creates: tmp/x',
      ['6:9 command.creates: must be an absolute path, like /etc/motd'],
    ],
    ['command: { cmd: x, creates: /tmp/x }', []],
    // Where a template stands the whole is only known later.
    ['command: { run: "{{ x }}" }', []],
  ])('are checked in their place: %s', (task, expected) => {
    expect(told(task).map((line) => line.replace(/ \(.*\)$/, ''))).toEqual(expected);
  });

  it('are told with what there is', () => {
    expect(told('command: { cmd: x, creats: /x }')).toEqual([
      '4:26 command has no parameter `creats` (did you mean `creates`?)',
    ]);
  });

  it.each(['deploy', 'teardown', 'build'])('are right in playbooks/%s.yml', (name) => {
    const text = readFileSync(`playbooks/${name}.yml`, 'utf8');
    const check = (type: string, params: unknown) => resources.get(type)?.check(params) ?? [];
    expect(() => parsePlaybook(text, name, [...resources.keys()], check)).not.toThrow();
  });
});
