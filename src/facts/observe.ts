import { randomBytes } from 'node:crypto';
import type { Connection } from '../ssh/types.js';
import { unknown } from './fact.js';
import { parseFacts } from './parse.js';
import { observeScript } from './script.js';
import type { HostFacts, Interests } from './types.js';

/** Longer than all limits inside the script together on a host where most of it hangs, milliseconds. */
const longest = 60_000;

/**
 * Looks at a host over one channel and changes nothing there. What the host does not answer is unknown in the facts;
 * rejects only as `Connection.exec` does. A connection that breaks leaves unknown what had not yet arrived, and so does a
 * signal.
 */
export async function observe(connection: Connection, interests: Interests, signal?: AbortSignal): Promise<HostFacts> {
  const nonce = randomBytes(12).toString('hex');
  const started = performance.now();
  const script = observeScript(interests, nonce);
  const outcome = await connection.exec('sh -s', { script, timeoutMs: longest, ...(signal && { signal }) });
  const facts = parseFacts(connection.host, outcome.stdout, nonce, interests, Math.round(performance.now() - started));
  if (facts.system.known || outcome.stdout.length > 0) return facts;
  const said = outcome.stderr.toString('utf8').trim().split('\n').at(-1)?.slice(0, 300);
  const why =
    outcome.kind === 'lost'
      ? `the connection was lost: ${outcome.reason}`
      : `the host's shell printed nothing${said ? `: ${said}` : ''}`;
  return { ...facts, system: unknown(why) };
}
