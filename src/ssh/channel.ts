import type { Client, ClientChannel } from 'ssh2';
import { type PasswordUse, sudoRefusal } from './become.js';
import { failure } from './failures.js';
import { markerSearch } from './start-marker.js';
import { ConnectionFailure, type Outcome } from './types.js';
import type { Wire } from './wire.js';

/** The server would not open another channel; `refused` says that it is there and answers. */
export class NoChannel extends Error {
  constructor(
    readonly refused: boolean,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Opens a channel, starts one line of the login shell in it and hands it to `run` within the same tick: all that a fast
 * command does may come in the packet that opened the channel, and 'exit' is emitted once. Rejects with NoChannel, or as
 * `run` does.
 */
export function onChannel<T>(client: Client, line: string, run: (channel: ClientChannel) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      client.exec(line, (error: (Error & { reason?: unknown }) | undefined, channel) => {
        if (!error) resolve(run(channel));
        // A refused channel has the server's reason; a refused command has ssh2's sentence.
        else reject(new NoChannel(error.reason !== undefined || error.message === 'Unable to exec', error.message));
      });
    } catch (error) {
      reject(new NoChannel(false, error instanceof Error ? error.message : String(error)));
    }
  });
}

export interface ChannelWork {
  readonly host: string;
  readonly user: string;
  readonly wire: Wire;
  readonly stdin?: Buffer | NodeJS.ReadableStream | undefined;
  /** Resolves if the stream `stdin` breaks, which may be before there is a channel. */
  readonly stdinFailed?: Promise<Error> | undefined;
  readonly holdStdin: boolean;
  readonly onStdout?: ((chunk: Buffer) => unknown) | undefined;
  readonly onStderr?: ((chunk: Buffer) => void) | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asked for when sudo prompts. */
  readonly password: () => Promise<PasswordUse | ConnectionFailure>;
}

/** Runs what has been started on a channel to its end; see `Connection.exec` for what it promises. */
export function runChannel(client: Client, channel: ClientChannel, work: ChannelWork): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { host, wire } = work;
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const out = markerSearch(wire.marker);
    const err = markerSearch(wire.marker);
    let exit: { readonly code: number } | { readonly signal: string } | undefined;
    let use: PasswordUse | undefined;
    let prompts = 0;
    let settled = false;
    let fed = false;

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      work.signal?.removeEventListener('abort', aborted);
      client.removeListener('close', gone);
      use?.undecided();
      stopFeeding();
      return true;
    };
    const collected = (): { stdout: Buffer; stderr: Buffer } => ({
      stdout: Buffer.concat(stdout),
      stderr: Buffer.concat(stderr),
    });
    const kill = (): void => {
      channel.signal('TERM');
      channel.close();
    };
    const fail = (error: ConnectionFailure): void => {
      if (!settle()) return;
      kill();
      reject(error);
    };
    const lost = (reason: string): void => {
      if (settle()) resolve({ kind: 'lost', reason, ...collected() });
    };
    const timer =
      work.timeoutMs === undefined
        ? undefined
        : setTimeout(() => fail(tooLong(host, work.timeoutMs ?? 0)), work.timeoutMs);
    const aborted = (): void => {
      if (work.holdStdin) {
        channel.end();
        return;
      }
      lost('it was stopped from here');
      kill();
    };

    const stopFeeding = (): void => {
      if (work.stdin && !Buffer.isBuffer(work.stdin)) work.stdin.unpipe(channel);
    };
    const feed = (): void => {
      if (fed || settled) return;
      fed = true;
      if (work.stdin === undefined) {
        if (!work.holdStdin) channel.end();
      } else if (Buffer.isBuffer(work.stdin)) {
        if (work.holdStdin) channel.write(work.stdin);
        else channel.end(work.stdin);
      } else {
        work.stdin.pipe(channel, { end: !work.holdStdin });
      }
      if (work.holdStdin && work.signal?.aborted) channel.end();
    };

    const sudoPrompt = (): void => {
      const text = err.preamble.toString('latin1');
      const seen = wire.prompt === undefined ? 0 : text.split(wire.prompt).length - 1;
      if (seen <= prompts) return;
      prompts = seen;
      if (use) {
        const refusal = use.rejected();
        fail(refusal);
        return;
      }
      work.password().then(
        (answer) => {
          if (answer instanceof ConnectionFailure) fail(answer);
          else if (settled) answer.undecided();
          else {
            use = answer;
            channel.write(`${answer.password}\n`);
          }
        },
        (error: unknown) =>
          fail(failure(host, 'sudo', `${host}: ${error instanceof Error ? error.message : String(error)}`)),
      );
    };

    channel.on('data', (chunk: Buffer) => {
      const began = out.found;
      const rest = out.feed(chunk);
      if (rest === undefined || settled) return;
      if (!began) {
        use?.proved();
        if (wire.prompt !== undefined) feed();
      }
      if (rest.length === 0) return;
      if (work.onStdout) holdBack(channel, work.onStdout(rest));
      else stdout.push(rest);
    });
    channel.stderr.on('data', (chunk: Buffer) => {
      const rest = err.feed(chunk);
      if (settled) return;
      if (rest === undefined) {
        if (wire.prompt !== undefined && !out.found) sudoPrompt();
      } else if (rest.length > 0) {
        if (work.onStderr) work.onStderr(rest);
        else stderr.push(rest);
      }
    });
    channel.on('exit', (code: number | null, signal?: string) => {
      exit = code === null ? { signal: signal ?? 'unknown' } : { code };
    });
    // A write to a channel that the other side has closed; how the command ended comes with 'close'.
    channel.on('error', () => undefined);

    const closed = (): void => {
      if (exit === undefined) {
        lost('the connection broke before the command had ended');
        return;
      }
      const code = 'code' in exit ? exit.code : undefined;
      if (!out.found) {
        const said = err.preamble.toString('utf8').replaceAll(wire.prompt ?? wire.marker, '');
        if (wire.prompt === undefined) fail(noShell(host, work.user, code, said || out.preamble.toString('utf8')));
        else if (use && !/sudoers|not allowed|may not run|\btty\b|terminal/i.test(said)) fail(use.rejected());
        else fail(sudoRefusal(host, work.user, said, code));
        return;
      }
      if (!settle()) return;
      if ('code' in exit) resolve({ kind: 'exited', code: exit.code, ...collected() });
      else resolve({ kind: 'signalled', signal: exit.signal, ...collected() });
    };
    channel.on('close', closed);
    // The channel's own end, with data that is still on its way to us, goes first.
    const gone = (): void => void setImmediate(closed);
    client.once('close', gone);

    void work.stdinFailed?.then((error) => {
      if (settled) return;
      lost(`what was to be sent could not be read: ${error.message}`);
      kill();
    });
    if (work.signal?.aborted) aborted();
    else work.signal?.addEventListener('abort', aborted, { once: true });
    // Under sudo, input that comes too early could be taken for the password.
    if (wire.prompt === undefined) feed();
  });
}

/** Reads no more from a channel until `taken` has settled: then the host's own writes wait as well. */
function holdBack(channel: ClientChannel, taken: unknown): void {
  if (!(taken instanceof Promise)) return;
  const goOn = (): void => void channel.resume();
  channel.pause();
  taken.then(goOn, goOn);
}

function tooLong(host: string, ms: number): ConnectionFailure {
  return failure(
    host,
    'timeout',
    `${host}: a command did not end within ${Number((ms / 1000).toFixed(1))} s and was given up`,
    'it may still run on the host; look there with ps',
  );
}

function noShell(host: string, user: string, code: number | undefined, said: string): ConnectionFailure {
  const line = said
    .split('\n')
    .map((text) => text.trim())
    .find(Boolean);
  return failure(
    host,
    'config',
    `${host}: the login shell of ${user} ended (${code === undefined ? 'by a signal' : `exit ${code}`}) without running the command${line ? `: ${line}` : ''}`,
    `check the shell of ${user} on the host (getent passwd ${user}), and for a ForceCommand in sshd_config`,
  );
}
