/** What is known of the ways between hosts. Grows during a run, from one file to the next. */
export interface Reach {
  /** Hosts that can offer a file to others: they have the tools and an underlay address to listen on. */
  readonly senders: ReadonlySet<string>;
  /** Hosts that can fetch from others. */
  readonly receivers: ReadonlySet<string>;
  /** Connections that were made, and those that were not answered: how often, by host. */
  readonly served: ReadonlySet<string>;
  readonly fetched: ReadonlySet<string>;
  readonly unanswered: ReadonlyMap<string, number>;
  readonly unreached: ReadonlyMap<string, number>;
  readonly closed: ReadonlySet<string>;
}

/** Waits for an answer that never comes cost seconds: after so many nobody asks again. */
const RECEIVER_TRIES = 2;
const NETWORK_TRIES = 3;

export function newReach(senders: Iterable<string>, receivers: Iterable<string>): Reach {
  return {
    senders: new Set(senders),
    receivers: new Set(receivers),
    served: new Set(),
    fetched: new Set(),
    unanswered: new Map(),
    unreached: new Map(),
    closed: new Set(),
  };
}

/**
 * Whether it is worth trying to send from one host to the other. A sender whose port did not answer is taken to be behind
 * a firewall unless it has answered somebody; a receiver that got no answer twice likewise; and where several senders
 * did not answer and none ever did, the network is taken to let nothing through.
 */
export function isOpen(reach: Reach, from: string, to: string): boolean {
  if (!reach.senders.has(from) || !reach.receivers.has(to) || reach.closed.has(`${from}\n${to}`)) return false;
  if (reach.unanswered.has(from) && !reach.served.has(from)) return false;
  if ((reach.unreached.get(to) ?? 0) >= RECEIVER_TRIES && !reach.fetched.has(to)) return false;
  return reach.served.size > 0 || reach.unanswered.size < NETWORK_TRIES;
}

/** After a connection from one host to the other was made (`answered`) or was not. */
export function learn(reach: Reach, from: string, to: string, answered: boolean): Reach {
  if (answered) {
    return { ...reach, served: new Set([...reach.served, from]), fetched: new Set([...reach.fetched, to]) };
  }
  return {
    ...reach,
    closed: new Set([...reach.closed, `${from}\n${to}`]),
    unanswered: counted(reach.unanswered, from),
    unreached: counted(reach.unreached, to),
  };
}

function counted(counts: ReadonlyMap<string, number>, host: string): ReadonlyMap<string, number> {
  return new Map([...counts, [host, (counts.get(host) ?? 0) + 1]]);
}
