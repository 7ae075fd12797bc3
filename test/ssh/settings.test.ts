import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection as ConnectionSettings } from '../../src/inventory/types.js';
import { parseJump, resolver } from '../../src/ssh/settings.js';
import { glanceAtConfig, parseSshAnswers } from '../../src/ssh/ssh-config.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-home-'));
  mkdirSync(join(home, '.ssh'));
});
afterEach(() => rmSync(home, { recursive: true }));

const settings = (changes: Partial<ConnectionSettings> = {}): ConnectionSettings => ({
  host: 'docker41',
  proxyJump: [],
  knownHostsFiles: [],
  become: { enabled: false, user: 'root' },
  ...changes,
});

/** An `ssh` that prints `text` and counts its runs. */
function fakeSsh(text: string): { program: string; runs: () => number } {
  const program = join(home, 'ssh');
  writeFileSync(join(home, 'answers'), text);
  writeFileSync(program, `#!/bin/sh\necho "$*" >>"${home}/runs"\ncat "${home}/answers"\n`);
  chmodSync(program, 0o755);
  return { program, runs: () => readFileSync(join(home, 'runs'), 'utf8').split('\n').length - 1 };
}

function world(config?: string, sshProgram = '/nowhere/ssh', env: Record<string, string> = {}) {
  const file = join(home, '.ssh', 'config');
  if (config !== undefined) writeFileSync(file, config);
  return resolver({ home, user: 'me', env, configFiles: [file], sshProgram });
}

describe('defaults', () => {
  it('are those of ssh', async () => {
    expect(await world(undefined, undefined, { SSH_AUTH_SOCK: '/agent' })('docker41', settings())).toEqual({
      host: 'docker41',
      address: 'docker41',
      port: 22,
      user: 'me',
      agent: '/agent',
      identities: ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => ({
        file: join(home, '.ssh', name),
        given: false,
      })),
      identitiesOnly: false,
      jumps: [],
      knownHosts: {
        userFiles: [join(home, '.ssh/known_hosts'), join(home, '.ssh/known_hosts2')],
        globalFiles: ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
        hash: false,
      },
      become: { enabled: false, user: 'root' },
    });
  });

  it('give way to the inventory', async () => {
    const route = await world()(
      'docker41',
      settings({ port: 2222, user: 'ops', keyFile: '~/k', knownHostsFiles: ['~/kh'] }),
    );
    expect(route).toMatchObject({ port: 2222, user: 'ops', knownHosts: { userFiles: [join(home, 'kh')] } });
    expect(route.identities[0]).toEqual({ file: join(home, 'k'), given: true });
  });

  it.each(['', '-oProxyCommand=x', 'a b', 'a\nb'])('refuse %j as an address', async (host) => {
    await expect(world()('docker41', settings({ host }))).rejects.toMatchObject({ kind: 'config' });
  });
});

describe('ssh -G', () => {
  const answers = [
    'user ops',
    'hostname 192.168.199.41',
    'port 2200',
    'identitiesonly yes',
    'identityfile ~/.ssh/lab_%r',
    'identityagent none',
    'proxyjump jump@bastion:22,second',
    'userknownhostsfile ~/.ssh/lab_known_hosts "/a file"',
    'globalknownhostsfile /etc/ssh/all',
    'hostkeyalias Lab',
    'hashknownhosts yes',
    'connecttimeout 7',
    'serveraliveinterval 20',
    'serveralivecountmax 5',
    '',
  ].join('\n');

  it('answers what the inventory leaves open, once for each host', async () => {
    const ssh = fakeSsh(answers);
    const resolve = world('Host docker41\n  User ops\n', ssh.program, { SSH_AUTH_SOCK: '/agent' });
    const [route, again] = await Promise.all([resolve('docker41', settings()), resolve('docker41', settings())]);
    expect(again).toEqual(route);
    expect(ssh.runs()).toBe(1);
    expect(route).toEqual({
      host: 'docker41',
      address: '192.168.199.41',
      port: 2200,
      user: 'ops',
      identities: [{ file: join(home, '.ssh/lab_ops'), given: false }],
      identitiesOnly: true,
      jumps: ['jump@bastion:22', 'second'],
      knownHosts: {
        alias: 'Lab',
        userFiles: [join(home, '.ssh/lab_known_hosts'), '/a file'],
        globalFiles: ['/etc/ssh/all'],
        hash: true,
      },
      connectTimeoutMs: 7000,
      keepaliveIntervalMs: 20_000,
      keepaliveCount: 5,
      become: { enabled: false, user: 'root' },
    });
    expect(await resolve('docker41', settings({ user: 'root', port: 22 }))).toMatchObject({ user: 'root', port: 22 });
  });

  it('is told the inventory’s user and port, and the host after --', async () => {
    const ssh = fakeSsh(answers);
    await world('Port 1\n', ssh.program)('docker41', settings({ user: 'root', port: 24 }));
    expect(readFileSync(join(home, 'runs'), 'utf8')).toBe('-G -l root -p 24 -- docker41\n');
  });

  it('is not run where the inventory says everything', async () => {
    const complete = { host: '127.0.0.1', port: 22, user: 'ops', keyFile: '/k', knownHostsFiles: ['/kh'] };
    await expect(world('Port 1\n', '/bin/false')('docker41', settings(complete))).resolves.toMatchObject({
      user: 'ops',
    });
  });

  it('is done without where there is no ssh', async () => {
    await expect(world('Port 1\n')('docker41', settings())).resolves.toMatchObject({ port: 22 });
  });

  it('passes its error on', async () => {
    const program = join(home, 'ssh');
    writeFileSync(program, '#!/bin/sh\necho "config line 3: Bad configuration option: prot" >&2\nexit 255\n', {
      mode: 0o755,
    });
    await expect(world('Port 1\n', program)('docker41', settings())).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('line 3: Bad configuration option: prot'),
      advice: 'ssh -G docker41',
    });
  });

  it('makes a ProxyCommand a clear failure', async () => {
    const ssh = fakeSsh('proxycommand nc %h %p\n');
    await expect(world('Port 1\n', ssh.program)('docker41', settings())).rejects.toThrow('ProxyCommand');
  });

  it('takes none for nothing', () => {
    expect(parseSshAnswers('proxyjump none\nproxycommand none\nconnecttimeout none\nhostkeyalias none\n')).toEqual({
      identityFiles: [],
      identitiesOnly: false,
      hashKnownHosts: false,
      proxyJump: [],
      userKnownHostsFiles: [],
      globalKnownHostsFiles: [],
    });
  });
});

describe('a glance at the configuration', () => {
  const glance = async (text: string) => {
    writeFileSync(join(home, 'config'), text);
    return glanceAtConfig([join(home, 'none'), join(home, 'config')]);
  };

  it('finds that Debian’s defaults change nothing', async () => {
    const text = `# comment\nInclude ${home}/conf.d/*.conf\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n`;
    expect(await glance(text)).toEqual({ matters: false, hashKnownHosts: true });
    mkdirSync(join(home, 'conf.d'));
    writeFileSync(join(home, 'conf.d', 'a.conf'), '');
    expect((await glance(text)).matters).toBe(true);
  });

  it.each(['Host docker*\n', 'User ops\n', 'user=ops\n', 'Match all\n', 'Include other\n'])(
    'sees that %j matters',
    async (text) => {
      expect((await glance(text)).matters).toBe(true);
    },
  );
});

describe('jump hosts', () => {
  it.each([
    ['bastion', { host: 'bastion' }],
    ['ops@bastion:2222', { host: 'bastion', user: 'ops', port: 2222 }],
    ['[2001:db8::1]:22', { host: '2001:db8::1', port: 22 }],
    ['ops@2001:db8::1', { host: '2001:db8::1', user: 'ops' }],
    ['ssh://ops@bastion:22', { host: 'bastion', user: 'ops', port: 22 }],
    ['ops@realm@bastion', { host: 'bastion', user: 'ops@realm' }],
    ['', undefined],
    ['bastion:0', undefined],
    ['bastion:99999', undefined],
  ])('%s', (text, expected) => {
    expect(parseJump(text)).toEqual(expected);
  });
});
