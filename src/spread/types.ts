import type { Emit } from '../events/types.js';
import type { Connection } from '../ssh/types.js';
import type { Reach } from './reach.js';

/** What copying between hosts needs of the run around it. */
export interface SpreadContext {
  readonly connection: (host: string) => Connection | undefined;
  /** A new connection to a host whose old one is gone. Rejects with ConnectionFailure. */
  readonly reconnect: (host: string) => Promise<Connection>;
  /** The host's address among its peers; `undefined` if it has none that another host could reach. */
  readonly address: (host: string) => string | undefined;
  readonly emit: Emit;
  /** Milliseconds by a steady clock. */
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  /** Transfers at the same time. */
  readonly parallel: number;
  readonly stop: AbortSignal;
  /** What is known of the ways between the hosts, kept from one file to the next. */
  readonly ways: { reach: Reach };
}

/** One file, the hosts that have it and those that shall have it. */
export interface FileToSpread {
  /** For people: `openvswitch-3.1.0-1.el9.x86_64.rpm`. */
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
  /** Where the hosts that have it have it. */
  readonly holders: ReadonlyMap<string, string>;
  /** Where it shall be, and how many bytes of it came there before. */
  readonly needers: ReadonlyMap<string, { readonly path: string; readonly part: number }>;
  /** Where the laptop has it, if it does. */
  readonly laptop?: string;
}

/** How the arrival of a file on one host ended. */
export type Arrived =
  | { readonly kind: 'done'; readonly resumed: number }
  /** The way was at fault; the receiver may try another one. `part`: bytes that are there to go on with. */
  | { readonly kind: 'broke'; readonly why: string; readonly answered: boolean; readonly part?: number }
  /** The sender was. `gone`: it cannot be asked at all. */
  | { readonly kind: 'no sender'; readonly why: string; readonly gone: boolean }
  /** All that arrived was removed. */
  | { readonly kind: 'wrong'; readonly sum: string; readonly size: number; readonly resumed: number }
  /** The receiver's connection was lost. */
  | { readonly kind: 'lost'; readonly why: string }
  /** The receiver cannot take it. */
  | { readonly kind: 'refused'; readonly why: string };
