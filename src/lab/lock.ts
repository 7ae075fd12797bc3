import { connect, createServer, type Server } from 'node:net';
import { LabError } from './run.js';

/** A lock that this process holds. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes a lock that one process on the machine can hold at a time, waiting while another one has it.
 *
 * The lock is an abstract Unix socket (unix(7)): the kernel makes taking it atomic and gives it up when its process ends,
 * however it ends, so there is no file that a killed process could leave. Whoever waits is connected to the holder and
 * notices at once when it goes; the holder's process id comes over that connection.
 *
 * @param onWait called once, with the holder's process id, when the lock is taken.
 */
export async function takeLock(
  name: string,
  options: { onWait?: (holder: string) => void; signal?: AbortSignal } = {},
): Promise<Lock> {
  const path = `\0mesh-lab/${name}`;
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const server = await listen(path);
    if (server) return { release: () => new Promise((resolve) => close(server, resolve)) };
    await untilReleased(path, options.signal, (holder) => {
      if (!told) options.onWait?.(holder);
      told = true;
    });
  }
}

const guests = new WeakMap<Server, Set<{ destroy(): void }>>();

function close(server: Server, done: () => void): void {
  server.close(() => done());
  for (const guest of guests.get(server) ?? []) guest.destroy();
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const connected = new Set<{ destroy(): void }>();
    const server = createServer((socket) => {
      connected.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => connected.delete(socket));
      socket.write(String(process.pid));
    });
    guests.set(server, connected);
    server.unref();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new LabError(`the lab's lock could not be taken: ${error.message}`));
    });
    server.listen(path, () => resolve(server));
  });
}

function untilReleased(path: string, signal: AbortSignal | undefined, onHolder: (pid: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const abort = () => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.on('data', (data) => onHolder(data.toString('utf8')));
    socket.on('error', () => {});
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
  });
}
