import { setMaxListeners } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Client } from 'ssh2';
import type { Connection as ConnectionSettings } from '../inventory/types.js';
import { passwordTrials, type SudoPassword } from './become.js';
import { openConnection, peerName } from './connection.js';
import { failure, forwardFailure, jumpFailure } from './failures.js';
import { EarlyDrop, shakeHands } from './handshake.js';
import { hostKeyCheck } from './host-key.js';
import { keyStore } from './keys.js';
import { parseJump, type Resolve, type Route, resolver } from './settings.js';
import { openSocket } from './socket.js';
import { interview } from './turns.js';
import { type Connection, ConnectionFailure, type Transport, type TransportOptions } from './types.js';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_INTERVAL_MS = 15_000;
const KEEPALIVE_COUNT = 3;
/** More starts than this at once get a little jitter: sshd begins to drop unauthenticated connections at ten. */
const CALM_STARTS = 8;

/**
 * Connections over ssh2. At most `forks` of them are being set up at a time; questions to the person come one at a time,
 * and the time they take does not count against `connectTimeoutMs` (default 10 s for each of: TCP, handshake, login).
 * A server that hangs up before the handshake is done (MaxStartups) is tried once more after a moment.
 */
export function createTransport(options: TransportOptions, resolve: Resolve = resolver()): Transport {
  const talk = interview(options.questions);
  const keys = keyStore(talk);
  const trials = passwordTrials();
  const starts = pLimit(Math.max(1, options.forks));
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  // Every host that is being connected listens.
  setMaxListeners(0, signal);
  const connections = new Set<Connection>();
  const bastions = new Map<string, Promise<Client>>();

  const logIn = async (route: Route, stream: () => Promise<Duplex>): Promise<Client> => {
    const hostKey = await hostKeyCheck(route, { acceptNew: options.acceptNew, interview: talk });
    if (hostKey instanceof ConnectionFailure) throw hostKey;
    return shakeHands(await stream(), route, {
      hostKey,
      keys,
      timeoutMs: timeoutOf(route),
      keepaliveIntervalMs: route.keepaliveIntervalMs ?? options.keepaliveIntervalMs ?? KEEPALIVE_INTERVAL_MS,
      keepaliveCount: route.keepaliveCount ?? KEEPALIVE_COUNT,
      signal,
    });
  };

  const timeoutOf = (route: Route): number => options.connectTimeoutMs ?? route.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;

  const persistently = async (route: Route, stream: () => Promise<Duplex>): Promise<Client> => {
    try {
      return await logIn(route, stream);
    } catch (error) {
      if (!(error instanceof EarlyDrop)) throw error;
      await pause(100 + Math.random() * 400, undefined, { signal });
      try {
        return await logIn(route, stream);
      } catch (again) {
        throw again instanceof EarlyDrop ? again.failure : again;
      }
    }
  };

  /** `trail` holds the jump hosts that are being connected for this one, so that a circle of them is seen. */
  const reach = async (route: Route, settings: ConnectionSettings, trail: readonly string[] = []): Promise<Client> => {
    const last = route.jumps.at(-1);
    if (last === undefined) return persistently(route, () => openSocket(route, timeoutOf(route), signal));
    const bastion = await bastionOf(route, last, settings, trail);
    return persistently(route, () => forward(bastion, route, last, timeoutOf(route)));
  };

  /** The connection to the last jump host of a route: one for all hosts that are reached in the same way. */
  const bastionOf = async (
    route: Route,
    jump: string,
    settings: ConnectionSettings,
    trail: readonly string[],
  ): Promise<Client> => {
    const key = JSON.stringify([route.jumps, settings.knownHostsFiles, settings.keyFile]);
    if (trail.includes(key)) {
      throw failure(
        route.host,
        'config',
        `${route.host}: the jump host ${jump} is to be reached through itself`,
        `ssh -G ${jump} shows its ProxyJump; give it "ProxyJump none" in ~/.ssh/config`,
      );
    }
    let bastion = bastions.get(key);
    if (!bastion) {
      const fresh = connectBastion(route, jump, settings, [...trail, key]);
      const forget = (): void => {
        if (bastions.get(key) === fresh) bastions.delete(key);
      };
      bastions.set(key, fresh);
      fresh.then((client) => client.once('close', forget), forget);
      bastion = fresh;
    }
    try {
      return await bastion;
    } catch (error) {
      throw error instanceof ConnectionFailure ? jumpFailure(route, jump, error) : error;
    }
  };

  const connectBastion = async (
    route: Route,
    text: string,
    settings: ConnectionSettings,
    trail: readonly string[],
  ): Promise<Client> => {
    const jump = parseJump(text);
    if (!jump) throw failure(route.host, 'config', `${route.host}: ${JSON.stringify(text)} is no jump host`);
    const own: ConnectionSettings = {
      ...jump,
      proxyJump: route.jumps.slice(0, -1),
      knownHostsFiles: settings.knownHostsFiles,
      become: { enabled: false, user: 'root' },
    };
    const found = await resolve(text, own);
    // The target's key is one more to try: a bastion and the hosts behind it often share one.
    const named =
      settings.keyFile === undefined ? [] : (await resolve(text, { ...own, keyFile: settings.keyFile })).identities;
    const shared = named.filter(({ given }) => given).map(({ file }) => ({ file, given: false }));
    const others = found.identities.filter(({ file }) => !shared.some((one) => one.file === file));
    const keyFile = settings.keyFile;
    const inherited = { ...own, ...(keyFile !== undefined && { keyFile }) };
    const client = await reach({ ...found, identities: [...others, ...shared] }, inherited, trail);
    client.setMaxListeners(0);
    return client;
  };

  /** A start counts against the limit only once its jump host is there: else those that wait for it could keep it out. */
  const start = async (route: Route, settings: ConnectionSettings): Promise<Client> => {
    const last = route.jumps.at(-1);
    if (last !== undefined) await bastionOf(route, last, settings, []);
    return starts(() => reach(route, settings));
  };

  const connect = async (host: string, settings: ConnectionSettings): Promise<Connection> => {
    const route = await resolve(host, settings);
    const password = await sudoPassword(route);
    if (starts.activeCount + starts.pendingCount >= CALM_STARTS) await pause(Math.random() * 60, undefined, { signal });
    const client = await start(route, settings);
    const connection: Connection = openConnection(client, route, { trials, password }, () =>
      connections.delete(connection),
    );
    connections.add(connection);
    return connection;
  };

  const sudoPassword = async (route: Route): Promise<SudoPassword | undefined> => {
    const { become, user } = route;
    if (!become.enabled || become.user === user) return undefined;
    const own = become.password;
    if (own) return { origin: own.origin, reveal: () => own.reveal() };
    if (!options.askBecomePass) return undefined;
    const answer = await talk.secret('sudo password');
    return answer === undefined ? undefined : { origin: 'the prompt', reveal: async () => answer };
  };

  return {
    async connect(host, settings) {
      try {
        signal.throwIfAborted();
        return await connect(host, settings);
      } catch (error) {
        if (error instanceof ConnectionFailure) throw error;
        if (signal.aborted) throw new ConnectionFailure(host, 'lost', `${host}: stopped while connecting`);
        const message = error instanceof Error ? error.message : String(error);
        throw failure(host, 'config', `${host}: ${message}`);
      }
    },
    async close() {
      stop.abort();
      await Promise.all([...connections].map((connection) => connection.close()));
      await Promise.all([...bastions.values()].map((bastion) => bastion.then(hangUp, () => undefined)));
    },
  };
}

function hangUp(client: Client): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      client.destroy();
      resolve();
    }, 1000);
    client.once('close', () => {
      clearTimeout(limit);
      resolve();
    });
    client.end();
  });
}

/** A stream to the route's address, opened by a jump host. Rejects with ConnectionFailure. */
function forward(bastion: Client, route: Route, jump: string, timeoutMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      reject(
        failure(
          route.host,
          'timeout',
          `${route.host}: ${jump} did not reach ${peerName(route)} within ${timeoutMs / 1000} s`,
        ),
      );
    }, timeoutMs);
    const done = (error: Error | undefined, channel?: Duplex): void => {
      clearTimeout(limit);
      if (channel) resolve(channel);
      else reject(forwardFailure(route, jump, error ?? new Error('no channel')));
    };
    try {
      bastion.forwardOut('127.0.0.1', 0, route.address, route.port, (error, channel) => done(error, channel));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}
