import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OvsBridge } from '../../src/facts/types.js';
import { tunnelProbe } from '../../src/network/probes.js';
import { member } from './members.js';

const bridgeTo = (remote: string, error: string | null = null): OvsBridge => ({
  name: 'br0',
  datapath: 'netdev',
  failMode: null,
  controllers: [],
  protocols: [],
  stp: false,
  rstp: false,
  externalIds: { 'mesh-owner': 'mesh' },
  otherConfig: {},
  ports: [
    {
      name: 'gre-x',
      protected: true,
      tag: null,
      externalIds: {},
      interfaces: [
        { name: 'gre-x', type: 'gre', options: { remote_ip: remote }, mtuRequest: null, error, externalIds: {} },
      ],
    },
  ],
  flows: { known: true, value: [] },
});

const withTunnel = (number: number, remote: string, error?: string) =>
  member({
    number,
    facts: {
      openvswitch: {
        known: true,
        value: { installed: true, running: true, version: '3.1.0', bridges: [bridgeTo(remote, error ?? null)] },
      },
    },
  });

const peersOf = (at: number, members: readonly ReturnType<typeof member>[]) => {
  const one = members[at];
  if (!one) throw new Error('no such member');
  return tunnelProbe(one, members, 1462).peers.map(({ peer }) => peer);
};

describe('tunnelProbe', () => {
  it('calls every peer where there is no tunnel at all', () => {
    const members = [member({ number: 41 }), member({ number: 42 }), member({ number: 43 })];
    expect(members.map((_, at) => peersOf(at, members))).toEqual([
      ['docker42', 'docker43'],
      ['docker41', 'docker43'],
      ['docker41', 'docker42'],
    ]);
  });

  it('leaves a pair alone when one side still has its tunnel: the other could not tell who has lost it', () => {
    const members = [withTunnel(41, '192.168.199.42'), member({ number: 42 })];
    expect([peersOf(0, members), peersOf(1, members)]).toEqual([[], []]);
  });

  it('calls again where Open vSwitch could not make the tunnel', () => {
    const members = [withTunnel(41, '192.168.199.42', 'Address family not supported'), member({ number: 42 })];
    expect([peersOf(0, members), peersOf(1, members)]).toEqual([['docker42'], ['docker41']]);
  });

  it('calls nobody who is away or was not looked at', () => {
    const members = [
      member({ number: 41 }),
      member({ number: 42, absent: true }),
      member({ number: 43, unseen: true }),
    ];
    expect(peersOf(0, members)).toEqual([]);
  });

  it('uses a key of its own, and makes room for it', () => {
    const [plain, keyed] = [member({}), member({ mesh: { tunnelKey: 0x6d7370 } })];
    expect(tunnelProbe(plain, [plain], 1462)).toMatchObject({ key: 0x6d7370, mtu: 1458 });
    expect(tunnelProbe(keyed, [keyed], 1458)).toMatchObject({ key: 0x6d7371, mtu: 1458 });
    const vxlan = member({ mesh: { tunnelType: 'vxlan' } });
    expect(tunnelProbe(vxlan, [vxlan], 1450)).toMatchObject({ type: 'vxlan', mtu: 1450 });
  });

  it('is the same at both ends, with addresses that nobody else has', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.array(fc.tuple(fc.nat(39), fc.nat(39)), { maxLength: 30 }),
        (count, tunnels) => {
          const members = Array.from({ length: count }, (_, at) => {
            const remotes = tunnels.flatMap(([from, to]) =>
              from === at && to < count ? [`192.168.199.${to + 1}`] : [],
            );
            return remotes[0] === undefined ? member({ number: at + 1 }) : withTunnel(at + 1, remotes[0]);
          });
          const probes = members.map((one) => tunnelProbe(one, members, 1462));
          expect(new Set(probes.map(({ address }) => address)).size).toBe(count);
          for (const [at, probe] of probes.entries()) {
            for (const { peer, address } of probe.peers) {
              const other = members.findIndex(({ host }) => host.name === peer);
              expect(probes[other]?.address).toBe(address);
              expect(probes[other]?.peers.map((back) => back.peer)).toContain(members[at]?.host.name);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
