import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desired, meshMtu } from '../../src/network/desired.js';
import { member } from './members.js';

const three = [member({ number: 41 }), member({ number: 42 }), member({ number: 43 })];

describe('desired', () => {
  it('gives a flat host its address with the prefix of the whole CIDR, and its slice to hand out', () => {
    const one = desired({ members: three }).get('docker41');
    expect(one).toMatchObject({ bip: '172.17.41.1/16', fixed_cidr: '172.17.41.0/24', mtu: 1462, routes: [] });
    expect(Object.keys(one?.sysctls ?? {})).toEqual(['net.ipv6.conf.br0.disable_ipv6']);
  });

  it('gives a routed host its slice on docker0, the route to the others, and no redirects', () => {
    const members = [41, 42].map((number) => member({ number, mesh: { addressing: 'routed' } }));
    const one = desired({ members }).get('docker41');
    expect(one).toMatchObject({
      bip: '172.17.41.1/24',
      fixed_cidr: null,
      routes: [{ to: '172.17.0.0/16', link: 'docker0' }],
    });
    expect(one?.sysctls).toMatchObject({
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.docker0.send_redirects': '0',
    });
  });

  it('makes n(n-1) tunnel ends that mirror each other, each with its local address', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (count) => {
        const members = Array.from({ length: count }, (_, index) => member({ number: 10 + index }));
        const mesh = desired({ members });
        const ends = [...mesh].flatMap(([name, { tunnels }]) => tunnels.map((tunnel) => ({ ...tunnel, host: name })));
        expect(ends).toHaveLength(count * (count - 1));
        for (const end of ends) {
          const other = ends.find((one) => one.host === end.peer && one.peer === end.host);
          expect(other).toMatchObject({ remote_ip: end.local_ip, local_ip: end.remote_ip, type: end.type });
        }
      }),
    );
  });

  it('lets the neighbours of a host that is away wait, and still knows what that host shall have', () => {
    const mesh = desired({ members: [member({ number: 41 }), member({ number: 42, absent: true, unseen: true })] });
    expect(mesh.get('docker41')?.tunnels).toMatchObject([{ peer: 'docker42', state: 'waiting' }]);
    expect(mesh.get('docker42')?.bip).toBe('172.17.42.1/16');
  });
});

describe('meshMtu', () => {
  it('is the smallest that an underlay allows', () => {
    expect(meshMtu({ members: [member({ number: 41 }), member({ number: 42, linkMtu: 1450 })] })).toBe(1412);
  });

  it.each([
    ['gre', undefined, 1500, 1462],
    ['gre', 7, 1500, 1458],
    ['vxlan', undefined, 1500, 1450],
    ['vxlan', 7, 1500, 1450],
    ['geneve', 7, 9000, 8950],
    ['gre', undefined, 1400, 1362],
  ] as const)(
    'leaves room for %s with the key %s in an underlay of %i bytes: %i',
    (tunnelType, tunnelKey, linkMtu, mtu) => {
      const mesh = { tunnelType, ...(tunnelKey !== undefined && { tunnelKey }) };
      expect(meshMtu({ members: [member({ linkMtu, mesh }), member({ number: 42, linkMtu: 9000, mesh })] })).toBe(mtu);
    },
  );

  it('stays what the mesh has already', () => {
    expect(meshMtu({ members: [member({ linkMtu: 9000 })], lockedMtu: 1462 })).toBe(1462);
  });

  it('is what mesh_mtu says above all', () => {
    expect(meshMtu({ members: [member({ mesh: { mtu: 1400 } })], lockedMtu: 1462 })).toBe(1400);
  });
});
