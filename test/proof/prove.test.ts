import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../src/events/types.js';
import { countPassed, prove } from '../../src/proof/prove.js';
import type { Measurement } from '../../src/proof/types.js';
import type { Connection, ExecOptions, Outcome } from '../../src/ssh/types.js';
import { proofHost } from './hosts.js';

type Answer = (script: string) => Promise<Outcome>;

const said = (stdout: string): Outcome => ({
  kind: 'exited',
  code: 0,
  stdout: Buffer.from(stdout),
  stderr: Buffer.from(''),
});

/** A host that answers a probe script as told, and a responder's command with `ready` lines until it is let go. */
function connection(host: string, answer: Answer, offers: readonly string[] = []) {
  const asked: string[] = [];
  let released = 0;
  const made: Connection = {
    host,
    peer: host,
    channels: 0,
    closed: new Promise(() => undefined),
    close: async () => undefined,
    upload: async () => undefined,
    async exec(_command: string, options: ExecOptions = {}) {
      if (options.script !== undefined) {
        asked.push(options.script);
        return answer(options.script);
      }
      options.onStdout?.(Buffer.from([...offers, 'ready', ''].join('\n')));
      await new Promise<void>((resolve) => options.signal?.addEventListener('abort', () => resolve()));
      released += 1;
      return { ...said(''), kind: 'lost' as const, reason: 'aborted' };
    },
  };
  return { made, asked, released: () => released };
}

const all = ['docker0', 'container'];
const passing =
  (check: string, peers: number): Answer =>
  async () =>
    said(Array.from({ length: peers }, (_, index) => `R ${index} ${check} pass 0.2\n`).join(''));

async function proven(
  scope: 'tunnels' | 'full',
  hosts: readonly ReturnType<typeof connection>[],
  signal?: AbortSignal,
) {
  const emitted: EventBody[] = [];
  const numbers = hosts.map((_, index) => 41 + index);
  const result = await prove({
    scope,
    hosts: hosts.map(({ made }, index) => ({
      connection: made,
      host: proofHost(
        41 + index,
        numbers.filter((number) => number !== 41 + index),
      ),
    })),
    emit: (body) => emitted.push(body),
    now: () => 0,
    ...(signal && { signal }),
  });
  return { result, emitted };
}

describe('prove', () => {
  it('asks every host once about all its peers', async () => {
    const hosts = [41, 42, 43].map((number) => connection(`docker${number}`, passing('tunnel', 2)));
    const { result, emitted } = await proven('tunnels', hosts);
    expect(hosts.map(({ asked }) => asked.length)).toEqual([1, 1, 1]);
    expect(hosts.map(({ released }) => released())).toEqual([0, 0, 0]);
    expect([result.pairs, result.passed]).toEqual([6, 6]);
    const pairs = emitted.flatMap((one) =>
      one.kind === 'probe' && one.check === 'tunnel ping' ? [`${one.from} ${one.to}`] : [],
    );
    expect(new Set(pairs).size).toBe(6);
    expect(emitted[0]).toEqual({ kind: 'proof.started', scope: 'tunnels', pairs: 6 });
    expect(emitted.at(-1)).toMatchObject({ kind: 'proof.ended', pairs: 6, passed: 6 });
  });

  it('tells every host what the others offer, and lets them go afterwards', async () => {
    const hosts = [41, 42].map((number) =>
      connection(`docker${number}`, async () => said(all.map((check) => `R 0 ${check} pass 0.2\n`).join('')), [
        `tcp ${20_000 + number}`,
        `container ${4000 + number} 172.17.${number}.2`,
      ]),
    );
    const { result } = await proven('full', hosts);
    expect(hosts[0]?.asked[0]).toContain('tcp_check 0 172.17.42.1 20042');
    expect(hosts[1]?.asked[0]).toContain('inside=4042 ping_check 0 container 172.17.41.2');
    expect(hosts.map(({ released }) => released())).toEqual([1, 1]);
    expect(result.passed).toBe(2);
  });

  it.each<[string, Answer, string]>([
    [
      'is lost',
      async () => ({ ...said(''), kind: 'lost', reason: 'the network went away' }),
      'the connection was lost while probing (the network went away)',
    ],
    ['cannot be asked', () => Promise.reject(new Error('sudo wants a password')), 'sudo wants a password'],
    ['says nothing', async () => said(''), 'the probe gave no result'],
  ])('fails the pairs of a host that %s, and no others', async (_, answer, detail) => {
    const hosts = [connection('docker41', answer), connection('docker42', passing('tunnel', 2))];
    const { result } = await proven('tunnels', hosts);
    expect(result.passed).toBe(1);
    expect(result.measurements).toContainEqual({
      from: 'docker41',
      peer: 'docker42',
      check: 'tunnel ping',
      state: 'fail',
      detail,
    });
  });

  it('that is stopped tells what was measured until then, and takes nothing else for a failure', async () => {
    const stop = new AbortController();
    const stopping: Answer = async () => {
      stop.abort();
      return { ...said(''), kind: 'lost', reason: 'it was stopped from here' };
    };
    const offers = ['tcp 20042', 'container 4042 172.17.42.2'];
    const hosts = [connection('docker41', stopping, offers), connection('docker42', passing('docker0', 1), offers)];
    const { result, emitted } = await proven('full', hosts, stop.signal);
    expect(result.measurements.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(result.passed).toBe(0);
    expect(hosts.map(({ released }) => released())).toEqual([1, 1]);
    expect(emitted.at(-1)?.kind).toBe('proof.ended');
  });

  it('lets no pair pass a full proof whose containers were not tried, but where Docker runs none', async () => {
    const answers =
      (...lines: readonly string[]): Answer =>
      async () =>
        said(`${lines.join('\n')}\n`);
    const hosts = [
      answers('R 0 docker0 pass 0.2', 'R 1 docker0 pass 0.2', 'R 0 container excused - no', 'R 1 container pass 0.3'),
      answers('R 0 docker0 pass 0.2', 'R 1 docker0 pass 0.2', 'R 0 container none - who knows', 'R 1 container pass 1'),
      answers('R 0 docker0 pass 0.2', 'R 1 docker0 pass 0.2', 'R 0 container pass 0.3'),
    ].map((answer, index) => connection(`docker${41 + index}`, answer));
    const { result, emitted } = await proven('full', hosts);
    expect([result.pairs, result.passed, result.withoutContainers]).toEqual([6, 4, 1]);
    expect(emitted.at(-1)).toMatchObject({ kind: 'proof.ended', passed: 4, withoutContainers: 1 });
    expect(result.measurements).toContainEqual({
      from: 'docker43',
      peer: 'docker42',
      check: 'container ping',
      state: 'not measured',
      detail: 'the probe ended before it',
    });
  });

  it('has nothing to prove of one host', async () => {
    const { result, emitted } = await proven('full', [connection('docker41', passing('docker0', 0))]);
    expect(result).toEqual({ pairs: 0, passed: 0, withoutContainers: 0, measurements: [] });
    expect(emitted).toEqual([]);
  });
});

describe('countPassed', () => {
  const one = (state: Measurement['state'], check: Measurement['check'] = 'docker0 ping') => ({
    from: 'a',
    peer: 'b',
    check,
    state,
  });

  it.each<[string, Measurement['state'][], number]>([
    ['all passed', ['pass', 'pass'], 1],
    ['one failed', ['pass', 'fail'], 0],
    ['one was not measured', ['pass', 'not measured'], 1],
    ['none was measured', ['not measured'], 0],
    ['there is nothing', [], 0],
  ])('counts a pair of which %s', (_, states, passed) => {
    expect(countPassed(states.map((state) => one(state))).passed).toBe(passed);
  });
});
