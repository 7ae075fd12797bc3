import { connect, createServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type ServerChannel, type Connection as ServerSide } from 'ssh2';
import type { Connection as ConnectionSettings, Secret } from '../../src/inventory/types.js';

const { Server, utils } = ssh2;

export interface Behaviour {
  /** Default: everybody with the password `let-me-in`. */
  readonly authenticate?: (context: AuthContext) => void;
  /** Default: prints the marker that the command line asks for and exits 0. */
  readonly exec?: (channel: ServerChannel, line: string, client: ServerSide) => void;
  /** Session channels at the same time; more are refused. */
  readonly sessions?: number;
  /** How many connections to hang up on before a byte is sent. */
  readonly dropFirst?: number;
  readonly forward?: boolean;
}

export interface InProcessServer {
  readonly port: number;
  readonly knownHostsLine: string;
  readonly seen: { connections: number; atOnce: number; most: number; channels: number; forwards: string[] };
  settings(changes?: Partial<ConnectionSettings>): ConnectionSettings;
  stop(): Promise<void>;
}

export const password = (value: string): Secret => ({ secret: true, origin: 'the test', reveal: async () => value });

/** The marker lines that a command line prints before its own output, as `wire` writes them. */
export function begin(channel: ServerChannel, line: string): void {
  const marker = /mesh-begin-[0-9a-f]+/.exec(line)?.[0] ?? '';
  channel.stderr.write(`${marker}\n`);
  channel.write(`${marker}\n`);
}

const hostKeys = utils.generateKeyPairSync('ed25519');

/** An SSH server in this process, for what a real sshd cannot be told to do. */
export async function startServer(behaviour: Behaviour = {}): Promise<InProcessServer> {
  const seen = { connections: 0, atOnce: 0, most: 0, channels: 0, forwards: [] as string[] };
  const sockets = new Set<Socket>();
  const server = new Server({ hostKeys: [hostKeys.private] }, (client) => {
    seen.atOnce++;
    seen.most = Math.max(seen.most, seen.atOnce);
    let sessions = 0;
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (behaviour.authenticate) return behaviour.authenticate(context);
      if (context.method === 'password' && context.password === 'let-me-in') return context.accept();
      context.reject(['password']);
    });
    client.on('ready', () => {
      seen.atOnce--;
    });
    client.on('session', (accept, reject) => {
      if (sessions >= (behaviour.sessions ?? 10)) return void reject();
      sessions++;
      const session = accept();
      session.on('close', () => sessions--);
      session.on('exec', (take, _refuse, info) => {
        seen.channels++;
        const channel = take();
        channel.on('error', () => undefined);
        if (behaviour.exec) return behaviour.exec(channel, info.command, client);
        begin(channel, info.command);
        channel.exit(0);
        channel.end();
      });
    });
    client.on('tcpip', (accept, reject, info) => {
      if (!behaviour.forward) return void reject();
      seen.forwards.push(`${info.destIP}:${info.destPort}`);
      const channel = accept();
      const onward = connect(info.destPort, info.destIP);
      onward.on('error', () => channel.close());
      channel.on('error', () => undefined);
      channel.pipe(onward).pipe(channel);
    });
  });
  // In front of ssh2, so that a connection can be dropped as sshd does beyond MaxStartups.
  const front = createServer((socket) => {
    seen.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (seen.connections <= (behaviour.dropFirst ?? 0)) socket.destroy();
    else server.injectSocket(socket.setNoDelay(true));
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const address = front.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    port,
    knownHostsLine: `[127.0.0.1]:${port} ${hostKeys.public.split(' ').slice(0, 2).join(' ')}`,
    seen,
    settings: (changes = {}) => ({
      host: '127.0.0.1',
      port,
      user: 'ops',
      password: password('let-me-in'),
      proxyJump: [],
      knownHostsFiles: [],
      become: { enabled: false, user: 'root' },
      ...changes,
    }),
    async stop() {
      for (const socket of sockets) socket.destroy();
      if (front.listening) await new Promise<void>((resolve) => front.close(() => resolve()));
    },
  };
}
