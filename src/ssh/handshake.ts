import type { Duplex } from 'node:stream';
import ssh2, { type AnyAuthMethod, type Client } from 'ssh2';
import { algorithmsFor } from './algorithms.js';
import { login } from './auth.js';
import { deadline } from './deadline.js';
import {
  droppedEarly,
  failure,
  loginRefused,
  lostBeforeLogin,
  notSsh,
  phaseTimeout,
  protocolFailure,
} from './failures.js';
import type { HostKeyCheck } from './host-key.js';
import type { KeyStore } from './keys.js';
import type { Route } from './settings.js';
import { ConnectionFailure } from './types.js';

export interface HandshakeOptions {
  readonly hostKey: HostKeyCheck;
  readonly keys: KeyStore;
  /** Limit of each phase (handshake, login), in ms, without the time that a person takes to answer. */
  readonly timeoutMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCount: number;
  readonly signal?: AbortSignal | undefined;
}

/** Rejections of `shakeHands` that may be over a moment later. */
export class EarlyDrop extends Error {
  constructor(readonly failure: ConnectionFailure) {
    super(failure.message);
  }
}

/**
 * Speaks SSH over a stream that is already connected: key exchange, host key, login. Resolves with a client that can
 * open channels. Rejects with ConnectionFailure, or with EarlyDrop where the server hung up before the key exchange was
 * done, or while a person was being asked.
 */
export function shakeHands(stream: Duplex, route: Route, options: HandshakeOptions): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const clock = deadline();
    const steps = login(route, options.keys);
    let handshakeDone = false;
    let answering: Promise<unknown> | undefined;
    let serverAllows: readonly string[] = [];
    let over = false;
    let failed = false;
    /** The host key that this connection began with. */
    let accepted: Buffer | undefined;
    let opening = '';
    const listen = (chunk: Buffer): void => {
      opening += chunk.toString('latin1', 0, 64);
      if (opening.length >= 64 || over) stream.removeListener('data', listen);
    };

    const finish = (): boolean => {
      if (over) return false;
      over = true;
      clock.stop();
      options.signal?.removeEventListener('abort', stopped);
      client.removeListener('ready', ready);
      client.removeListener('close', closed);
      return true;
    };
    const fail = (error: Error): void => {
      if (!finish()) return;
      failed = true;
      client.end();
      stream.destroy();
      reject(error);
    };
    const stopped = (): void =>
      fail(new ConnectionFailure(route.host, 'lost', `${route.host}: stopped while connecting`));
    const ready = (): void => {
      if (finish()) resolve(client);
    };
    const closed = (): void => dropped();
    const dropped = (reason?: string): void => {
      if (over) return;
      if (answering) {
        // The server's grace time ended while a person was thinking: a new connection will find the answer recorded.
        // A refusal that comes with the answer goes first.
        clock.stop();
        const drop = new EarlyDrop(lostBeforeLogin(route, steps.tried, reason));
        void answering.then(() => setImmediate(fail, drop));
      } else if (!handshakeDone && speaksOtherwise(opening)) fail(notSsh(route));
      else if (!handshakeDone) fail(new EarlyDrop(droppedEarly(route)));
      else fail(lostBeforeLogin(route, steps.tried, reason));
    };
    const asking = <T>(answer: Promise<T>): Promise<T> => {
      const settled = answer.then(
        () => undefined,
        () => undefined,
      );
      answering = settled;
      void settled.then(() => {
        if (answering === settled) answering = undefined;
      });
      return clock.during(answer);
    };

    client.once('ready', ready);
    client.once('close', closed);
    client.once('handshake', () => {
      handshakeDone = true;
      clock.start(options.timeoutMs, () => fail(phaseTimeout(route, 'auth', options.timeoutMs)));
    });
    // ssh2 also emits errors after the connection is up; the stream's end tells then, and an error must have a listener.
    client.on('error', (error: Error & { level?: string }) => {
      if (over || error.level === 'agent') return;
      if (error.level === 'client-authentication') return;
      if (error.level === 'client-socket' || /Connection lost before handshake/.test(error.message))
        dropped(error.message);
      else if (handshakeDone) dropped(error.message);
      else fail(protocolFailure(route, error));
    });
    options.signal?.addEventListener('abort', stopped, { once: true });
    if (options.signal?.aborted) return stopped();

    const nextMethod = async (allowed: readonly string[] | null): Promise<AnyAuthMethod | undefined> => {
      if (allowed) serverAllows = allowed;
      const step = await asking(steps.next(allowed));
      if (step instanceof ConnectionFailure) fail(step);
      else if (step === undefined) fail(loginRefused(route, steps.tried, steps.passedOver, serverAllows));
      else return step;
      return undefined;
    };
    clock.start(options.timeoutMs, () => fail(phaseTimeout(route, 'handshake', options.timeoutMs)));
    client.connect({
      sock: stream,
      username: route.user,
      ident: 'mesh',
      readyTimeout: 0,
      keepaliveInterval: options.keepaliveIntervalMs,
      keepaliveCountMax: options.keepaliveCount,
      algorithms: algorithmsFor(options.hostKey.types),
      hostVerifier: (key: Buffer, accept: (valid: boolean) => void) => {
        // sshd asks for a new key exchange after an hour or a gigabyte (RekeyLimit, sshd_config(5)): the same key is no news.
        if (accepted?.equals(key)) return accept(true);
        options.hostKey.verify(key, asking).then(
          (refusal) => {
            if (failed) return;
            if (!refusal && accepted === undefined) {
              accepted = key;
              accept(true);
            } else if (!over) fail(refusal ?? changedMidway(route));
            else client.destroy();
          },
          (error: unknown) => fail(unexpected(route, error)),
        );
      },
      authHandler: (allowed: readonly string[] | null, _partial, use) => {
        nextMethod(allowed).then(
          (method) => {
            if (method && !over) use(method);
          },
          (error: unknown) => fail(unexpected(route, error)),
        );
      },
    });
    // ssh2 has paused the stream by now and reads it first.
    stream.on('data', listen);
  });
}

/** sshd says why it hangs up before it names itself (`Exceeded MaxStartups`); other servers talk in other ways. */
function speaksOtherwise(opening: string): boolean {
  return opening !== '' && !/^SSH-|^Exceeded MaxStartups|^Not allowed at this time/.test(opening);
}

function changedMidway(route: Route): ConnectionFailure {
  return failure(route.host, 'host-key', `${route.host}: its host key changed while the connection was being made`);
}

function unexpected(route: Route, error: unknown): ConnectionFailure {
  const message = error instanceof Error ? error.message : String(error);
  return failure(route.host, 'config', `${route.host}: ${message}`);
}
