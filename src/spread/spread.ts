import { deliver, type Ended } from './deliver.js';
import { learn } from './reach.js';
import { begin, end, type Fared, nextTransfers, type Spreading, type Transfer, without } from './schedule.js';
import type { Arrived, FileToSpread, SpreadContext } from './types.js';

/** How often a file may arrive damaged on one host. */
const WRONG_TRIES = 2;
/** How often a file is sent to one host through the laptop. */
const LAPTOP_TRIES = 3;

/**
 * Brings one file to every host that needs it: from host to host in a doubling tree where they reach each other, else
 * through the laptop. A way that breaks is replaced by another, and what arrived already is gone on with. Resolves to the
 * hosts that did not get it, with the reason. Never rejects.
 */
export async function spreadFile(file: FileToSpread, context: SpreadContext): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  const damaged = new Map<string, number>();
  const relayed = new Map<string, number>();
  const parts = new Map([...file.needers].map(([host, { part }]) => [host, part]));
  const whys = new Map<string, string>();
  const running = new Map<Transfer, Promise<Ended>>();
  let state: Spreading = {
    holders: [...file.holders.keys()],
    waiting: [...file.needers.keys()],
    running: [],
    broken: new Set(),
    parallel: context.parallel,
  };
  const path = (host: string): string => file.needers.get(host)?.path ?? file.holders.get(host) ?? '';
  const part = (host: string): number => parts.get(host) ?? 0;

  const fare = (host: string, arrived: Arrived): Fared => {
    parts.set(host, arrived.kind === 'broke' ? (arrived.part ?? 0) : 0);
    switch (arrived.kind) {
      case 'done':
        return 'has it';
      case 'broke':
      case 'no sender':
        whys.set(host, arrived.why);
        return 'waits';
      case 'wrong':
        damaged.set(host, (damaged.get(host) ?? 0) + 1);
        if ((damaged.get(host) ?? 0) < WRONG_TRIES) return 'waits';
        failed.set(host, damagedSentence(file, arrived));
        return 'is out';
      case 'lost':
      case 'refused':
        failed.set(host, `${file.name} could not be put there: ${arrived.why}`);
        return 'is out';
    }
  };

  for (;;) {
    const next = context.stop.aborted ? [] : nextTransfers(state, context.ways.reach);
    for (const transfer of next) {
      if (transfer.kind === 'laptop') {
        if (transfer.to.some((host) => (relayed.get(host) ?? 0) >= LAPTOP_TRIES)) {
          state = givenUp(state, transfer.to, relayed);
          for (const host of transfer.to) if (!state.waiting.includes(host)) failed.set(host, gaveUp(file, whys, host));
          continue;
        }
        for (const host of transfer.to) relayed.set(host, (relayed.get(host) ?? 0) + 1);
      }
      state = begin(state, transfer);
      running.set(transfer, deliver(transfer, file, { path, part, holders: state.holders }, context));
    }
    if (running.size === 0) {
      if (next.length === 0) break;
      continue;
    }
    const { transfer, arrived, sourceGone } = await Promise.race(running.values());
    running.delete(transfer);
    if (sourceGone) state = without(state, sourceGone.host);
    const one = transfer.kind === 'direct' ? arrived.get(transfer.to) : undefined;
    if (transfer.kind === 'direct' && one) {
      if (one.kind === 'no sender' && one.gone) state = without(state, transfer.from);
      const answered = one.kind === 'broke' ? one.answered : one.kind === 'done' ? true : undefined;
      if (answered !== undefined) {
        context.ways.reach = learn(context.ways.reach, transfer.from, transfer.to, answered);
      }
    }
    state = end(state, transfer, new Map([...arrived].map(([host, how]) => [host, fare(host, how)])));
  }
  for (const host of state.waiting) failed.set(host, gaveUp(file, whys, host, context.stop.aborted));
  return failed;
}

function givenUp(state: Spreading, hosts: readonly string[], relayed: ReadonlyMap<string, number>): Spreading {
  const out = new Set(hosts.filter((host) => (relayed.get(host) ?? 0) >= LAPTOP_TRIES));
  return { ...state, waiting: state.waiting.filter((host) => !out.has(host)) };
}

function gaveUp(file: FileToSpread, whys: ReadonlyMap<string, string>, host: string, stopped = false): string {
  const why = stopped ? 'the run was stopped' : (whys.get(host) ?? 'no host that has it can be reached');
  return `${file.name} did not get there: ${why}`;
}

function damagedSentence(file: FileToSpread, arrived: Extract<Arrived, { kind: 'wrong' }>): string {
  return `${file.name} arrived damaged: sha256 ${arrived.sum} (${arrived.size} bytes) instead of ${file.sha256} (${file.size} bytes); check the disk and the network of the host, or whether the file was changed where it comes from`;
}
