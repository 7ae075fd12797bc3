/** Places for channels on one connection. */
export interface Slots {
  /** Waits for a place; the answer gives it back. */
  take(): Promise<() => void>;
  /** The server refused a channel: from now on no more than are open at this moment, but at least one. False: none was open. */
  shrink(): boolean;
}

export function slots(limit: number): Slots {
  let most = limit;
  let taken = 0;
  const waiting: (() => void)[] = [];
  const admit = (): void => {
    while (taken < most) {
      const next = waiting.shift();
      if (!next) return;
      taken++;
      next();
    }
  };
  return {
    async take() {
      if (taken < most) taken++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let back = false;
      return () => {
        if (back) return;
        back = true;
        taken--;
        admit();
      };
    },
    shrink() {
      const others = taken - 1;
      if (others < 1) return false;
      most = Math.min(most, others);
      return true;
    },
  };
}
