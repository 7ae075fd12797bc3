import type { Position } from '../errors.js';
import type { Value } from '../inventory/types.js';

/** A playbook as read: keywords checked, templates not yet evaluated. */
export interface Playbook {
  readonly file: string;
  readonly plays: readonly Play[];
}

export interface Play {
  readonly name: string;
  readonly at: Position;
  /** An inventory pattern; `mesh` stands for the hosts that are meshed where no group of that name exists. */
  readonly hosts: string;
  readonly vars: Readonly<Record<string, Value>>;
  readonly tags: readonly string[];
  readonly become?: boolean;
  /** Hosts at the same time: a number or a percentage; undefined: all. */
  readonly serial?: number | `${number}%`;
  readonly tasks: readonly Task[];
  readonly handlers: readonly Task[];
}

export interface Task {
  readonly name: string;
  readonly at: Position;
  /** A resource's type. */
  readonly resource: string;
  /** The resource's parameters, templates raw. */
  readonly params: Value;
  readonly paramsAt: Position;
  /** An expression; every one must be true. */
  readonly when: readonly string[];
  /** A list, or a template that yields one. The element is `item` (or `loopVar`). */
  readonly loop?: Value;
  readonly loopVar: string;
  readonly vars: Readonly<Record<string, Value>>;
  readonly tags: readonly string[];
  readonly notify: readonly string[];
  readonly runOnce: boolean;
  readonly delegateTo?: string;
}
