/** A time limit that stands still while a person is being asked something. */
export interface Deadline {
  /** Starts (again) with `ms`; what happens at its end is `expired`. */
  start(ms: number, expired: () => void): void;
  /** Stops the clock until `promise` settles. */
  during<T>(promise: Promise<T>): Promise<T>;
  stop(): void;
}

export function deadline(): Deadline {
  let timer: NodeJS.Timeout | undefined;
  let left = 0;
  let since = 0;
  let pauses = 0;
  let action: (() => void) | undefined;

  const run = (): void => {
    if (!action || pauses > 0) return;
    since = performance.now();
    timer = setTimeout(action, left);
  };
  const halt = (): void => {
    if (timer) left = Math.max(0, left - (performance.now() - since));
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    start(ms, expired) {
      halt();
      left = ms;
      action = expired;
      run();
    },
    async during(promise) {
      halt();
      pauses++;
      try {
        return await promise;
      } finally {
        pauses--;
        if (pauses === 0) run();
      }
    },
    stop() {
      halt();
      action = undefined;
    },
  };
}
