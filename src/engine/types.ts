import type { Finding } from '../events/types.js';
import type { BuildRecipe } from '../network/openvswitch/types.js';
import type { Change } from '../resources/types.js';

/** A change in a plan: what a resource said, without the function that a file cannot carry. */
export type PlannedChange = Omit<Change, 'effect'>;

export interface PlannedTask {
  readonly task: string;
  readonly resource: string;
  /** The resource's name for people: `br0`. */
  readonly label: string;
  readonly handler: boolean;
  readonly changes: readonly PlannedChange[];
  readonly notes: readonly string[];
}

export interface PlannedPlay {
  readonly play: string;
  /** Index in the playbook, from 0. */
  readonly index: number;
  readonly tasks: readonly PlannedTask[];
}

/** What will be done on one host, or why nothing will. */
export interface HostPlan {
  readonly host: string;
  readonly state: 'ready' | 'unreachable' | 'refused';
  /** Why it is not ready. */
  readonly reason?: string;
  readonly plays: readonly PlannedPlay[];
  /** Containers: how many there are, how many of them are on the mesh's bridge, and which running ones are not. */
  readonly containers: {
    readonly total: number;
    readonly onMesh: number;
    readonly elsewhere: readonly { readonly name: string; readonly network: string }[];
  };
  /** What the host's last run was when it was observed: compared under the lock. */
  readonly lastRun: string | null;
}

/** The whole plan: a value that can be printed, saved, and run as it is. */
export interface Plan {
  readonly version: 1;
  readonly created: string;
  readonly command: string;
  readonly inventory: string;
  readonly playbook: string;
  readonly plays: readonly { readonly name: string; readonly serial?: number | string }[];
  readonly hosts: readonly HostPlan[];
  readonly findings: readonly Finding[];
  /** Where each host's Open vSwitch comes from and why; hosts that keep theirs are left out. */
  readonly openvswitch?: readonly { readonly host: string; readonly source: string; readonly why: string }[];
  /** What is built, and on which host. */
  readonly builds?: readonly { readonly builder: string; readonly recipe: BuildRecipe }[];
  /** Who has which slice and why. */
  readonly slices: readonly { readonly host: string; readonly slice: string; readonly because: string }[];
  readonly mtu: number | null;
  /** The lock file's new text where it differs from what is there. */
  readonly lock: { readonly file: string; readonly text: string } | null;
}

/** How many changes a host's plan holds. */
export function countChanges(plan: HostPlan): number {
  return plan.plays.reduce((sum, play) => sum + play.tasks.reduce((n, task) => n + task.changes.length, 0), 0);
}
