import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Connection as ConnectionSettings } from '../../src/inventory/types.js';

const PROGRAM = '/usr/sbin/sshd';

/** Real sshd processes need the program and, as root, the folder that it confines itself to. */
export const hasSshd = existsSync(PROGRAM);

export interface Sshd {
  readonly port: number;
  readonly folder: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly hostKeyLine: string;
  /** Settings that reach this sshd as the user who runs the test. */
  settings(changes?: Partial<ConnectionSettings>): ConnectionSettings;
  stop(): Promise<void>;
}

/** A throw-away sshd on a loopback port with a key pair of its own; `lines` are added to its configuration. */
export async function startSshd(lines: readonly string[] = []): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-sshd-'));
  const file = (name: string): string => join(folder, name);
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host', 'key']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)]);
  }
  writeFileSync(file('authorized'), readFileSync(file('key.pub')), { mode: 0o600 });
  const port = await freePort();
  const hostKeyLine = `[127.0.0.1]:${port} ${readFileSync(file('host.pub'), 'utf8').trim()}`;
  writeFileSync(file('known_hosts'), `${hostKeyLine}\n`);
  writeFileSync(
    file('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host')}`,
      `AuthorizedKeysFile ${file('authorized')}`,
      `PidFile ${file('pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin yes',
      // The start-up files of whoever runs the tests must not matter; a test may put its own there.
      `SetEnv HOME=${folder}`,
      ...lines,
      '',
    ].join('\n'),
  );
  const child = spawn(PROGRAM, ['-D', '-e', '-f', file('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      log.push(line);
      if (line.includes('listening on')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd did not start: ${log.join(' / ')}`)));
  });
  return {
    port,
    folder,
    keyFile: file('key'),
    knownHostsFile: file('known_hosts'),
    hostKeyLine,
    settings: (changes = {}) => ({
      host: '127.0.0.1',
      port,
      user: userInfo().username,
      keyFile: file('key'),
      proxyJump: [],
      knownHostsFiles: [file('known_hosts')],
      become: { enabled: false, user: 'root' },
      ...changes,
    }),
    async stop() {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
