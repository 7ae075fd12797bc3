import { createHash } from 'node:crypto';
import type { MeshSettings } from '../../inventory/types.js';
import type { Platform } from './platform.js';
import { DEFAULT_VERSION, hasPolicyPackage, releaseUrl, specFor } from './release.js';
import type { BuildRecipe, OvsKnowledge } from './types.js';

/** Where builds lie on a builder, and what was received on the hosts that install. */
export const BUILDS = '/var/lib/mesh/builds';
export const PACKAGES = '/var/lib/mesh/packages';

/**
 * What is built for a host of a platform. The key is made of all that the result depends on: the source's sha256, the
 * spec, rpmbuild's options, the system's release and the architecture. While nobody has said the source's sha256, its
 * name stands for it; once the lock file has the build, it is found there again and keeps its key.
 */
export function recipeFor(settings: MeshSettings, platform: Platform, known: OvsKnowledge): BuildRecipe {
  const version = settings.ovsVersion ?? DEFAULT_VERSION;
  const { spec, options, requires } = specFor(version, platform);
  const named = settings.ovsUrl ?? releaseUrl(version);
  const file = named.includes('://') ? undefined : known.laptop.get(named);
  const sha256 = settings.ovsSha256 ?? known.sources[named] ?? file?.sha256 ?? null;
  const made = { version, spec, options: options.join(' '), platform: platform.name };
  return {
    key: lockedKey(made, sha256, known) ?? keyOf(made, sha256 ?? named),
    version,
    platform: platform.name,
    source: named.includes('://') ? { url: named } : { laptop: file?.path ?? named, size: file?.size ?? 0 },
    source_name: named,
    sha256,
    spec,
    options,
    requires,
  };
}

interface Made {
  readonly version: string;
  readonly spec: string;
  readonly options: string;
  readonly platform: string;
}

function lockedKey(made: Made, sha256: string | null, known: OvsKnowledge): string | undefined {
  if (sha256 === null) return undefined;
  const found = Object.entries(known.builds).find(
    ([, build]) =>
      build.source === sha256 &&
      build.version === made.version &&
      build.spec === made.spec &&
      build.options === made.options &&
      build.platform === made.platform,
  );
  return found?.[0];
}

function keyOf(made: Made, source: string): string {
  const text = [source, made.version, made.spec, made.options, made.platform].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The names, within a build, of the RPMs that a host installs: without the release, which nobody knows before. */
export function filesOf(recipe: BuildRecipe, selinux: boolean): readonly string[] {
  const architecture = recipe.platform.slice(recipe.platform.indexOf('-') + 1);
  const main = `openvswitch-${recipe.version}.${architecture}.rpm`;
  return selinux && hasPolicyPackage(recipe.version, recipe.spec)
    ? [main, `openvswitch-selinux-policy-${recipe.version}.noarch.rpm`]
    : [main];
}
