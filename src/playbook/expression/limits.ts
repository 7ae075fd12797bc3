/** Longest text that an evaluation may make, in UTF-16 units. */
export const maxText = 1_048_576;
/** How many steps (operations and visited values) one evaluation may take. */
export const maxSteps = 1_000_000;
/** How deep values, and variables in variables, may nest. */
export const maxDepth = 200;

/** What one evaluation may cost. A file from elsewhere must end, and must not fill the memory. */
export interface Limits {
  /** Counts steps; ends the evaluation when there were too many. */
  spend(steps: number): void;
  /** Runs something one level deeper. */
  deeper<T>(run: () => T): T;
  /** Joins texts if the result is not too long. */
  text(...parts: readonly string[]): string;
}

export function createLimits(exceeded: (problem: string) => never): Limits {
  let steps = 0;
  let depth = 0;
  const spend = (count: number): void => {
    steps += count;
    if (steps > maxSteps) exceeded(`the evaluation takes more than ${maxSteps} steps`);
  };
  return {
    spend,
    deeper(run) {
      depth += 1;
      if (depth > maxDepth) exceeded(`values are nested more than ${maxDepth} deep`);
      const result = run();
      depth -= 1;
      return result;
    },
    text(...parts) {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      if (length > maxText) exceeded(`the text is longer than ${maxText} characters`);
      spend(1 + length / 100);
      return parts.join('');
    },
  };
}
