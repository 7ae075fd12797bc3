import { alive } from './alive.js';
import { sendDirect } from './direct.js';
import { type RelayReceiver, type RelaySource, relay } from './relay.js';
import { type Transfer, targets } from './schedule.js';
import type { Arrival } from './scripts.js';
import { tellTransfer } from './told.js';
import type { Arrived, FileToSpread, SpreadContext } from './types.js';

/** Tries of one transfer whose receiver's connection is lost. */
const TRIES = 4;

/** How a transfer ended. */
export interface Ended {
  readonly transfer: Transfer;
  readonly arrived: ReadonlyMap<string, Arrived>;
  /** Where the host that the laptop read from could not give the file. */
  readonly sourceGone?: { readonly host: string; readonly why: string };
}

/** Where the file lies or shall lie on each host, and how much of it is known to be there. */
export interface Places {
  readonly path: (host: string) => string;
  readonly part: (host: string) => number;
  /** Hosts that have it, best first. */
  readonly holders: readonly string[];
}

/** Runs one transfer to its end, whatever that is, and tells of it. Never rejects. */
export function deliver(
  transfer: Transfer,
  file: FileToSpread,
  places: Places,
  context: SpreadContext,
): Promise<Ended> {
  return transfer.kind === 'direct'
    ? direct(transfer, file, places, context)
    : throughLaptop(transfer, file, places, context);
}

function arrivalOn(host: string, file: FileToSpread, places: Places): Arrival {
  return { path: places.path(host), sha256: file.sha256, size: file.size };
}

async function direct(
  transfer: Extract<Transfer, { kind: 'direct' }>,
  file: FileToSpread,
  places: Places,
  context: SpreadContext,
): Promise<Ended> {
  const { from, to } = transfer;
  const told = tellTransfer(context, { host: to, file: file.name, from, via: 'direct', of: file.size });
  const once = async (): Promise<Arrived> => {
    const [sender, receiver] = await Promise.all([alive(context, from), alive(context, to)]);
    const address = context.address(from);
    const own = context.address(to);
    if (typeof receiver === 'string') return { kind: 'refused', why: receiver };
    if (typeof sender === 'string') return { kind: 'no sender', why: `${from}: ${sender}`, gone: true };
    if (address === undefined || own === undefined) {
      return { kind: 'broke', why: 'there is no address that its peers reach', answered: false };
    }
    return sendDirect({
      sender: { connection: sender, address, path: places.path(from) },
      receiver: { connection: receiver, address: own },
      arrival: arrivalOn(to, file, places),
      onProgress: told.progress,
      stop: context.stop,
    });
  };
  let arrived = await once();
  for (let tries = 1; arrived.kind === 'lost' && tries < TRIES && !context.stop.aborted; tries++)
    arrived = await once();
  told.ended(arrived);
  return { transfer, arrived: new Map([[to, arrived]]) };
}

async function throughLaptop(
  transfer: Extract<Transfer, { kind: 'laptop' }>,
  file: FileToSpread,
  places: Places,
  context: SpreadContext,
): Promise<Ended> {
  const holder = places.holders[0];
  const from = holder ?? 'the laptop';
  const told = new Map(
    transfer.to.map((host) => [
      host,
      tellTransfer(context, { host, file: file.name, from, via: 'laptop', of: file.size }),
    ]),
  );
  const finish = (arrived: ReadonlyMap<string, Arrived>, gone?: string): Ended => {
    for (const [host, one] of arrived) told.get(host)?.ended(one);
    return { transfer, arrived, ...(gone !== undefined && holder && { sourceGone: { host: holder, why: gone } }) };
  };
  const source = await sourceOf(file, holder, places, context);
  if (typeof source === 'string') {
    // With the holder gone there may be another one.
    const arrived: Arrived = holder
      ? { kind: 'broke', why: `${holder}: ${source}`, answered: true }
      : { kind: 'refused', why: source };
    return finish(new Map(targets(transfer).map((host) => [host, arrived])), source);
  }
  const arrived = new Map<string, Arrived>();
  const receivers: RelayReceiver[] = [];
  await Promise.all(
    transfer.to.map(async (host) => {
      const connection = await alive(context, host);
      if (typeof connection === 'string') arrived.set(host, { kind: 'refused', why: connection });
      else receivers.push({ host, connection, arrival: arrivalOn(host, file, places) });
    }),
  );
  const [common = 0, ...others] = new Set(receivers.map(({ host }) => places.part(host)));
  const done = await relay({
    source,
    offset: others.length === 0 && common < file.size ? common : 0,
    receivers,
    onProgress: (bytes) => {
      for (const one of told.values()) one.progress(bytes);
    },
    stop: context.stop,
  });
  for (const [host, one] of done.arrived) {
    arrived.set(host, one.kind === 'lost' ? { kind: 'broke', why: one.why, answered: true } : one);
  }
  return finish(arrived, context.stop.aborted ? undefined : done.sourceFailed);
}

async function sourceOf(
  file: FileToSpread,
  holder: string | undefined,
  places: Places,
  context: SpreadContext,
): Promise<RelaySource | string> {
  if (holder === undefined) {
    return file.laptop === undefined ? 'no host that has it can be reached' : { laptop: file.laptop };
  }
  const connection = await alive(context, holder);
  return typeof connection === 'string' ? connection : { connection, path: places.path(holder) };
}
