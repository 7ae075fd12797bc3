import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Transport } from '../../../src/ssh/types.js';
import { answers, plainResolver, transport } from '../answers.js';
import { hasSshd, type Sshd, startSshd } from '../sshd.js';

describe.skipIf(!hasSshd)('keys', () => {
  let sshd: Sshd;
  const transports: Transport[] = [];
  const agents: number[] = [];
  beforeAll(async () => {
    sshd = await startSshd(['MaxAuthTries 3']);
  });
  afterEach(async () => {
    await Promise.all(transports.splice(0).map((one) => one.close()));
    for (const pid of agents.splice(0)) process.kill(pid);
  });
  afterAll(() => sshd.stop());

  const keep = (one: Transport): Transport => {
    transports.push(one);
    return one;
  };
  const newKey = (name: string, passphrase = ''): string => {
    const file = join(sshd.folder, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', name, '-f', file]);
    return file;
  };
  const agentWith = (...files: string[]): string => {
    const socket = join(sshd.folder, `agent-${transports.length}-${Math.random().toString(36).slice(2)}`);
    const { stdout } = spawnSync('ssh-agent', ['-s', '-a', socket], { encoding: 'utf8' });
    agents.push(Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]));
    for (const file of files) execFileSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    return socket;
  };
  /** As the inventory leaves the key open. */
  const open = () => {
    const { keyFile: _, ...rest } = sshd.settings();
    return rest;
  };

  it('come from the agent', async () => {
    const agent = agentWith(sshd.keyFile);
    await keep(transport({}, plainResolver({ agent, home: '/nowhere' }))).connect('docker41', open());
  });

  it('the named one goes before the others of an agent that has too many', async () => {
    const others = ['o1', 'o2', 'o3', 'o4'].map((name) => newKey(name));
    const agent = agentWith(...others, sshd.keyFile);
    const resolve = plainResolver({ agent, home: '/nowhere' });
    await keep(transport({}, resolve)).connect('docker41', sshd.settings());
    const failed = keep(transport({}, resolve)).connect('docker41', open());
    await expect(failed).rejects.toMatchObject({ kind: 'auth', advice: expect.stringContaining('IdentitiesOnly') });
    await expect(failed).rejects.toThrow(/too many tries as .*: agent key o1, agent key o2/);
  });

  it('an agent that is gone is passed over and named', async () => {
    const resolve = plainResolver({ agent: join(sshd.folder, 'gone'), home: '/nowhere' });
    await keep(transport({}, resolve)).connect('docker41', sshd.settings());
    await expect(keep(transport({}, resolve)).connect('docker41', open())).rejects.toThrow(
      /not usable: the agent at .*gone/,
    );
  });

  it('encrypted ones are opened with a passphrase that is asked for once', async () => {
    const file = newKey('encrypted', 'open sesame');
    copyFileSync(join(sshd.folder, 'authorized'), join(sshd.folder, 'kept'));
    writeFileSync(
      join(sshd.folder, 'authorized'),
      readFileSync(join(sshd.folder, 'kept'), 'utf8') + readFileSync(`${file}.pub`, 'utf8'),
    );
    const questions = answers({ secret: 'open sesame' });
    const ssh = keep(transport({ questions }));
    await Promise.all(['a', 'b', 'c'].map((host) => ssh.connect(host, sshd.settings({ keyFile: file }))));
    expect(questions.asked.secrets).toEqual([`Passphrase of the key ${file}`]);
    const nobody = keep(transport()).connect('docker41', sshd.settings({ keyFile: file }));
    await expect(nobody).rejects.toThrow('is encrypted and there is nobody to ask');
    const wrong = answers({ secret: 'wrong-one' });
    const failed = keep(transport({ questions: wrong })).connect('docker41', sshd.settings({ keyFile: file }));
    await expect(failed).rejects.toThrow('the passphrase given does not open it');
    expect(wrong.asked.secrets).toHaveLength(3);
    expect(String(await failed.catch(String))).not.toContain('wrong-one');
  });

  it('a public key in place of the private one is named', async () => {
    const failed = keep(transport()).connect('docker41', sshd.settings({ keyFile: `${sshd.keyFile}.pub` }));
    await expect(failed).rejects.toThrow('is a public key');
  });
});

describe.skipIf(!hasSshd)('the end', () => {
  it('leaves no socket behind', async () => {
    const sshd = await startSshd();
    const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = sockets();
    const ssh = transport();
    const host = await ssh.connect('docker41', sshd.settings());
    await host.exec('true');
    await ssh.close();
    await host.closed;
    expect(sockets()).toBe(before);
    await expect(ssh.connect('docker41', sshd.settings())).rejects.toMatchObject({ kind: 'lost' });
    await sshd.stop();
  });
});
