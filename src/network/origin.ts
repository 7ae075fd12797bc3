import type { HostFacts } from '../facts/types.js';
import type { MeshSettings } from '../inventory/types.js';

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

/**
 * Where a host's Open vSwitch comes from. `auto` takes what is installed, else the distribution's packages on the Debian
 * family; it never adds a repository. Without facts it names every package that could be needed, so that all are looked at.
 */
export function openvSwitchSource(settings: MeshSettings, facts: HostFacts | undefined): Origin {
  if (!facts) return { packages: ['openvswitch-switch'], service: 'openvswitch-switch' };
  const service = format(facts) === 'rpm' ? 'openvswitch' : 'openvswitch-switch';
  const installed = facts.openvswitch.known && facts.openvswitch.value.installed;
  if (settings.ovsSource === 'build' || settings.ovsSource === 'file') {
    return {
      packages: [],
      service,
      refusal: {
        sentence: `mesh_ovs_source: ${settings.ovsSource} is not supported by this version of mesh`,
        fix: 'set mesh_ovs_source: auto, and install Open vSwitch by hand on hosts that are not of the Debian family',
      },
    };
  }
  if (installed) return { packages: [], service };
  if (format(facts) === 'deb') return { packages: ['openvswitch-switch'], service };
  const name = facts.system.known ? facts.system.value.osName : 'an unknown system';
  return {
    packages: [],
    service,
    refusal: {
      sentence: `it has no Open vSwitch, and mesh can install it on the Debian family only (this is ${name})`,
      fix: 'install Open vSwitch on it and run the same command again',
    },
  };
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
