import { createLineReader } from '../lines.js';
import { alive } from './alive.js';
import { messageOf, readArrival } from './direct.js';
import { type Arrival, copyScript } from './scripts.js';
import { arrivalReader } from './tell.js';
import type { SpreadContext } from './types.js';

/** Copies a file to another place on the same host. Resolves to why it could not, if so. Never rejects. */
export async function copyWithin(
  host: string,
  from: string,
  arrival: Arrival,
  context: SpreadContext,
): Promise<string | undefined> {
  const connection = await alive(context, host);
  if (typeof connection === 'string') return connection;
  const reader = arrivalReader(() => undefined);
  try {
    const outcome = await connection.exec(copyScript(arrival, from), { onStdout: createLineReader(reader.line) });
    const arrived = readArrival(outcome, { ...reader.told(), connected: true });
    if (arrived.kind === 'done') return undefined;
    return arrived.kind === 'wrong' ? `${from} has sha256 ${arrived.sum}, not ${arrival.sha256}` : arrived.why;
  } catch (error) {
    return messageOf(error);
  }
}
