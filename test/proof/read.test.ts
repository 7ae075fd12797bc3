import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProbes } from '../../src/proof/read.js';
import type { Measurement } from '../../src/proof/types.js';
import { proofHost } from './hosts.js';

const host = proofHost(41, [42, 43]);
const peers = ['docker42', 'docker43'];

const output = (...lines: readonly string[]) => `${lines.join('\n')}\n`;
const counted = ['C gre-docker42 4 4', 'C gre-docker43 4 4'];

function found(list: readonly Measurement[], peer: string, check: Measurement['check']): Measurement | undefined {
  return list.find((one) => one.peer === peer && one.check === check);
}

describe('readProbes', () => {
  it('gives every check that passed its time, where it has one', () => {
    const lines = ['R 0 docker0 pass 0.42', 'R 0 df pass 0.5', 'R 0 tcp pass -', 'R 0 container pass 1.25'];
    const read = readProbes(host, peers, output(...lines, ...counted)).filter(({ peer }) => peer === 'docker42');
    expect(read).toEqual([
      { peer: 'docker42', check: 'docker0 ping', state: 'pass', ms: 0.42 },
      { peer: 'docker42', check: 'full-size DF', state: 'pass', ms: 0.5 },
      { peer: 'docker42', check: 'docker0 tcp', state: 'pass' },
      { peer: 'docker42', check: 'container ping', state: 'pass', ms: 1.25 },
      { peer: 'docker42', check: 'counters', state: 'pass' },
    ]);
  });

  it('says why a check failed: what the host said, else what was waited for', () => {
    const lines = [
      'R 0 docker0 fail - ',
      'R 0 df fail - ',
      'R 1 df fail - ping: local error: message too long, mtu=1400',
    ];
    const read = readProbes(host, peers, output(...lines));
    expect(found(read, 'docker42', 'docker0 ping')).toMatchObject({ state: 'fail', detail: 'no answer' });
    expect(found(read, 'docker42', 'full-size DF')?.detail).toBe(
      'no answer to a packet of 1462 bytes that may not be fragmented',
    );
    expect(found(read, 'docker43', 'full-size DF')?.detail).toContain('message too long, mtu=1400');
  });

  it.each([
    [['pass 0.3', 'fail - '], 'fail'],
    [['fail - ', 'pass 0.3'], 'fail'],
    [['none - no container', 'pass 0.3'], 'pass'],
  ])('takes the worst of the full-size packets of a pair, %j: %s', ([docker0 = '', container = ''], state) => {
    const read = readProbes(host, peers, output(`R 0 df ${docker0}`, `R 0 df-container ${container}`));
    const [one, ...more] = read.filter((each) => each.peer === 'docker42' && each.check === 'full-size DF');
    expect(one?.state).toBe(state);
    expect(more).toEqual([]);
  });

  it('says that it was between containers where it was', () => {
    const read = readProbes(host, peers, output('R 0 df pass 0.3', 'R 0 df-container fail - '));
    expect(found(read, 'docker42', 'full-size DF')?.detail).toMatch(/^between containers: no answer/);
  });

  it('calls what could not be tried not measured, with the reason', () => {
    const read = readProbes(host, peers, output('R 1 container none - docker43: docker is not there'));
    expect(found(read, 'docker43', 'container ping')).toEqual({
      peer: 'docker43',
      check: 'container ping',
      state: 'not measured',
      detail: 'docker43: docker is not there',
    });
  });

  it('infers nothing from an output that was cut short', () => {
    const whole = output(...counted, 'R 0 docker0 pass 0.4');
    for (let length = 0; length < whole.indexOf('pass'); length += 1) {
      const read = readProbes(host, peers, whole.slice(0, length));
      expect(read.filter(({ check, state }) => check !== 'counters' && state === 'pass')).toEqual([]);
    }
    expect(readProbes(host, peers, '').map(({ check, state }) => `${check} ${state}`)).toEqual([
      'counters not measured',
      'counters not measured',
    ]);
  });

  it('never passes a peer that the output does not speak of, whatever else it holds', () => {
    const noise = fc.stringMatching(/^[ -~]{0,40}$/).filter((line) => !line.startsWith('R 1 '));
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 8 }), (lines) => {
        const read = readProbes(host, peers, output('R 0 docker0 pass 0.1', ...lines));
        expect(read.filter(({ peer, state }) => peer === 'docker43' && state === 'pass')).toEqual([]);
      }),
    );
  });

  it('ignores probes of peers and checks that there are not', () => {
    const read = readProbes(host, peers, output('R 7 docker0 pass 0.1', 'R x docker0 pass 0.1', 'R 0 magic pass 1'));
    expect(read.filter(({ check }) => check !== 'counters')).toEqual([]);
  });
});
