import { connect, type Socket } from 'node:net';
import { phaseTimeout, socketFailure } from './failures.js';
import type { Route } from './settings.js';

/** Opens a TCP connection without Nagle's delay (44 ms a command with it). Rejects with ConnectionFailure. */
export function openSocket(route: Route, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: route.address, port: route.port, noDelay: true });
    const limit = setTimeout(() => end(phaseTimeout(route, 'tcp', timeoutMs)), timeoutMs);
    const stopped = (): void => end(new Error('stopped'));
    const end = (error: Error): void => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', stopped);
      socket.destroy();
      reject(error);
    };
    const failed = (error: Error): void => end(socketFailure(route, error));
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(limit);
      signal?.removeEventListener('abort', stopped);
      socket.off('error', failed);
      resolve(socket);
    });
    if (signal?.aborted) stopped();
    else signal?.addEventListener('abort', stopped, { once: true });
  });
}
