import { finished } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client, ClientChannel } from 'ssh2';
import { type PasswordTrials, type PasswordUse, passwordMissing, type SudoPassword } from './become.js';
import { NoChannel, onChannel, runChannel } from './channel.js';
import { failure } from './failures.js';
import type { Route } from './settings.js';
import { slots } from './slots.js';
import { type Connection, ConnectionFailure, type ExecOptions, type Outcome } from './types.js';
import { uploadFile } from './upload.js';
import { SCRIPT_COMMAND, wire, wrapScript } from './wire.js';

/** sshd's MaxSessions is 10; two are left to others that share the connection's server process. */
const CHANNELS = 8;

/** How often a channel is asked for again: while others are open, and where there is none whose end could make room. */
const REFUSALS = 20;
const REFUSALS_ALONE = 4;
const REFUSAL_PAUSE_MS = 50;

export interface Sudo {
  readonly trials: PasswordTrials;
  readonly password?: SudoPassword | undefined;
}

/** A logged-in client as a Connection. `release` runs once, when the connection is gone. */
export function openConnection(client: Client, route: Route, sudo: Sudo, release: () => void): Connection {
  const { host, user, become } = route;
  const places = slots(CHANNELS);
  let channels = 0;
  let gone = false;
  let refused: ConnectionFailure | undefined;
  client.setMaxListeners(0);
  const closed = new Promise<void>((resolve) => {
    client.once('close', () => {
      gone = true;
      release();
      resolve();
    });
  });
  const needsSudo = become.enabled && become.user !== user;

  /**
   * Waits for a place; where the server allows fewer channels than expected, waits for one of those that are open. sshd
   * frees a session a moment after its channel was closed: the first refusals may be over then.
   */
  const inChannel = async <T>(line: string, run: (channel: ClientChannel) => Promise<T>): Promise<T> => {
    for (let refusals = 0; ; refusals++) {
      const giveBack = await places.take();
      try {
        return await onChannel(client, line, (channel) => {
          channels++;
          return run(channel);
        });
      } catch (error) {
        const others = refusals > 0 && places.shrink();
        const again = error instanceof NoChannel && error.refused && !gone;
        if (!again || refusals >= (others ? REFUSALS : REFUSALS_ALONE)) throw error;
      } finally {
        giveBack();
      }
      await pause(REFUSAL_PAUSE_MS * 2 ** Math.min(refusals, 5));
    }
  };

  const password = async (): Promise<PasswordUse | ConnectionFailure> =>
    sudo.password ? sudo.trials.begin(host, sudo.password) : passwordMissing(host, user);

  const exec = async (command: string, options: ExecOptions = {}): Promise<Outcome> => {
    const privileged = needsSudo && options.privileged !== false;
    if (privileged && refused) throw refused;
    if (gone) return lost('the connection was closed before the command was sent');
    if (options.signal?.aborted && !options.holdStdin) return lost('it was stopped from here');
    const script = options.script;
    const line = wire(script === undefined ? command : SCRIPT_COMMAND, privileged ? become.user : undefined);
    const { stdin } = options;
    const work = {
      host,
      user,
      wire: line,
      stdin: script === undefined ? stdin : Buffer.from(wrapScript(script)),
      stdinFailed: stdin === undefined || Buffer.isBuffer(stdin) ? undefined : brokenInput(stdin),
      holdStdin: options.holdStdin === true && script === undefined,
      onStdout: options.onStdout,
      onStderr: options.onStderr,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      password,
    };
    try {
      return await inChannel(line.line, (channel) => runChannel(client, channel, work));
    } catch (error) {
      if (error instanceof NoChannel) {
        if (error.refused && !gone) throw noSession(route, error);
        return lost(error.message);
      }
      if (error instanceof ConnectionFailure && error.kind === 'sudo') refused = error;
      throw error;
    }
  };

  return {
    host,
    peer: peerName(route),
    get channels() {
      return channels;
    },
    exec,
    upload: (content, path, options = {}) => uploadFile({ host, exec }, content, path, options.mode ?? 0o644),
    closed,
    async close() {
      if (gone) return;
      client.end();
      // A server that does not answer the goodbye must not hold the program.
      const limit = setTimeout(() => client.destroy(), 1000);
      await closed;
      clearTimeout(limit);
    },
  };
}

export function peerName({ user, address, port }: Route): string {
  return `${user}@${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function brokenInput(stream: NodeJS.ReadableStream): Promise<Error> {
  return new Promise((resolve) => {
    finished(stream, { writable: false }, (error) => {
      if (error) resolve(error);
    });
  });
}

function lost(reason: string): Outcome {
  return { kind: 'lost', reason, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
}

function noSession(route: Route, error: Error): ConnectionFailure {
  return failure(
    route.host,
    'config',
    `${route.host}: sshd lets ${route.user} log in but run nothing: ${error.message}`,
    'check MaxSessions and ForceCommand in its sshd_config',
  );
}
