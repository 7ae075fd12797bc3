import { randomBytes } from 'node:crypto';
import type { Emit } from '../events/types.js';
import { isPass, type Verdict, verdictOf } from '../events/verdict.js';
import type { Connection } from '../ssh/types.js';
import { probeScript } from './probe-script.js';
import { readProbes } from './read.js';
import { parseResponder, responderCommand } from './responder.js';
import type { Measurement, ProofHost, Responder } from './types.js';

/** A full proof's container may have to wait for a busy dockerd. */
const RESPONDER_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 60_000;

export interface ProofInput {
  /** `tunnels`: one ping over each tunnel. `full`: docker0, containers, TCP, whole-MTU packets. */
  readonly scope: 'tunnels' | 'full';
  readonly hosts: readonly { readonly connection: Connection; readonly host: ProofHost }[];
  readonly emit: Emit;
  readonly now: () => number;
  /** Ends the proof early: what is not measured by then is not told of. */
  readonly signal?: AbortSignal;
}

export interface ProofResult {
  /** Ordered pairs that were probed. */
  readonly pairs: number;
  /** Pairs that passed, those without containers included. */
  readonly passed: number;
  /** Of those: the pairs of which no container was tried, as Docker runs none. */
  readonly withoutContainers: number;
  readonly measurements: readonly (Measurement & { readonly from: string })[];
}

interface HeldResponder {
  readonly responder: Responder;
  end(): Promise<void>;
}

/** Starts a host's responder and keeps it until `end`. Never rejects: a host that cannot answer says why. */
async function holdResponder(
  { connection, host }: ProofInput['hosts'][number],
  token: string,
  stop: AbortSignal | undefined,
): Promise<HeldResponder> {
  const hold = new AbortController();
  const lines: string[] = [];
  let rest = '';
  let settle: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const timer = setTimeout(settle, RESPONDER_TIMEOUT_MS);
  const signal = stop ? AbortSignal.any([hold.signal, stop]) : hold.signal;
  signal.addEventListener('abort', () => settle(), { once: true });
  const ended = connection
    .exec(responderCommand(host, token), {
      holdStdin: true,
      signal,
      onStdout: (piece) => {
        rest += piece.toString('utf8');
        const parts = rest.split('\n');
        rest = parts.pop() ?? '';
        lines.push(...parts);
        if (parts.includes('ready')) settle();
      },
    })
    .then(() => undefined)
    .catch((error: unknown) => {
      lines.push(`container none ${error instanceof Error ? error.message : String(error)}`);
    })
    .finally(settle);
  await ready;
  clearTimeout(timer);
  return {
    responder: parseResponder(host.host, lines),
    end: async () => {
      hold.abort();
      await ended;
    },
  };
}

function unfinished(peer: string): Measurement {
  return { peer, check: 'container ping', state: 'not measured', detail: 'the probe ended before it' };
}

async function probe(
  { connection, host }: ProofInput['hosts'][number],
  peers: readonly { readonly host: string; readonly address: string; readonly responder?: Responder }[],
  token: string,
  own: Responder | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly Measurement[]> {
  if (signal?.aborted) return [];
  const names = peers.map((peer) => peer.host);
  const unproven = (detail: string): readonly Measurement[] =>
    names.map((peer) => ({ peer, check: own ? 'docker0 ping' : 'tunnel ping', state: 'fail', detail }));
  try {
    const outcome = await connection.exec('', {
      script: probeScript(host, peers, token, own),
      timeoutMs: PROBE_TIMEOUT_MS,
      ...(signal && { signal }),
    });
    if (signal?.aborted) return [];
    if (outcome.kind === 'lost') return unproven(`the connection was lost while probing (${outcome.reason})`);
    const read = readProbes(host, names, outcome.stdout.toString('utf8'));
    // A script that was cut short has no line for some peer: that is a failure, never a silence.
    const silent = names.filter((peer) => !read.some((one) => one.peer === peer && one.check !== 'counters'));
    const cut = names.filter((peer) => !read.some((one) => one.peer === peer && one.check === 'container ping'));
    return [
      ...read,
      ...unproven('the probe gave no result').filter((one) => silent.includes(one.peer)),
      ...(own ? cut.map(unfinished) : []),
    ];
  } catch (error) {
    return unproven(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Measures every ordered pair of hosts: each host probes all its peers from one program, all hosts at once. Emits one
 * event a measurement. Never rejects; what could not be measured is said so, and is not a pass.
 */
export async function prove(input: ProofInput): Promise<ProofResult> {
  const startedAt = input.now();
  const token = randomBytes(6).toString('hex');
  const pairs = input.hosts.length * (input.hosts.length - 1);
  if (pairs === 0) return { pairs: 0, passed: 0, withoutContainers: 0, measurements: [] };
  input.emit({ kind: 'proof.started', scope: input.scope, pairs });
  const held = new Map<string, HeldResponder>();
  if (input.scope === 'full') {
    await Promise.all(
      input.hosts.map(async ({ connection, host }) => {
        input.emit({
          kind: 'host.state',
          host: host.host,
          state: 'proving',
          detail: 'starting a container to be reached',
        });
        held.set(host.host, await holdResponder({ connection, host }, token, input.signal));
      }),
    );
  }
  const measurements: (Measurement & { from: string })[] = [];
  await Promise.all(
    input.hosts.map(async (one) => {
      const peers = input.hosts
        .filter(({ host }) => host.host !== one.host.host)
        .map(({ host }) => {
          const responder = held.get(host.host)?.responder;
          return { host: host.host, address: host.address, ...(responder && { responder }) };
        });
      input.emit({
        kind: 'host.state',
        host: one.host.host,
        state: 'proving',
        detail: `probing ${peers.length} peers`,
      });
      for (const measured of await probe(one, peers, token, held.get(one.host.host)?.responder, input.signal)) {
        measurements.push({ from: one.host.host, ...measured });
        const { peer, ...rest } = measured;
        input.emit({ kind: 'probe', from: one.host.host, to: peer, ...rest });
      }
    }),
  );
  await Promise.all([...held.values()].map((one) => one.end()));
  const { passed, withoutContainers } = countPassed(measurements);
  const durationMs = Math.round(input.now() - startedAt);
  const left = withoutContainers > 0 && { withoutContainers };
  input.emit({ kind: 'proof.ended', pairs, passed, ...left, durationMs });
  return { pairs, passed, withoutContainers, measurements };
}

/** How many ordered pairs passed, and how many of these without containers. */
export function countPassed(
  measurements: ProofResult['measurements'],
): Pick<ProofResult, 'passed' | 'withoutContainers'> {
  const verdicts = pairsOf(measurements).map(({ verdict }) => verdict);
  return {
    passed: verdicts.filter(isPass).length,
    withoutContainers: verdicts.filter((verdict) => verdict === 'pass without containers').length,
  };
}

/** Every ordered pair that something is told of, with its verdict. */
export function pairsOf(measurements: ProofResult['measurements']): readonly {
  readonly from: string;
  readonly to: string;
  readonly verdict: Verdict;
  readonly checks: readonly Measurement[];
}[] {
  const pairs = new Map<string, { from: string; to: string; checks: Measurement[] }>();
  for (const one of measurements) {
    const key = JSON.stringify([one.from, one.peer]);
    const pair = pairs.get(key) ?? { from: one.from, to: one.peer, checks: [] };
    pair.checks.push(one);
    pairs.set(key, pair);
  }
  return [...pairs.values()].map((pair) => ({ ...pair, verdict: verdictOf(pair.checks) }));
}
