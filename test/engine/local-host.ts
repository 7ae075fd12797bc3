import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, ExecOptions, Outcome } from '../../src/ssh/types.js';

/** The text of a script over folders under `home`: the real ones belong to root and to hosts. */
export function underHome(text: string, home: string): string {
  return text
    .replaceAll('/var/lib/mesh', join(home, 'state'))
    .replaceAll('/run/mesh', join(home, 'run'))
    .replaceAll('/run/systemd/system', join(home, 'no-systemd'));
}

export interface LocalConnection extends Connection {
  /** Breaks as a connection does whose laptop was suspended: what runs on it ends, what is detached goes on. */
  cut(): void;
}

/**
 * A connection to a host that is a folder of this machine: its scripts run in the real `sh`, as processes of the test's
 * own, with mesh's folders under `home`.
 */
export function connectLocal(host: string, home: string): LocalConnection {
  if (!existsSync(join(home, 'run'))) mkdirSync(join(home, 'run'), { recursive: true });
  mkdirSync(join(home, 'state'), { recursive: true });
  const cuts = new Set<() => void>();
  let gone = false;
  let channels = 0;
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const exec = async (command: string, options: ExecOptions = {}): Promise<Outcome> => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const collected = () => ({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    if (gone) return { kind: 'lost', reason: 'the connection was cut', ...collected() };
    channels += 1;
    // exec: the process that is killed is the command itself, not a shell around it.
    const text = options.script === undefined ? `exec ${command}` : options.script;
    const child = spawn('sh', ['-c', underHome(text, home)], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdout.on('data', (piece: Buffer) => (options.onStdout ? options.onStdout(piece) : stdout.push(piece)));
    child.stderr.on('data', (piece: Buffer) => (options.onStderr ? options.onStderr(piece) : stderr.push(piece)));
    if (!options.holdStdin) child.stdin.end();
    const end = () => child.stdin.end();
    options.signal?.addEventListener('abort', end, { once: true });
    if (options.signal?.aborted) end();
    return new Promise((resolve) => {
      const cut = () => {
        child.removeAllListeners('close');
        child.on('close', () => resolve({ kind: 'lost', reason: 'the connection was cut', ...collected() }));
        child.stdout.removeAllListeners('data');
        child.stdin.destroy();
        child.kill('SIGKILL');
      };
      cuts.add(cut);
      child.on('close', (code) => {
        cuts.delete(cut);
        resolve({ kind: 'exited', code: code ?? 255, ...collected() });
      });
    });
  };
  const cut = () => {
    gone = true;
    for (const one of cuts) one();
    close();
  };
  return {
    host,
    peer: `root@${host}`,
    get channels() {
      return channels;
    },
    exec,
    upload: () => Promise.reject(new Error('this host takes no files')),
    closed,
    close: async () => cut(),
    cut,
  };
}
