import type { HostFacts } from '../../facts/types.js';

/** What hosts must have in common to share RPMs. */
export interface Platform {
  /** As RPM's %dist writes it: `el9`, `fc40`. */
  readonly release: string;
  readonly architecture: string;
  /** `el9-x86_64` */
  readonly name: string;
}

/** A host's platform; undefined where its system is not known or is not one that the spec files are made for. */
export function platformOf(facts: HostFacts | undefined): Platform | undefined {
  if (!facts?.system.known || facts.system.value.packageFormat !== 'rpm') return undefined;
  const { osId, osLike, osVersion, architecture } = facts.system.value;
  const release = releaseOf(osId, osLike, osVersion);
  return release === undefined ? undefined : { release, architecture, name: `${release}-${architecture}` };
}

/** Systems that call themselves like RHEL (os-release's ID_LIKE) are compatible within one major release. */
function releaseOf(id: string, like: readonly string[], version: string): string | undefined {
  const major = /^\d+/.exec(version)?.[0];
  if (major === undefined) return undefined;
  if (id === 'fedora') return `fc${major}`;
  const family = [id, ...like];
  if (family.includes('rhel') || family.includes('centos')) return `el${major}`;
  return family.includes('fedora') ? `fc${major}` : undefined;
}
