import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { createLineReader } from '../lines.js';
import type { Connection } from '../ssh/types.js';
import { messageOf, readArrival, saidBy } from './direct.js';
import { type Arrival, giveScript, takeScript } from './scripts.js';
import { arrivalReader } from './tell.js';
import type { Arrived } from './types.js';

/** Bytes that wait on the laptop for one receiver, besides the SSH window. */
const BUFFER = 262_144;

export type RelaySource = { readonly connection: Connection; readonly path: string } | { readonly laptop: string };

export interface RelayReceiver {
  readonly host: string;
  readonly connection: Connection;
  readonly arrival: Arrival;
}

export interface RelayInput {
  readonly source: RelaySource;
  /** Bytes that every receiver has already. */
  readonly offset: number;
  readonly receivers: readonly RelayReceiver[];
  readonly onProgress: (bytes: number) => void;
  readonly stop: AbortSignal;
}

export interface Relayed {
  readonly arrived: ReadonlyMap<string, Arrived>;
  /** Why the source ended early, if it did. */
  readonly sourceFailed?: string;
}

/**
 * Reads a file once and writes it to all receivers, as fast as the slowest of them takes it: never more than a buffer
 * each is on the laptop. A receiver that fails does not stop the others. Never rejects.
 */
export async function relay(input: RelayInput): Promise<Relayed> {
  const enough = new AbortController();
  const sinks = new Set<Sink>();
  const takes = input.receivers.map(async ({ host, connection, arrival }) => {
    const sink = newSink();
    sinks.add(sink);
    const arrived = await take(connection, arrival, input.offset, sink.stream);
    sinks.delete(sink);
    sink.leave();
    if (sinks.size === 0) enough.abort();
    return [host, arrived] as const;
  });
  let at = input.offset;
  const onChunk = async (chunk: Buffer): Promise<void> => {
    await Promise.all([...sinks].map((sink) => sink.write(chunk)));
    at += chunk.length;
    input.onProgress(at);
  };
  const signal = AbortSignal.any([enough.signal, input.stop]);
  const failed = await readAll(input.source, input.offset, onChunk, signal);
  // When no receiver is left it was ended from here.
  const early = failed !== undefined && !enough.signal.aborted;
  for (const { stream } of sinks) stream.end();
  const arrived = new Map(await Promise.all(takes));
  return { arrived, ...(early && { sourceFailed: failed }) };
}

interface Sink {
  readonly stream: PassThrough;
  /** Resolves when more may be written, or nobody reads any more. */
  write(chunk: Buffer): Promise<void>;
  leave(): void;
}

function newSink(): Sink {
  const stream = new PassThrough({ highWaterMark: BUFFER });
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  stream.on('error', () => leave());
  return {
    stream,
    async write(chunk) {
      if (stream.destroyed || stream.write(chunk)) return;
      await Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), left]);
    },
    leave() {
      leave();
      stream.destroy();
    },
  };
}

async function take(
  connection: Connection,
  arrival: Arrival,
  offset: number,
  stream: NodeJS.ReadableStream,
): Promise<Arrived> {
  const reader = arrivalReader(() => undefined);
  try {
    const outcome = await connection.exec(takeScript(arrival, offset), {
      stdin: stream,
      onStdout: createLineReader(reader.line),
    });
    return readArrival(outcome, { ...reader.told(), connected: true });
  } catch (error) {
    return { kind: 'refused', why: messageOf(error) };
  }
}

/** Reads the source from `offset` to its end, a piece at a time. Resolves to why it ended early, if it did. */
async function readAll(
  source: RelaySource,
  offset: number,
  onChunk: (chunk: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    if ('laptop' in source) {
      for await (const chunk of createReadStream(source.laptop, { start: offset, signal })) await onChunk(chunk);
      return undefined;
    }
    const outcome = await source.connection.exec(giveScript(source.path, offset), { onStdout: onChunk, signal });
    if (outcome.kind === 'exited' && outcome.code === 0) return undefined;
    return saidBy(outcome);
  } catch (error) {
    return messageOf(error);
  }
}
