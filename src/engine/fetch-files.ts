import { isIPv4 } from 'node:net';
import type { Emit } from '../events/types.js';
import type { FileNeed } from '../resources/types.js';
import { fetchNeeds } from '../spread/needs.js';
import { newReach } from '../spread/reach.js';
import type { SpreadContext } from '../spread/types.js';
import type { Connection } from '../ssh/types.js';
import type { PlannedPlay } from './types.js';

export interface FetchInput {
  readonly connections: ReadonlyMap<string, Connection>;
  readonly reconnect: (host: string) => Promise<Connection>;
  /** Underlay addresses, by host; hosts without one exchange files through the laptop. */
  readonly underlays: ReadonlyMap<string, string>;
  readonly forks: number;
  readonly emit: Emit;
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly stop: AbortSignal;
}

/** What a play's changes need on one host, each file once. */
export function needsOf(play: PlannedPlay): readonly FileNeed[] {
  const needs = play.tasks.flatMap((task) => task.changes.flatMap((change) => change.needs ?? []));
  return [...new Map(needs.map((need) => [JSON.stringify(need), need])).values()];
}

/**
 * Brings files onto the hosts of one play after the other. Keeps what it learns of the ways between hosts for the whole
 * run. Resolves to the hosts that lack a file, with the reason.
 */
export function fileFetcher(input: FetchInput) {
  const context: SpreadContext = {
    connection: (host) => input.connections.get(host),
    reconnect: input.reconnect,
    address: (host) => {
      const address = input.underlays.get(host);
      return address !== undefined && isIPv4(address) && !address.startsWith('127.') ? address : undefined;
    },
    emit: input.emit,
    now: input.now,
    pause: input.pause,
    parallel: input.forks,
    stop: input.stop,
    ways: { reach: newReach([], []) },
  };
  return async (
    hosts: readonly { readonly host: string; readonly play: PlannedPlay }[],
  ): Promise<ReadonlyMap<string, string>> => {
    const needs = new Map(
      hosts.flatMap(({ host, play }) => {
        const own = needsOf(play);
        return own.length > 0 ? [[host, own] as const] : [];
      }),
    );
    return needs.size === 0 ? new Map() : fetchNeeds(needs, context);
  };
}
