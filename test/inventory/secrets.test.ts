import { inspect } from 'node:util';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluateSetting } from '../../src/cli/evaluate-setting.js';
import { InputError } from '../../src/errors.js';
import { toAnsibleList, toHostJson } from '../../src/inventory/list.js';
import { loadInventory } from '../../src/inventory/load.js';
import { toHostText, toTable } from '../../src/inventory/tables.js';
import { writeFiles } from './write.js';

const SECRET = 'hunter2';

async function load(vars: readonly string[], env: NodeJS.ProcessEnv = {}, files: Record<string, string> = {}) {
  const lines = vars.map((line) => `      ${line}\n`).join('');
  const directory = writeFiles({ 'inventory.yml': `all:\n  hosts:\n    docker41:\n${lines}`, ...files });
  const environment = { PATH: process.env.PATH, ...env };
  const inventory = await loadInventory(`${directory}/inventory.yml`, { evaluate: evaluateSetting, env: environment });
  const [host] = inventory.hosts;
  if (!host) throw new Error('no host');
  return { inventory, host, directory };
}

const FORMS: readonly [string, readonly string[], NodeJS.ProcessEnv?, Record<string, string>?][] = [
  ['the password itself', [`ansible_become_password: ${SECRET}`]],
  ['${NAME}', ['ansible_become_password: ${BECOME}'], { BECOME: SECRET }],
  ['lookup env', [`ansible_become_password: "{{ lookup('env', 'BECOME') }}"`], { BECOME: SECRET }],
  [
    'lookup file, beside the inventory',
    [`ansible_become_pass: "{{ lookup('file', 'pw') }}"`],
    {},
    { pw: `${SECRET}\n` },
  ],
  [
    'lookup pipe, where the inventory is',
    [`ansible_sudo_pass: "{{ lookup('pipe', 'cat pw') }}"`],
    {},
    { pw: `${SECRET}\n` },
  ],
  ['the full names of lookups', [`ansible_become_password: "{{ lookup('ansible.builtin.env', 'B') }}"`], { B: SECRET }],
  ['another variable', ['ansible_become_password: "{{ pw }}"', `pw: ${SECRET}`]],
  ['another variable that looks it up', ['ansible_become_password: "{{ pw }}"', 'pw: ${B}'], { B: SECRET }],
  ['text with braces that is no template', [`ansible_become_password: !unsafe "${SECRET}"`]],
];

describe('a become password', () => {
  it.each<[string, readonly string[], NodeJS.ProcessEnv?, Record<string, string>?]>(FORMS)(
    'from %s',
    async (_, vars, env, files) => {
      const { inventory, host } = await load(vars, env, files);
      expect(await host.connection.become.password?.reveal()).toBe(SECRET);
      const shown = [
        toTable(inventory),
        toHostText(host),
        JSON.stringify([toAnsibleList(inventory), toHostJson(host)]),
        JSON.stringify(inventory),
        inspect(inventory, { depth: 20 }),
      ];
      for (const text of shown) expect(text).not.toContain(SECRET);
    },
  );

  it('is taken as it is where it is tagged !unsafe', async () => {
    const { host } = await load(['ansible_become_password: !unsafe "{{ x }}"']);
    expect(await host.connection.become.password?.reveal()).toBe('{{ x }}');
  });

  it('runs its command when it is asked for, and once', async () => {
    const { host, directory } = await load([
      `ansible_become_password: "{{ lookup('pipe', 'echo x >>ran; echo pw') }}"`,
    ]);
    expect(existsSync(`${directory}/ran`)).toBe(false);
    const password = host.connection.become.password;
    expect(await Promise.all([password?.reveal(), password?.reveal()])).toEqual(['pw', 'pw']);
    expect(readFileSync(`${directory}/ran`, 'utf8')).toBe('x\n');
  });

  it.each([
    [
      '${NOPE}',
      {},
      'ansible_become_password: the environment variable NOPE is not set\n  fix: export NOPE=… before you run mesh',
    ],
    [
      '${NOPE}',
      { NOPE: '' },
      'ansible_become_password: the environment variable NOPE is empty\n  fix: export NOPE=… before you run mesh',
    ],
    [
      `"{{ lookup('file', 'nope') }}"`,
      {},
      'ansible_become_password: nope cannot be read (ENOENT)\n  fix: correct the path, or make the file readable for you',
    ],
    [
      `"{{ lookup('pipe', 'echo no >&2; exit 3') }}"`,
      {},
      'ansible_become_password: the command "echo no >&2; exit 3" failed: no\n  fix: run it in your shell and see what it prints',
    ],
    [
      `"{{ lookup('pipe', 'true') }}"`,
      {},
      'ansible_become_password: the command "true" printed nothing\n  fix: run it in your shell and see what it prints',
    ],
  ])('that cannot be had: %s', async (value, env, says) => {
    const { host, directory } = await load([`ansible_become_password: ${value}`], env);
    const error: unknown = await host.connection.become.password?.reveal().catch((reason: unknown) => reason);
    if (!(error instanceof InputError)) throw new Error('nothing was refused');
    const message = error.message.replaceAll(`${directory}/`, '');
    expect(message).toBe(`inventory.yml:4:32: ${says}`);
  });
});
