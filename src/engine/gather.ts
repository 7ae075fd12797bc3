import type { Emit } from '../events/types.js';
import { observe } from '../facts/observe.js';
import type { HostFacts, Interests } from '../facts/types.js';
import type { Host } from '../inventory/types.js';
import { type Connection, ConnectionFailure, type Transport } from '../ssh/types.js';
import { unlessStopped } from './unless-stopped.js';

/** What came of reaching for one host; `stopped`: it was given up because of the signal. */
export type Gathered =
  | { readonly host: string; readonly connection: Connection; readonly facts: HostFacts }
  | { readonly host: string; readonly failure: ConnectionFailure }
  | { readonly host: string; readonly stopped: true };

export interface GatherInput {
  readonly hosts: readonly Host[];
  readonly interests: (host: string) => Interests;
  readonly transport: Transport;
  readonly emit: Emit;
  /** Ends the waiting for hosts at once. */
  readonly stop: AbortSignal;
}

/**
 * Connects to hosts and observes each as soon as it is there, all at once. Never rejects for a host: one that cannot be
 * reached or looked at is an answer.
 */
export async function gather(input: GatherInput): Promise<ReadonlyMap<string, Gathered>> {
  const gathered = await Promise.all(input.hosts.map((host) => gatherOne(host, input)));
  return new Map(gathered.map((one) => [one.host, one]));
}

async function gatherOne({ name, connection: settings }: Host, input: GatherInput): Promise<Gathered> {
  const { emit, stop } = input;
  const stopped: Gathered = { host: name, stopped: true };
  if (stop.aborted) return stopped;
  emit({ kind: 'host.state', host: name, state: 'connecting' });
  try {
    const connecting = input.transport.connect(name, settings);
    const connection = await unlessStopped(connecting, stop);
    if (connection === 'stopped') {
      // Nobody waits for it any more.
      connecting.then((late) => late.close()).catch(() => undefined);
      return stopped;
    }
    emit({ kind: 'host.state', host: name, state: 'observing' });
    const facts = await unlessStopped(observe(connection, input.interests(name), stop), stop);
    // What was seen until then is not the whole.
    if (facts === 'stopped' || stop.aborted) return stopped;
    emit({ kind: 'host.state', host: name, state: 'planned' });
    return { host: name, connection, facts };
  } catch (error) {
    if (!(error instanceof ConnectionFailure)) throw error;
    emit({ kind: 'host.state', host: name, state: 'unreachable', detail: error.reason });
    return { host: name, failure: error };
  }
}
