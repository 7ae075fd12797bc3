import type { LockedBuild } from '../../inventory/lock.js';
import type { Repository } from './repositories.js';

/** What there is to know of a file on the machine that mesh runs on, before anything is planned. */
export interface LaptopFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  /** What an RPM's header says; undefined for another file. */
  readonly rpm?: { readonly name: string; readonly version: string; readonly architecture: string };
}

/** How one build is made: everything that the steps on the builder need. */
export interface BuildRecipe {
  readonly key: string;
  readonly version: string;
  readonly platform: string;
  /** Where the source is fetched from, or the path of it on the laptop. */
  readonly source: { readonly url: string } | { readonly laptop: string; readonly size: number };
  /** The name of the source in the lock file. */
  readonly source_name: string;
  /** null: nobody has said it yet, and the first build will. */
  readonly sha256: string | null;
  readonly spec: string;
  readonly options: readonly string[];
  readonly requires: readonly string[];
}

/** One RPM that a host installs. */
export interface RpmFile {
  readonly path: string;
  readonly sha256: string | null;
  readonly size?: number;
  /** Who has it; null where it was built on this very host. */
  readonly from: { readonly host: string; readonly path: string } | { readonly laptop: string } | null;
  readonly manifest?: string;
}

/** Where one host's Open vSwitch comes from; what templates see as `mesh.ovs`. */
export interface OvsOrigin {
  readonly source: 'installed' | 'distro' | 'build' | 'file' | 'none';
  /** A sentence for people, without a full stop. */
  readonly why: string;
  /** What will run; null where the repositories decide, or nothing is known. */
  readonly version: string | null;
  readonly service: string;
  /** What is installed here was, or will be, built like this; null where it is not built. */
  readonly recipe: BuildRecipe | null;
  readonly builder: string | null;
  readonly packages: readonly string[];
  readonly release_packages: readonly string[];
  readonly repositories: readonly Repository[];
  readonly files: readonly RpmFile[];
  /** What this host builds, for itself and for others. */
  readonly builds: readonly BuildRecipe[];
  /** A peer's address in the mesh, by which a standstill is measured; null where there is no peer. */
  readonly witness: string | null;
  /** An older version may take the place of a newer one. */
  readonly downgrade: boolean;
}

/** Why a host's Open vSwitch cannot come from anywhere, or what is worth saying about it. */
export interface OvsFinding {
  readonly host: string;
  readonly code: string;
  readonly severity: 'refuse' | 'warn' | 'note';
  readonly sentence: string;
  readonly fix: string;
}

/** What the lock file and the laptop's disk add to the facts. */
export interface OvsKnowledge {
  readonly sources: Readonly<Record<string, string>>;
  readonly builds: Readonly<Record<string, LockedBuild>>;
  /** Files of the laptop that the inventory names, by the path as it names them. */
  readonly laptop: ReadonlyMap<string, LaptopFile>;
}
