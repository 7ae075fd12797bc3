import type { Measurement, ProofHost } from './types.js';

const CHECKS: Readonly<Record<string, Measurement['check']>> = {
  tunnel: 'tunnel ping',
  docker0: 'docker0 ping',
  tcp: 'docker0 tcp',
  container: 'container ping',
  df: 'full-size DF',
  'df-container': 'full-size DF',
};

interface PortCounters {
  readonly received: number;
  readonly sent: number;
}

/** Reads lines of `port received sent`: packets by port name. */
export function parsePortCounters(text: string): ReadonlyMap<string, PortCounters> {
  const counters = new Map<string, PortCounters>();
  for (const line of text.split('\n')) {
    const [, port, received, sent] = /^(\S+) (\d+) (\d+)$/.exec(line.trim()) ?? [];
    if (port !== undefined) counters.set(port, { received: Number(received), sent: Number(sent) });
  }
  return counters;
}

function section(text: string, name: string): string | undefined {
  return new RegExp(`(?:^|\\n)${name}\\n([\\s\\S]*?)(?:^|\\n)end(?:\\n|$)`).exec(text)?.[1];
}

function reason(words: readonly string[], check: Measurement['check'], host: ProofHost): string {
  const said = words.join(' ').trim();
  if (said) return said;
  return check === 'full-size DF'
    ? `no answer to a packet of ${host.mtu} bytes that may not be fragmented`
    : 'no answer';
}

/**
 * What a probe script's output says, for every peer. A probe that the output does not speak of has failed: nothing is
 * inferred. Counters pass where both directions of the peer's tunnel port rose while the probes ran.
 */
export function readProbes(host: ProofHost, peers: readonly string[], output: string): readonly Measurement[] {
  const before = parsePortCounters(section(output, 'before') ?? '');
  const after = parsePortCounters(section(output, 'after') ?? '');
  const measured: Measurement[] = [];
  for (const line of output.split('\n')) {
    const [mark, index, name = '', state, ms, ...words] = line.split(' ');
    const check = CHECKS[name];
    const peer = peers[Number(index)];
    if (mark !== 'R' || !check || peer === undefined) continue;
    const time = Number(ms);
    if (state === 'pass') {
      measured.push({
        peer,
        check,
        state,
        ...(ms !== '-' && Number.isFinite(time) && name !== 'df-container' && { ms: time }),
      });
    } else if (state === 'none') {
      measured.push({ peer, check, state: 'not measured', detail: reason(words, check, host) });
    } else {
      const where = name === 'df-container' ? 'between containers: ' : '';
      measured.push({ peer, check, state: 'fail', detail: where + reason(words, check, host) });
    }
  }
  for (const peer of peers) {
    const port = host.tunnels.find((tunnel) => tunnel.peer === peer)?.port ?? '';
    const [was, is] = [before.get(port), after.get(port)];
    if (!was || !is) {
      measured.push({
        peer,
        check: 'counters',
        state: 'not measured',
        detail: `the counters of ${port} could not be read`,
      });
      continue;
    }
    const sent = is.sent - was.sent;
    const received = is.received - was.received;
    const passed = sent > 0 && received > 0;
    const detail = `${port} sent ${sent} and received ${received} packets`;
    measured.push({ peer, check: 'counters', state: passed ? 'pass' : 'fail', ...(!passed && { detail }) });
  }
  return worstOfEach(measured);
}

/** One measurement for each peer and check: a failure outweighs a pass, a pass outweighs 'not measured'. */
function worstOfEach(measured: readonly Measurement[]): readonly Measurement[] {
  const rank = { fail: 2, pass: 1, 'not measured': 0 };
  const best = new Map<string, Measurement>();
  for (const one of measured) {
    const key = `${one.peer}\n${one.check}`;
    const known = best.get(key);
    if (!known || rank[one.state] > rank[known.state]) best.set(key, one);
  }
  return [...best.values()];
}
