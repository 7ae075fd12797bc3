import { describe, expect, it } from 'vitest';
import { evaluateSetting } from '../../src/cli/evaluate-setting.js';
import { loadInventory } from '../../src/inventory/load.js';
import type { Connection } from '../../src/inventory/types.js';
import { writeFiles } from './write.js';

/** The connection of one host with these variables, each a line of YAML. */
async function connection(...vars: readonly string[]): Promise<Connection> {
  const lines = vars.map((line) => `      ${line}\n`).join('');
  const directory = writeFiles({ 'inventory.yml': `all:\n  hosts:\n    docker41:\n${lines}` });
  const options = { evaluate: evaluateSetting, env: { HOME: '/home/anna' } };
  const { hosts } = await loadInventory(`${directory}/inventory.yml`, options);
  const [host] = hosts;
  if (!host) throw new Error('no host');
  return host.connection;
}

describe('how SSH reaches a host', () => {
  it('is left open where the inventory says nothing', async () => {
    expect(await connection('a: 1')).toEqual({
      host: 'docker41',
      proxyJump: [],
      knownHostsFiles: [],
      become: { enabled: false, user: 'root' },
    });
  });

  it.each<[string, readonly string[], Partial<Connection>]>([
    ['address and port', ['ansible_host: 10.0.0.1', 'ansible_port: 2222'], { host: '10.0.0.1', port: 2222 }],
    ['a port as text', ['ansible_port: "2222"'], { port: 2222 }],
    [
      'the old names',
      ['ansible_ssh_host: 10.0.0.1', 'ansible_ssh_user: anna', 'ansible_ssh_port: 2222'],
      { host: '10.0.0.1', user: 'anna', port: 2222 },
    ],
    ['a user that YAML reads as a number', ['ansible_user: 1000'], { user: '1000' }],
    [
      'a template',
      ['ansible_host: "{{ inventory_hostname }}.{{ zone }}"', 'zone: example.com'],
      { host: 'docker41.example.com' },
    ],
    ['a key in the home directory', ['ansible_ssh_private_key_file: ~/.ssh/lab'], { keyFile: '/home/anna/.ssh/lab' }],
    ['the key by its other name', ['ansible_private_key_file: /k'], { keyFile: '/k' }],
    ['become', ['ansible_become: yes', 'ansible_become_user: admin'], { become: { enabled: true, user: 'admin' } }],
    ['become as text', ['ansible_become: "yes"'], { become: { enabled: true, user: 'root' } }],
    ['no become', ['ansible_become: off'], { become: { enabled: false, user: 'root' } }],
    ['an empty address', ['ansible_host:'], { host: 'docker41' }],
    ['a jump host', ['ansible_ssh_common_args: -J anna@bastion:2222'], { proxyJump: ['anna@bastion:2222'] }],
    ['jump hosts', ['ansible_ssh_common_args: -o ProxyJump=a,b@c'], { proxyJump: ['a', 'b@c'] }],
    ['ProxyJump with a space', [`ansible_ssh_common_args: -o "ProxyJump bastion"`], { proxyJump: ['bastion'] }],
    ['no jump host', ['ansible_ssh_common_args: -o ProxyJump=none'], { proxyJump: [] }],
    [
      'ssh -W',
      [`ansible_ssh_common_args: '-o ProxyCommand="ssh -W %h:%p -q -p 2222 anna@bastion"'`],
      { proxyJump: ['anna@bastion:2222'] },
    ],
    [
      'ssh -W with -l',
      [`ansible_ssh_common_args: '-o ProxyCommand="/usr/bin/ssh -l anna bastion -W [%h]:%p"'`],
      { proxyJump: ['anna@bastion'] },
    ],
    ['the first of two jumps', ['ansible_ssh_common_args: -J a', 'ansible_ssh_extra_args: -J b'], { proxyJump: ['a'] }],
    [
      'user, port and key in arguments',
      ['ansible_ssh_extra_args: -l anna -p 2222 -i ~/k'],
      { user: 'anna', port: 2222, keyFile: '/home/anna/k' },
    ],
    [
      'variables before arguments',
      ['ansible_user: root', 'ansible_port: 22', 'ansible_ssh_extra_args: -l anna -p 2222'],
      { user: 'root', port: 22 },
    ],
    [
      'known hosts',
      ['ansible_ssh_common_args: -o UserKnownHostsFile=~/.ssh/lab_hosts -oUserKnownHostsFile=/k'],
      { knownHostsFiles: ['/home/anna/.ssh/lab_hosts', '/k'] },
    ],
  ])('%s', async (_, vars, wanted) => {
    expect(await connection(...vars)).toMatchObject(wanted);
  });
});

describe('what takes no part', () => {
  it.each([
    ['-o ForwardAgent=yes', '-o ForwardAgent has no effect in mesh'],
    ['-A', '-A has no effect in mesh'],
    ['-b 10.0.0.1', '-b 10.0.0.1 has no effect in mesh'],
    ['-o StrictHostKeyChecking=no', 'StrictHostKeyChecking=no is ignored: mesh trusts no host key silently'],
  ])('%s is warned of', async (args, message) => {
    const directory = writeFiles({ 'inventory.yml': `all:\n  hosts:\n    a: {ansible_ssh_common_args: ${args}}\n` });
    const { warnings } = await loadInventory(`${directory}/inventory.yml`);
    expect(warnings.map((warning) => warning.message)).toEqual([`ansible_ssh_common_args: ${message}`]);
  });

  it.each([
    '-o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/%r',
    '-o StrictHostKeyChecking=yes',
    '-q -T',
  ])('%s is what mesh does anyway', async (args) => {
    const directory = writeFiles({ 'inventory.yml': `all:\n  hosts:\n    a: {ansible_ssh_common_args: ${args}}\n` });
    expect((await loadInventory(`${directory}/inventory.yml`)).warnings).toEqual([]);
  });
});
