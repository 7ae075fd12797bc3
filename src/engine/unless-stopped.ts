/** What a promise comes to; `'stopped'` as soon as the signal aborts, whatever the promise still waits for. */
export function unlessStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | 'stopped'> {
  return new Promise((resolve, reject) => {
    const stopped = () => resolve('stopped');
    signal.addEventListener('abort', stopped, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stopped));
    if (signal.aborted) stopped();
  });
}
