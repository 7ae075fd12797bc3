import type { BuildOnHost } from '../../facts/types.js';
import type { Lock } from '../../inventory/lock.js';
import type { BuildRecipe } from './types.js';

/** A finished build as a host has it. */
export interface Finished {
  readonly recipe: BuildRecipe;
  readonly build: BuildOnHost;
}

/** The lock file once finished builds are written down: their sources' checksums, and what came out. */
export function lockWithBuilds(lock: Lock, finished: readonly Finished[]): Lock {
  const done = finished.flatMap(({ recipe, build: { source, files } }) =>
    source === null || files === null ? [] : [{ recipe, source, files }],
  );
  const sources = done.map(({ recipe, source }) => [recipe.source_name, source] as const);
  const builds = done.map(({ recipe, source, files }) => {
    const { key, version, spec, options, platform } = recipe;
    return [key, { version, source, spec, options: options.join(' '), platform, rpms: files }] as const;
  });
  return {
    ...lock,
    sources: { ...lock.sources, ...Object.fromEntries(sources) },
    builds: { ...lock.builds, ...Object.fromEntries(builds) },
  };
}
