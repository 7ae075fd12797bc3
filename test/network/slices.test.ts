import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_LOCK, type Lock } from '../../src/inventory/lock.js';
import { containsAddress, containsCidr, overlaps, parseCidr } from '../../src/network/address.js';
import { allotSlices, allottable, lockAfter, type SliceRequest } from '../../src/network/slices.js';

const CIDR = '172.17.0.0/16';

function allot(hosts: readonly SliceRequest[], lock: Lock = EMPTY_LOCK, rest: { cidr?: string; prefix?: number } = {}) {
  return allotSlices({ hosts, cidr: CIDR, prefix: 24, lock, today: '2026-01-31', ...rest });
}

/** `docker41` at 192.168.199.41, or a host at any other address. */
function host(name: string, rest: Partial<SliceRequest> = {}): SliceRequest {
  return { name, underlayAddress: `192.168.199.${name.replace(/\D/g, '') || '1'}`, ...rest };
}

function shown(...[hosts, lock, rest]: Parameters<typeof allot>): { readonly [name: string]: string } {
  const { slices, conflicts } = allot(hosts, lock, rest);
  expect(conflicts).toEqual([]);
  return Object.fromEntries([...slices].map(([name, { slice, because }]) => [name, `${slice} ${because}`]));
}

function locked(slices: Record<string, string>, retired: Lock['retired'] = []): Lock {
  return { ...EMPTY_LOCK, slices, retired };
}

describe("the seed's rule", () => {
  it('names the slice after the last byte of the underlay address', () => {
    expect(shown([host('docker41'), host('docker42')])).toEqual({
      docker41: '172.17.41.0/24 seed rule',
      docker42: '172.17.42.0/24 seed rule',
    });
  });

  it('gives neither of two hosts with one last byte what both ask for', () => {
    const there = { underlayAddress: '10.0.0.41' };
    expect(shown([host('docker41'), host('b', there), host('docker42')])).toEqual({
      docker41: '172.17.1.0/24 next free',
      b: '172.17.2.0/24 next free',
      docker42: '172.17.42.0/24 seed rule',
    });
  });

  it.each(['10.0.0.0', '10.0.0.255', 'docker41.example.com', '172.17.5.5'])('leaves %s to the next free', (address) => {
    expect(shown([host('a', { underlayAddress: address })])).toEqual({ a: '172.17.1.0/24 next free' });
  });

  it('holds for /24 slices of a /16 only', () => {
    expect(shown([host('docker41')], EMPTY_LOCK, { prefix: 25 })).toEqual({ docker41: '172.17.0.128/25 next free' });
    expect(shown([host('docker41')], EMPTY_LOCK, { cidr: '172.16.0.0/15' })).toEqual({
      docker41: '172.16.1.0/24 next free',
    });
  });

  it('yields to the host that has the slice already, here or in the lock', () => {
    const lock = locked({ a: '172.17.41.0/24' });
    expect(shown([host('docker41'), host('a', { underlayAddress: '10.0.0.7' })], lock)).toEqual({
      docker41: '172.17.1.0/24 next free',
      a: '172.17.41.0/24 lock',
    });
    expect(shown([host('docker41')], lock)).toEqual({ docker41: '172.17.1.0/24 next free' });
  });
});

describe('the order of what decides', () => {
  it('is mesh_slice, lock, record, seed rule, next free', () => {
    const all = { wanted: '172.17.5.0/24', recorded: '172.17.7.0/24' };
    const lock = locked({ docker41: '172.17.6.0/24' });
    expect(shown([host('docker41', all)], lock)).toEqual({ docker41: '172.17.5.0/24 given' });
    expect(shown([host('docker41', { recorded: all.recorded })], lock)).toEqual({ docker41: '172.17.6.0/24 lock' });
    expect(shown([host('docker41', { recorded: all.recorded })])).toEqual({ docker41: '172.17.7.0/24 record' });
    expect(shown([host('docker41')])).toEqual({ docker41: '172.17.41.0/24 seed rule' });
  });

  it('passes over what does not fit the network any more', () => {
    const lock = locked({ docker41: '10.172.6.0/24', docker42: '172.17.6.0/25', docker43: '172.17.0.0/24' });
    expect(
      shown([host('docker41'), host('docker42'), host('docker43', { recorded: '172.17.255.0/24' })], lock),
    ).toEqual({
      docker41: '172.17.41.0/24 seed rule',
      docker42: '172.17.42.0/24 seed rule',
      docker43: '172.17.43.0/24 seed rule',
    });
  });
});

describe('what two hosts claim', () => {
  const messages = (...input: Parameters<typeof allot>) => allot(...input).conflicts.map(({ message }) => message);

  it.each<[string, readonly SliceRequest[], Lock, string]>([
    [
      'given twice',
      [host('a', { wanted: '172.17.5.0/24' }), host('b', { wanted: '172.17.5.0/24' })],
      EMPTY_LOCK,
      'the slice 172.17.5.0/24 is given to both a and b',
    ],
    [
      'given to one, locked for the other',
      [host('a'), host('b', { wanted: '172.17.5.0/24' })],
      locked({ a: '172.17.5.0/24' }),
      '172.17.5.0/24 is the slice of a by the lock file, and b has it too (given)',
    ],
    [
      'locked twice by a hand',
      [host('a'), host('b')],
      locked({ a: '172.17.5.0/24', b: '172.17.5.0/24' }),
      '172.17.5.0/24 is the slice of b by the lock file, and a has it too (lock)',
    ],
    [
      'locked for one, on record with the other',
      [host('a'), host('b', { recorded: '172.17.5.0/24' })],
      locked({ a: '172.17.5.0/24' }),
      '172.17.5.0/24 is the slice of b by the record on the host, and a has it too (lock)',
    ],
    [
      'outside',
      [host('a', { wanted: '10.0.0.0/24' })],
      EMPTY_LOCK,
      'the slice 10.0.0.0/24 given to a is none of 172.17.0.0/16',
    ],
  ])('is told: %s', (_, hosts, lock, message) => {
    expect(messages(hosts, lock)).toEqual([message]);
  });

  it('is told for each host that finds no room', () => {
    const hosts = ['a', 'b', 'c'].map((name) => host(name));
    expect(messages(hosts, EMPTY_LOCK, { cidr: '172.17.0.0/22' })).toEqual([
      'no slice is free for c: 172.17.0.0/22 has 2 of /24',
    ]);
  });
});

describe('a slice that was given up', () => {
  const old = { slice: '172.17.41.0/24', host: 'docker41', since: '2026-01-01' };

  it('is written down with the day', () => {
    const { retired } = allot([host('docker42')], locked({ docker41: '172.17.41.0/24', docker42: '172.17.42.0/24' }));
    expect(retired).toEqual([{ ...old, since: '2026-01-31' }]);
  });

  it('is not handed out while another is free', () => {
    expect(shown([host('b', { underlayAddress: '10.0.0.41' })], locked({}, [old]))).toEqual({
      b: '172.17.1.0/24 next free',
    });
  });

  it('goes back to the host that had it', () => {
    expect(shown([host('docker41', { underlayAddress: '10.0.0.9' })], locked({}, [old]))).toEqual({
      docker41: '172.17.41.0/24 lock',
    });
    expect(allot([host('docker41')], locked({}, [old])).retired).toEqual([]);
  });

  it('is handed out when nothing else is free, the longest retired first', () => {
    const retired = [
      { slice: '172.17.1.0/24', host: 'x', since: '2026-01-02' },
      { slice: '172.17.2.0/24', host: 'y', since: '2026-01-01' },
    ];
    expect(shown([host('b')], locked({}, retired), { cidr: '172.17.0.0/22' })).toEqual({
      b: '172.17.2.0/24 next free',
    });
  });

  it('stays written down while the network is another one', () => {
    expect(allot([host('docker41')], locked({}, [old]), { cidr: '10.0.0.0/16' }).retired).toEqual([old]);
  });
});

describe('whatever hosts come and go', () => {
  const name = fc.integer({ min: 0, max: 30 }).map((number) => `host${number}`);
  const address = fc.tuple(fc.constantFrom('10.0.0', '10.0.1', '192.168.199'), fc.nat({ max: 255 }));
  const request = fc.record({ name, underlayAddress: address.map(([net, last]) => `${net}.${last}`) });
  const inventory = fc.uniqueArray(request, { selector: (one) => one.name, maxLength: 20 });
  const network = fc.constantFrom(
    { cidr: CIDR, prefix: 24 },
    { cidr: '10.172.0.0/16', prefix: 24 },
    { cidr: '172.17.0.0/19', prefix: 24 },
    { cidr: '172.16.0.0/12', prefix: 20 },
    { cidr: '172.17.0.0/24', prefix: 29 },
  );

  it('no host that stays is renumbered, and no two share a slice', () => {
    fc.assert(
      fc.property(fc.array(inventory, { minLength: 2, maxLength: 8 }), network, (runs, net) => {
        let lock = EMPTY_LOCK;
        for (const hosts of runs) {
          const allotment = allot(hosts, lock, net);
          const slices = [...allotment.slices.values()].flatMap(({ slice }) => parseCidr(slice) ?? []);
          expect(slices).toHaveLength(allotment.slices.size);
          for (const [index, one] of slices.entries())
            for (const other of slices.slice(index + 1)) expect(overlaps(one, other)).toBe(false);
          for (const { name: kept } of hosts) {
            const before = lock.slices[kept];
            if (before !== undefined) expect(allotment.slices.get(kept)?.slice).toBe(before);
          }
          lock = lockAfter(lock, allotment);
        }
      }),
    );
  });

  it('every slice is inside the network, and neither its first nor its last', () => {
    fc.assert(
      fc.property(inventory, network, (hosts, net) => {
        const cidr = parseCidr(net.cidr);
        const { slices, conflicts } = allot(hosts, EMPTY_LOCK, net);
        if (!cidr) throw new Error(net.cidr);
        expect(slices.size + conflicts.length).toBe(hosts.length);
        expect(slices.size).toBe(Math.min(hosts.length, allottable(cidr, net.prefix)));
        for (const { slice } of slices.values()) {
          const one = parseCidr(slice);
          if (!one) throw new Error(slice);
          expect(containsCidr(cidr, one)).toBe(true);
          expect(containsAddress(one, cidr.base + 1)).toBe(false);
          expect(containsAddress(one, cidr.base + 2 ** (32 - cidr.prefix) - 1)).toBe(false);
        }
      }),
    );
  });

  it("the seed's rule does not depend on the order of the hosts", () => {
    fc.assert(
      fc.property(inventory, (hosts) => {
        const bySeed = (list: readonly SliceRequest[]) =>
          [...allot(list).slices].filter(([, { because }]) => because === 'seed rule').sort();
        expect(bySeed([...hosts].reverse())).toEqual(bySeed(hosts));
      }),
    );
  });

  it('a second run with the lock of the first changes nothing', () => {
    fc.assert(
      fc.property(inventory, network, (hosts, net) => {
        const first = allot(hosts, EMPTY_LOCK, net);
        const lock = lockAfter(EMPTY_LOCK, first);
        const again = allot([...hosts].reverse(), lock, net);
        expect(lockAfter(lock, again)).toEqual(lock);
      }),
    );
  });
});
