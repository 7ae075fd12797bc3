import type * as z from 'zod';
import type { HostFacts, Interests } from '../facts/types.js';

/** How a running or stopped container fares when a change is applied. */
export interface ContainerFate {
  readonly container: string;
  readonly fate:
    | 'restarts by its policy'
    | 'is started again by mesh'
    | 'vanishes (--rm)'
    | 'keeps running'
    | 'stays stopped';
}

/** A former value that is written to the host, once, before the change: what teardown goes back to. */
export interface FormerRecord {
  /** Path-like, of [a-z0-9_./%-]: `docker_daemon/etc%2Fdocker%2Fdaemon.json`, `sysctl/net.ipv4.ip_forward`. */
  readonly key: string;
  readonly value: unknown;
}

/**
 * A file that must lie on the host before a step runs, and that somebody else has. It is there when the step begins, its
 * sha256 checked; where it already is, nothing is copied. The step's command only checks that it is there.
 */
export interface FileNeed {
  /** Where it shall lie on this host; absolute. Folders above it are made (0755), the file is root's (0644). */
  readonly path: string;
  /** Bytes, where they are known before. */
  readonly size?: number;
  /** Lower-case hex. `null`: an earlier play of the same plan makes the file; `manifest` then has the sum. */
  readonly sha256: string | null;
  readonly from: { readonly host: string; readonly path: string } | { readonly laptop: string };
  /** Absolute path on the source host, in the format of sha256sum(1); read just before the copy. */
  readonly manifest?: string;
}

/** One step: a sentence for people, the exact command, and the command that undoes it. */
export interface Change {
  /** Present tense, without a full stop: `create bridge br0 (datapath netdev)`. */
  readonly sentence: string;
  /**
   * POSIX-sh text; run with `set -e` as root, stdin /dev/null, by a shell of its own. Must be safe to run twice. Of what it
   * writes, lines that begin with `note: ` are shown for good; the others while it runs, and where it fails.
   */
  readonly command: string;
  readonly undo: { readonly command: string } | { readonly impossible: string };
  /** What `--diff` shows. */
  readonly before?: string;
  readonly after?: string;
  readonly records?: readonly FormerRecord[];
  /** A POSIX-sh test: the command runs only where it succeeds. For what cannot be foreseen; shown as 'if needed'. */
  readonly guard?: string;
  /** Seconds after which the step is ended and counts as failed; default 120. */
  readonly timeoutSeconds?: number;
  /** Files that are brought onto the host before the play's first step. */
  readonly needs?: readonly FileNeed[];
  /** Containers that the change touches. Not empty: it wants its own consent. */
  readonly fates?: readonly ContainerFate[];
  /** The facts after the change, for the diffs that follow. Pure. */
  readonly effect: (facts: HostFacts) => HostFacts;
}

export type Diff =
  | {
      readonly kind: 'changes';
      readonly changes: readonly Change[] /** Sentences worth saying though nothing changes. */;
      readonly notes?: readonly string[];
    }
  /** A fact that the diff needs could not be read: the host is not changed. */
  | { readonly kind: 'unknown'; readonly what: string; readonly why: string }
  /** It must not be done: the reason, and what to do about it. */
  | { readonly kind: 'refused'; readonly sentence: string; readonly fix: string };

/** A kind of thing that can be put into a state: a value, not a class. */
export interface Resource<P> {
  /** The task's key in a playbook: `ovs_bridge`. */
  readonly type: string;
  readonly schema: z.ZodType<P>;
  /** A name for people: `br0`, `/etc/docker/daemon.json`. */
  readonly label: (params: P) => string;
  /** What must be looked at for it. Called with parameters whose fact-dependent parts may still be raw. */
  readonly interests: (params: P) => Partial<Interests>;
  /** The ordered changes from what is to what shall be. Pure; no change where there is no difference. */
  readonly diff: (params: P, facts: HostFacts) => Diff;
}

export const nothing: Diff = { kind: 'changes', changes: [] };
