import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tunnelMtu, tunnelNames } from '../../src/network/tunnels.js';

describe('tunnelNames', () => {
  it('uses type and peer where that fits an interface name', () => {
    expect([...tunnelNames('gre', ['docker42', 'docker43'])]).toEqual([
      ['docker42', 'gre-docker42'],
      ['docker43', 'gre-docker43'],
    ]);
  });

  it('falls back to a hash for long names and for names that no interface can have', () => {
    const names = tunnelNames('geneve', ['docker42.example.com', 'a/b', 'x y']);
    for (const name of names.values()) expect(name).toMatch(/^geneve-[0-9a-f]{8}$/);
  });

  it('gives unique legal names that do not depend on the order of the peers', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 30 }), { maxLength: 40 }), (peers) => {
        const names = tunnelNames('gre', peers);
        expect(new Set(names.values()).size).toBe(peers.length);
        for (const name of names.values()) expect(name).toMatch(/^[A-Za-z0-9_.-]{1,15}$/);
        const reversed = tunnelNames('gre', [...peers].reverse());
        for (const peer of peers) expect(reversed.get(peer)).toBe(names.get(peer));
      }),
    );
  });

  it("never takes the kernel's own gre0", () => {
    expect([...tunnelNames('gre', ['0', 'gre0']).values()]).not.toContain('gre0');
  });
});

describe('tunnelMtu', () => {
  it.each([
    ['gre', false, 1462],
    ['gre', true, 1458],
    ['vxlan', false, 1450],
    ['vxlan', true, 1450],
    ['geneve', false, 1450],
  ] as const)('takes the overhead of %s (key: %s) from 1500', (type, keyed, mtu) => {
    expect(tunnelMtu(1500, type, keyed)).toBe(mtu);
  });
});
