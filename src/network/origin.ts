import type { HostFacts } from '../facts/types.js';

/** Where something comes from on a host: the packages still to be installed, and the service that runs it. */
export interface Origin {
  readonly packages: readonly string[];
  readonly service: string;
  /** Why it cannot be had here, for people; undefined where it can. */
  readonly refusal?: { readonly sentence: string; readonly fix: string };
}

function format(facts: HostFacts | undefined): 'deb' | 'rpm' | 'unknown' {
  return facts?.system.known ? facts.system.value.packageFormat : 'unknown';
}

/** Where a host's Docker comes from: what is there, else Debian's docker.io. */
export function dockerSource(facts: HostFacts | undefined): Origin {
  if (!facts) return { packages: ['docker.io'], service: 'docker' };
  if (!facts.docker.known || facts.docker.value.installed) return { packages: [], service: 'docker' };
  if (format(facts) === 'deb') return { packages: ['docker.io'], service: 'docker' };
  return {
    packages: [],
    service: 'docker',
    refusal: {
      sentence: 'it has no Docker, and mesh can install it on the Debian family only',
      fix: 'install Docker on it and run the same command again',
    },
  };
}
