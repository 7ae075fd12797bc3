import type { Interests } from './types.js';

/** What is looked at on every host even when nobody asks: nothing beside the sections that are always read. */
export const baseInterests: Interests = {
  packages: [],
  services: [],
  files: [],
  sysctls: [],
  checks: [],
  bridges: [],
};

/** One set of interests from many; every list without doubles and in a stable order. */
export function mergeInterests(list: readonly Partial<Interests>[]): Interests {
  const merged = (key: keyof Interests) => [...new Set(list.flatMap((interests) => interests[key] ?? []))].sort();
  return {
    packages: merged('packages'),
    services: merged('services'),
    files: merged('files'),
    sysctls: merged('sysctls'),
    checks: merged('checks'),
    bridges: merged('bridges'),
  };
}
