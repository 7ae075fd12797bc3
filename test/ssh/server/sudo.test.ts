import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Connection as ConnectionSettings, Secret } from '../../../src/inventory/types.js';
import type { Transport } from '../../../src/ssh/types.js';
import { answers, transport } from '../answers.js';
import { hasSshd, type Sshd, startSshd } from '../sshd.js';

/** Behaves as sudo does without a terminal: `mode` says how; what it reads as a password goes to a log. */
const FAKE_SUDO = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -p) prompt=$2; shift 2 ;;
    -u) user=$2; shift 2 ;;
    --) shift; break ;;
    *) shift ;;
  esac
done
echo "$user" >>"$HOME/users"
case $(cat "$HOME/mode") in
  nopasswd) exec "$@" ;;
  tty) echo 'sudo: a terminal is required to read the password; either use the -S option' >&2; exit 1 ;;
esac
echo 'We trust you have received the usual lecture.' >&2
for try in 1 2 3; do
  printf %s "$prompt" >&2
  IFS= read -r password || { echo 'sudo: no password was provided' >&2; exit 1; }
  printf '%s\\n' "$password" >>"$HOME/log"
  case $(cat "$HOME/mode"):$password in
    sudoers:*) echo 'ops is not in the sudoers file.' >&2; exit 1 ;;
    once:wrong) echo 'sudo: 1 incorrect password attempt' >&2; exit 1 ;;
    *:right*) exec "$@" ;;
  esac
  echo 'Sorry, try again.' >&2
done
exit 1
`;

const secret = (value: string): Secret => ({ secret: true, origin: '$BECOME_PASSWORD', reveal: async () => value });

describe.skipIf(!hasSshd)('sudo', () => {
  const running: Sshd[] = [];
  let ssh: Transport;
  beforeEach(() => {
    ssh = transport();
  });
  afterEach(async () => {
    await ssh.close();
    await Promise.all(running.splice(0).map((sshd) => sshd.stop()));
  });

  async function start(mode: string): Promise<Sshd> {
    const sshd = await startSshd();
    const bin = join(sshd.folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'sudo'), FAKE_SUDO);
    chmodSync(join(bin, 'sudo'), 0o755);
    writeFileSync(join(sshd.folder, '.bashrc'), `PATH=${bin}:/usr/bin:/bin\n`);
    writeFileSync(join(sshd.folder, 'mode'), mode);
    running.push(sshd);
    return sshd;
  }
  const settings = (sshd: Sshd, password?: string): ConnectionSettings =>
    sshd.settings({ become: { enabled: true, user: 'operator', ...(password && { password: secret(password) }) } });
  const log = (sshd: Sshd): string =>
    existsSync(join(sshd.folder, 'log')) ? readFileSync(join(sshd.folder, 'log'), 'utf8') : '';

  it('sends no password where none is asked for, and then the script', async () => {
    const sshd = await start('nopasswd');
    const host = await ssh.connect('docker41', settings(sshd, 'right'));
    const outcome = await host.exec('', { script: 'echo ran; cat' });
    expect(outcome).toMatchObject({ kind: 'exited', code: 0 });
    expect(outcome.stdout.toString()).toBe('ran\n');
    expect((await host.exec('cat', { stdin: Buffer.from('input') })).stdout.toString()).toBe('input');
    expect(host.channels).toBe(2);
    expect(readFileSync(join(sshd.folder, 'users'), 'utf8')).toBe('operator\noperator\n');
  });

  it('answers the prompt, and keeps prompt and lecture out of the output', async () => {
    const sshd = await start('password');
    const host = await ssh.connect('docker41', settings(sshd, 'right one'));
    const outcome = await host.exec('', { script: 'echo out; echo err >&2; cat; exit 4' });
    expect(outcome).toMatchObject({ kind: 'exited', code: 4 });
    expect(outcome.stdout.toString()).toBe('out\n');
    expect(outcome.stderr.toString()).toBe('err\n');
    expect(log(sshd)).toBe('right one\n');
    const content = Buffer.from('right? no: content\n');
    await host.upload(content, join(sshd.folder, 'file'));
    expect(readFileSync(join(sshd.folder, 'file'))).toEqual(content);
  });

  it('does not use sudo for what needs no privilege', async () => {
    const sshd = await start('tty');
    const host = await ssh.connect('docker41', settings(sshd));
    expect(await host.exec('true', { privileged: false })).toMatchObject({ kind: 'exited', code: 0 });
    expect(existsSync(join(sshd.folder, 'users'))).toBe(false);
  });

  it('tries a wrong password on one host only, and never shows it', async () => {
    const sshds = await Promise.all([start('password'), start('password'), start('once')]);
    const hosts = await Promise.all(sshds.map((sshd, i) => ssh.connect(`h${i}`, settings(sshd, 'wrong'))));
    const failures = await Promise.all(hosts.map((host) => host.exec('true').catch((error: unknown) => error)));
    expect(sshds.map(log).join('')).toBe('wrong\n');
    const messages = failures.map(String);
    expect(
      messages.filter((message) => message.includes('does not take the password from $BECOME_PASSWORD')),
    ).toHaveLength(1);
    expect(messages.filter((message) => /rejected on h\d and so not tried here/.test(message))).toHaveLength(2);
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'sudo' });
    expect(JSON.stringify(failures) + messages.join('')).not.toContain('wrong');
    await expect(hosts[0]?.exec('true')).rejects.toMatchObject({ kind: 'sudo' });
    expect(sshds.map(log).join('')).toBe('wrong\n');
  });

  it('sees a rejection where sudo gives only one try', async () => {
    const sshd = await start('once');
    const host = await ssh.connect('docker41', settings(sshd, 'wrong'));
    await expect(host.exec('true')).rejects.toThrow('does not take the password');
  });

  it('lets all hosts go on once one has proved the password', async () => {
    const sshds = await Promise.all([1, 2, 3].map(() => start('password')));
    const hosts = await Promise.all(sshds.map((sshd, i) => ssh.connect(`h${i}`, settings(sshd, 'right'))));
    const outcomes = await Promise.all(hosts.map((host) => host.exec('echo ok')));
    expect(outcomes.map((outcome) => outcome.stdout.toString())).toEqual(['ok\n', 'ok\n', 'ok\n']);
  });

  it.each([
    ['tty', 'insists on a terminal', '!requiretty'],
    ['sudoers', 'does not let', 'sudoers.d'],
  ])('explains %s', async (mode, message, advice) => {
    const sshd = await start(mode);
    const host = await ssh.connect('docker41', settings(sshd, 'right'));
    const failed = host.exec('true');
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toMatchObject({ kind: 'sudo', advice: expect.stringContaining(advice) });
  });

  it('explains a missing sudo and a missing password', async () => {
    const sshd = await start('password');
    const host = await ssh.connect('docker41', settings(sshd));
    await expect(host.exec('true')).rejects.toMatchObject({
      kind: 'sudo',
      advice: expect.stringContaining('--ask-become-pass'),
    });
    const bare = await start('password');
    writeFileSync(
      join(bare.folder, '.bashrc'),
      `mkdir -p ${bare.folder}/no; ln -sf /usr/bin/env ${bare.folder}/no/; PATH=${bare.folder}/no\n`,
    );
    const other = await ssh.connect('docker42', settings(bare));
    await expect(other.exec('true')).rejects.toThrow('docker42: there is no sudo on the host');
  });

  it('asks once for the password of all hosts', async () => {
    const sshds = await Promise.all([start('password'), start('password')]);
    const questions = answers({ secret: 'right' });
    const asking = transport({ questions, askBecomePass: true });
    const hosts = await Promise.all(sshds.map((sshd, i) => asking.connect(`h${i}`, settings(sshd))));
    for (const host of hosts) expect(await host.exec('true')).toMatchObject({ code: 0 });
    expect(questions.asked.secrets).toHaveLength(1);
    await asking.close();
  });
});

describe.skipIf(!hasSshd)('login shells that talk', () => {
  it('drops what start-up files print, on both streams', async () => {
    const sshd = await startSshd();
    writeFileSync(join(sshd.folder, '.bashrc'), 'echo Welcome; printf "no newline"; echo warning >&2\n');
    const ssh = transport();
    const host = await ssh.connect('docker41', sshd.settings());
    const outcome = await host.exec('echo out; echo err >&2');
    expect(outcome.stdout.toString()).toBe('out\n');
    expect(outcome.stderr.toString()).toBe('err\n');
    await ssh.close();
    await sshd.stop();
  });

  it('does not take an account without a shell for a command that worked', async () => {
    const sshd = await startSshd(['ForceCommand echo This account is closed']);
    const ssh = transport();
    const host = await ssh.connect('docker41', sshd.settings());
    await expect(host.exec('true')).rejects.toThrow(/without running the command: This account is closed/);
    await ssh.close();
    await sshd.stop();
  });
});
