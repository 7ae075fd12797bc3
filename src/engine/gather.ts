import type { Emit } from '../events/types.js';
import { observe } from '../facts/observe.js';
import type { HostFacts, Interests } from '../facts/types.js';
import type { Host } from '../inventory/types.js';
import { type Connection, ConnectionFailure, type Transport } from '../ssh/types.js';

/** What came of reaching for one host. */
export type Gathered =
  | { readonly host: string; readonly connection: Connection; readonly facts: HostFacts }
  | { readonly host: string; readonly failure: ConnectionFailure };

/**
 * Connects to hosts and observes each as soon as it is there, all at once. Never rejects for a host: one that cannot be
 * reached or looked at is an answer.
 */
export async function gather(
  hosts: readonly Host[],
  interests: (host: string) => Interests,
  transport: Transport,
  emit: Emit,
): Promise<ReadonlyMap<string, Gathered>> {
  const gathered = await Promise.all(
    hosts.map(async ({ name, connection: settings }): Promise<Gathered> => {
      emit({ kind: 'host.state', host: name, state: 'connecting' });
      try {
        const connection = await transport.connect(name, settings);
        emit({ kind: 'host.state', host: name, state: 'observing' });
        const facts = await observe(connection, interests(name));
        emit({ kind: 'host.state', host: name, state: 'planned' });
        return { host: name, connection, facts };
      } catch (error) {
        if (!(error instanceof ConnectionFailure)) throw error;
        emit({ kind: 'host.state', host: name, state: 'unreachable', detail: error.reason });
        return { host: name, failure: error };
      }
    }),
  );
  return new Map(gathered.map((one) => [one.host, one]));
}
