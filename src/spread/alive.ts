import type { Connection } from '../ssh/types.js';
import type { SpreadContext } from './types.js';

/** Pauses after a try to make a lost connection again, in milliseconds: as many tries as there are. */
const RECONNECT_PAUSES_MS: readonly number[] = [500, 1000, 2000, 4000];

/** The host's connection, made if there is none or it is gone; a sentence where that cannot be. Never rejects. */
export async function alive(context: SpreadContext, host: string): Promise<Connection | string> {
  const connection = context.connection(host);
  if (!connection) return first(context, host);
  if (!(await isGone(connection))) return connection;
  let why = '';
  for (const wait of RECONNECT_PAUSES_MS) {
    if (context.stop.aborted) return 'it was stopped from here';
    try {
      return await context.reconnect(host);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    context.emit({ kind: 'waiting', host, detail: `the connection was lost (${why}); connecting again` });
    await context.pause(wait);
  }
  return `the connection is gone and could not be made again (${why})`;
}

/** A host that only has files for others may not have been looked at before. */
async function first(context: SpreadContext, host: string): Promise<Connection | string> {
  try {
    return await context.reconnect(host);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isGone(connection: Connection): Promise<boolean> {
  // Settled by now, or not: the second promise takes a few turns longer than one that is settled already.
  const not = Promise.resolve()
    .then(() => undefined)
    .then(() => undefined)
    .then(() => false);
  return Promise.race([connection.closed.then(() => true), not]);
}
