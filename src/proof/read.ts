import { readCounters } from './counters.js';
import type { Measurement, ProofHost } from './types.js';

const CHECKS: Readonly<Record<string, Measurement['check']>> = {
  tunnel: 'tunnel ping',
  docker0: 'docker0 ping',
  tcp: 'docker0 tcp',
  container: 'container ping',
  df: 'full-size DF',
  'df-container': 'full-size DF',
};

function reason(words: readonly string[], check: Measurement['check'], host: ProofHost): string {
  const said = words.join(' ').trim();
  if (said) return said;
  return check === 'full-size DF'
    ? `no answer to a packet of ${host.mtu} bytes that may not be fragmented`
    : 'no answer';
}

/**
 * What a probe script's output says, for every peer. A probe that the output does not speak of has failed: nothing is
 * inferred.
 */
export function readProbes(host: ProofHost, peers: readonly string[], output: string): readonly Measurement[] {
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
    } else if (state === 'none' || state === 'excused') {
      const detail = reason(words, check, host);
      measured.push({ peer, check, state: 'not measured', detail, ...(state === 'excused' && { excused: true }) });
    } else {
      const where = name === 'df-container' ? 'between containers: ' : '';
      measured.push({ peer, check, state: 'fail', detail: where + reason(words, check, host) });
    }
  }
  return worstOfEach([...measured, ...readCounters(host, peers, output)]);
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
