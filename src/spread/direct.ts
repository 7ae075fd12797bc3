import { createHash, randomBytes, randomInt } from 'node:crypto';
import { createLineReader } from '../lines.js';
import type { Connection, Outcome } from '../ssh/types.js';
import { type Arrival, fetchScript, offerScript } from './scripts.js';
import { type ArrivalTold, arrivalReader } from './tell.js';
import type { Arrived } from './types.js';

/** Ports that a system gives to clients (RFC 6056 has the whole range; Linux begins here). */
const PORTS = [32_768, 61_000] as const;
const PORT_TRIES = 5;

/** curl(1), exit codes: it could not write what it got. */
const CURL_WRITE_ERROR = 23;

export interface DirectInput {
  readonly sender: { readonly connection: Connection; readonly address: string; readonly path: string };
  readonly receiver: { readonly connection: Connection; readonly address: string };
  readonly arrival: Arrival;
  readonly onProgress: (bytes: number) => void;
  readonly stop: AbortSignal;
}

/**
 * Copies a file from one host to another without the laptop in between. The sender listens on its underlay address for
 * this one peer, token and transfer; the receiver opens nothing. Nothing of it is left on either. Never rejects.
 */
export async function sendDirect(input: DirectInput): Promise<Arrived> {
  const token = randomBytes(24).toString('hex');
  const offer = await startOffer(input, createHash('sha256').update(token).digest('hex'));
  if ('why' in offer) return { kind: 'no sender', ...offer };
  try {
    return await fetch(input, token, offer.port);
  } finally {
    await offer.end();
  }
}

interface Offered {
  readonly port: number;
  end(): Promise<void>;
}

async function startOffer(
  { sender, receiver, arrival, stop }: DirectInput,
  tokenSha256: string,
): Promise<Offered | { readonly why: string; readonly gone: boolean }> {
  for (let attempt = 0; attempt < PORT_TRIES && !stop.aborted; attempt++) {
    const port = randomInt(...PORTS);
    const hold = new AbortController();
    let answer: (line: string | undefined) => void = () => undefined;
    const first = new Promise<string | undefined>((resolve) => {
      answer = resolve;
    });
    let failed = { why: '', gone: false };
    const script = offerScript({
      path: sender.path,
      size: arrival.size,
      address: sender.address,
      peer: receiver.address,
      port,
      tokenSha256,
    });
    const ended = sender.connection
      .exec(script, { holdStdin: true, signal: hold.signal, onStdout: createLineReader((line) => answer(line)) })
      .then(
        (outcome) => {
          failed = { why: saidBy(outcome), gone: outcome.kind === 'lost' };
        },
        (error: unknown) => {
          failed = { why: messageOf(error), gone: true };
        },
      )
      .finally(() => answer(undefined));
    const end = async (): Promise<void> => {
      hold.abort();
      await ended;
    };
    const line = await first;
    if (line === 'ready') return { port, end };
    await end();
    if (line !== 'taken') return { ...failed, why: failed.why || 'it could not listen' };
  }
  return { why: 'it found no free port to listen on', gone: false };
}

async function fetch(input: DirectInput, token: string, port: number): Promise<Arrived> {
  const { sender, receiver, arrival } = input;
  const reader = arrivalReader(input.onProgress);
  const hold = new AbortController();
  const end = (): void => hold.abort();
  input.stop.addEventListener('abort', end, { once: true });
  try {
    const outcome = await receiver.connection.exec(
      fetchScript(arrival, { from: sender.address, port, own: receiver.address }),
      {
        stdin: Buffer.from(`${token}\n`),
        holdStdin: true,
        signal: hold.signal,
        onStdout: createLineReader(reader.line),
      },
    );
    if (input.stop.aborted) return { kind: 'lost', why: 'it was stopped from here' };
    return readArrival(outcome, reader.told());
  } catch (error) {
    return { kind: 'refused', why: messageOf(error) };
  } finally {
    input.stop.removeEventListener('abort', end);
  }
}

/** What came of an arrival, by the command's end and what it told. */
export function readArrival(outcome: Outcome, told: ArrivalTold): Arrived {
  if (outcome.kind === 'lost') return { kind: 'lost', why: outcome.reason };
  if (told.end === 'done') return { kind: 'done', resumed: told.resumed };
  if (told.end === 'wrong') {
    return { kind: 'wrong', sum: told.sum ?? '', size: told.size ?? 0, resumed: told.resumed };
  }
  const why = saidBy(outcome);
  if (told.end === 'nothing' || told.code === CURL_WRITE_ERROR) return { kind: 'refused', why };
  return {
    kind: 'broke',
    why: why || 'the connection ended early',
    answered: told.connected,
    ...(told.size !== undefined && { part: told.size }),
  };
}

export function saidBy(outcome: Outcome): string {
  if (outcome.kind === 'lost') return outcome.reason;
  const said = outcome.stderr.toString('utf8').trim().split('\n').at(-1)?.trim() ?? '';
  if (said !== '') return said;
  if (outcome.kind === 'signalled') return `it was killed by ${outcome.signal}`;
  return outcome.code === 0 ? '' : `exit code ${outcome.code}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
