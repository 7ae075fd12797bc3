import { isOpen, type Reach } from './reach.js';

/** One copy of a file on its way: from a host to another, or through the laptop to one or several at once. */
export type Transfer =
  | { readonly kind: 'direct'; readonly from: string; readonly to: string }
  | { readonly kind: 'laptop'; readonly to: readonly string[] };

/** How far the spreading of one file is. A host is in one of `holders`, `waiting`, the targets of `running`, or done for. */
export interface Spreading {
  /** Hosts that have the file, those that had it first in front. */
  readonly holders: readonly string[];
  readonly waiting: readonly string[];
  readonly running: readonly Transfer[];
  /** Pairs between which a transfer of this file broke off. */
  readonly broken: ReadonlySet<string>;
  /** Transfers at the same time, at least 1. */
  readonly parallel: number;
}

export function pairKey(from: string, to: string): string {
  return `${from}\n${to}`;
}

export function targets(transfer: Transfer): readonly string[] {
  return transfer.kind === 'direct' ? [transfer.to] : transfer.to;
}

/**
 * The transfers to begin now. Every host that has the file and is idle sends it to one that waits, so that the number of
 * holders doubles; as many pairs as the ways between them allow. What no holder can reach goes through the laptop: to one
 * host where that one can pass it on, to all of them in one stream where nobody can. Pure.
 */
export function nextTransfers(state: Spreading, reach: Reach): readonly Transfer[] {
  const room = Math.max(1, state.parallel) - state.running.length;
  if (room <= 0) return [];
  const open = (from: string, to: string): boolean =>
    isOpen(reach, from, to) && !state.broken.has(pairKey(from, to)) && from !== to;
  const sending = new Set(state.running.flatMap((one) => (one.kind === 'direct' ? [one.from] : [])));
  const idle = state.holders.filter((host) => !sending.has(host));
  const direct = pairs(idle, state.waiting, open).slice(0, room);
  const relays = state.running.some((one) => one.kind === 'laptop');
  if (relays || direct.length >= room) return direct;
  const taken = new Set(direct.map(({ to }) => to));
  const coming = [...state.running.flatMap(targets), ...taken];
  const stuck = state.waiting.filter((to) => ![...state.holders, ...coming].some((from) => open(from, to)));
  const alone = stuck.filter((to) => !state.waiting.some((from) => open(from, to)));
  if (alone.length > 0) return [...direct, { kind: 'laptop', to: alone }];
  const passesOn = (from: string): number => state.waiting.filter((to) => open(from, to)).length;
  const best = [...stuck].sort((a, b) => passesOn(b) - passesOn(a))[0];
  return best === undefined ? direct : [...direct, { kind: 'laptop', to: [best] }];
}

/** A largest set of pairs with each sender and each receiver in one of them (augmenting paths; Kuhn's algorithm). */
function pairs(
  senders: readonly string[],
  receivers: readonly string[],
  open: (from: string, to: string) => boolean,
): { readonly kind: 'direct'; readonly from: string; readonly to: string }[] {
  const senderOf = new Map<string, string>();
  const place = (from: string, seen: Set<string>): boolean => {
    for (const to of receivers) {
      if (seen.has(to) || !open(from, to)) continue;
      seen.add(to);
      const holder = senderOf.get(to);
      if (holder === undefined || place(holder, seen)) {
        senderOf.set(to, from);
        return true;
      }
    }
    return false;
  };
  for (const from of senders) {
    if (senderOf.size === receivers.length) break;
    place(from, new Set());
  }
  return [...senderOf].map(([to, from]) => ({ kind: 'direct', from, to }));
}

export function begin(state: Spreading, transfer: Transfer): Spreading {
  const going = new Set(targets(transfer));
  return {
    ...state,
    waiting: state.waiting.filter((host) => !going.has(host)),
    running: [...state.running, transfer],
  };
}

/** How one receiver of a transfer fared: has it, waits again (the way was at fault), or is out. */
export type Fared = 'has it' | 'waits' | 'is out';

/** The state after a transfer; `fared` has every target of it. A direct one after which its target waits is not tried again. */
export function end(state: Spreading, transfer: Transfer, fared: ReadonlyMap<string, Fared>): Spreading {
  const of = (wanted: Fared) => targets(transfer).filter((host) => (fared.get(host) ?? 'is out') === wanted);
  const again = of('waits');
  const broken =
    transfer.kind === 'direct' && again.length > 0
      ? new Set([...state.broken, pairKey(transfer.from, transfer.to)])
      : state.broken;
  return {
    ...state,
    holders: [...state.holders, ...of('has it')],
    waiting: [...again, ...state.waiting],
    running: state.running.filter((one) => one !== transfer),
    broken,
  };
}

/** A host that was thought to have the file has it no more, or cannot be asked. */
export function without(state: Spreading, holder: string): Spreading {
  return { ...state, holders: state.holders.filter((host) => host !== holder) };
}
