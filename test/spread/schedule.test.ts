import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpen, learn, newReach, type Reach } from '../../src/spread/reach.js';
import {
  begin,
  end,
  type Fared,
  nextTransfers,
  type Spreading,
  type Transfer,
  targets,
  without,
} from '../../src/spread/schedule.js';

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const start = (holders: readonly string[], waiting: readonly string[], parallel = 1000): Spreading => ({
  holders,
  waiting,
  running: [],
  broken: new Set(),
  parallel,
});
const everybody = (...hosts: readonly string[][]): Reach => newReach(hosts.flat(), hosts.flat());

interface Told {
  readonly rounds: readonly (readonly Transfer[])[];
  readonly left: Spreading;
  readonly reach: Reach;
}

/** Rounds in which all that was begun ends before anything else begins, until nothing is left to begin. */
function play(
  first: Spreading,
  reach: Reach,
  fare: (transfer: Transfer, host: string) => Fared | 'no answer' = () => 'has it',
): Told {
  let state = first;
  let known = reach;
  const rounds: (readonly Transfer[])[] = [];
  for (;;) {
    const round = nextTransfers(state, known);
    if (round.length === 0) return { rounds, left: state, reach: known };
    rounds.push(round);
    for (const transfer of round) state = begin(state, transfer);
    for (const transfer of round) {
      const fared = targets(transfer).map((host) => [host, fare(transfer, host)] as const);
      if (transfer.kind === 'direct') known = learn(known, transfer.from, transfer.to, fared[0]?.[1] !== 'no answer');
      state = end(state, transfer, new Map(fared.map(([host, how]) => [host, how === 'no answer' ? 'waits' : how])));
    }
    if (rounds.length > 5000) throw new Error('it does not end');
  }
}

const counts = { holders: fc.integer({ min: 1, max: 6 }), needers: fc.integer({ min: 0, max: 70 }) };

describe('who sends to whom', () => {
  it('doubles: every host gets it once, in the fewest rounds that there can be', () => {
    fc.assert(
      fc.property(counts.holders, counts.needers, (h, n) => {
        const holders = names('h', h);
        const needers = names('n', n);
        const { rounds, left } = play(start(holders, needers), everybody(holders, needers));
        expect(rounds.flat().every((one) => one.kind === 'direct')).toBe(true);
        expect(rounds.flat().flatMap(targets).sort()).toEqual([...needers].sort());
        expect(left.waiting).toEqual([]);
        expect(rounds).toHaveLength(n === 0 ? 0 : Math.ceil(Math.log2(1 + n / h)));
      }),
    );
  });

  it('has no host send twice in a round, nor send before it has the file, nor more at a time than allowed', () => {
    fc.assert(
      fc.property(counts.holders, counts.needers, fc.integer({ min: 1, max: 5 }), (h, n, parallel) => {
        const holders = names('h', h);
        const needers = names('n', n);
        const { rounds, left } = play(start(holders, needers, parallel), everybody(holders, needers));
        const has = new Set(holders);
        for (const round of rounds) {
          expect(round.length).toBeLessThanOrEqual(parallel);
          const senders = round.flatMap((one) => (one.kind === 'direct' ? [one.from] : []));
          expect(new Set(senders).size).toBe(senders.length);
          expect(senders.every((host) => has.has(host))).toBe(true);
          for (const host of round.flatMap(targets)) has.add(host);
        }
        expect(left.waiting).toEqual([]);
      }),
    );
  });

  it('gets it to everybody whatever ways are shut, and tries no way twice', () => {
    fc.assert(
      fc.property(counts.holders, fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.boolean()), (h, n, shut) => {
        const holders = names('h', h);
        const needers = names('n', n);
        const ways = new Map<string, boolean>();
        const isShut = (way: string) => {
          const known = ways.get(way) ?? shut.next().value;
          ways.set(way, known);
          return known;
        };
        const tried: string[] = [];
        const { left } = play(start(holders, needers), everybody(holders, needers), (one, host) => {
          if (one.kind === 'laptop') return 'has it';
          tried.push(`${one.from}>${host}`);
          return isShut(`${one.from}>${host}`) ? 'no answer' : 'has it';
        });
        expect(left.waiting).toEqual([]);
        expect([...left.holders].sort()).toEqual([...holders, ...needers].sort());
        expect(new Set(tried).size).toBe(tried.length);
      }),
    );
  });

  it('gives the file of a sender that broke off to another one, and ends through the laptop', () => {
    const { rounds } = play(start(['a', 'b'], ['c']), everybody(['a', 'b', 'c']), (one) =>
      one.kind === 'laptop' ? 'has it' : 'waits',
    );
    expect(rounds.flat()).toEqual([
      { kind: 'direct', from: 'a', to: 'c' },
      { kind: 'direct', from: 'b', to: 'c' },
      { kind: 'laptop', to: ['c'] },
    ]);
  });

  it('leaves a host out that cannot take it, and goes on with the others', () => {
    const hosts = names('n', 9);
    const { left } = play(start(['a'], hosts), everybody(['a'], hosts), (_, host) =>
      host === 'n4' ? 'is out' : 'has it',
    );
    expect([...left.holders].sort()).toEqual(['a', ...hosts.filter((host) => host !== 'n4')].sort());
  });
});

describe('the way through the laptop', () => {
  it('serves one host where that one can pass it on', () => {
    const hosts = names('n', 7);
    const { rounds } = play(start([], hosts), everybody(hosts));
    expect(rounds[0]).toEqual([{ kind: 'laptop', to: ['n0'] }]);
    expect(rounds.flat().filter((one) => one.kind === 'laptop')).toHaveLength(1);
    expect(rounds).toHaveLength(4);
  });

  it('serves all in one stream where nobody can pass it on', () => {
    const hosts = names('n', 7);
    const { rounds } = play(start(['a'], hosts), newReach([], hosts));
    expect(rounds).toEqual([[{ kind: 'laptop', to: hosts }]]);
  });

  it('stops asking in a network that lets nothing through', () => {
    const hosts = names('n', 40);
    const { rounds } = play(start(['a'], hosts), everybody(['a'], hosts), (one) =>
      one.kind === 'laptop' ? 'has it' : 'no answer',
    );
    const direct = rounds.flat().filter((one) => one.kind === 'direct');
    expect(direct.length).toBeLessThanOrEqual(3);
    expect(rounds.length).toBeLessThanOrEqual(8);
  });

  it('is not taken while somebody who gets the file could pass it on', () => {
    const state = begin(start(['a'], ['b', 'c']), { kind: 'direct', from: 'a', to: 'b' });
    const reach = learn(everybody(['a', 'b', 'c']), 'a', 'c', false);
    expect(isOpen(reach, 'a', 'c')).toBe(false);
    expect(nextTransfers(state, reach)).toEqual([]);
  });
});

it('does not ask a holder that is gone', () => {
  expect(nextTransfers(without(start(['a', 'b'], ['c']), 'a'), everybody(['a', 'b', 'c']))).toEqual([
    { kind: 'direct', from: 'b', to: 'c' },
  ]);
});
