import { createHash } from 'node:crypto';
import type { TunnelType } from '../inventory/types.js';

/** What a tunnel type costs and how it shows on the underlay. */
export interface TunnelKind {
  /** Bytes that the encapsulation takes from the underlay's MTU, over IPv4, inner Ethernet header included. */
  readonly overhead: number;
  /** Bytes more when the tunnel has a key. */
  readonly keyOverhead: number;
  /** How a firewall lets it in: iptables match words. */
  readonly match: readonly string[];
  /** The same in the words of a rich rule (firewalld.richlanguage(5)). */
  readonly richRule: string;
  /** How people call it on the wire. */
  readonly wire: string;
  /** The kernel modules that carry it in the `system` datapath. */
  readonly modules: readonly string[];
}

/**
 * The tunnel types. Overheads over IPv4: inner Ethernet 14 + outer IP 20, plus GRE 4 (RFC 2784; a key adds 4, RFC 2890),
 * or UDP 8 and VXLAN 8 (RFC 7348), or UDP 8 and Geneve 8 without options (RFC 8926), whose keys are part of the header.
 */
export const TUNNEL_KINDS: Readonly<Record<TunnelType, TunnelKind>> = {
  gre: {
    overhead: 38,
    keyOverhead: 4,
    match: ['-p', 'gre'],
    richRule: 'protocol value=gre',
    wire: 'IP protocol 47',
    modules: ['openvswitch', 'vport_gre'],
  },
  vxlan: {
    overhead: 50,
    keyOverhead: 0,
    match: ['-p', 'udp', '-m', 'udp', '--dport', '4789'],
    richRule: 'port port=4789 protocol=udp',
    wire: 'UDP port 4789',
    modules: ['openvswitch', 'vport_vxlan'],
  },
  geneve: {
    overhead: 50,
    keyOverhead: 0,
    match: ['-p', 'udp', '-m', 'udp', '--dport', '6081'],
    richRule: 'port port=6081 protocol=udp',
    wire: 'UDP port 6081',
    modules: ['openvswitch', 'vport_geneve'],
  },
};

/** The largest inner IP packet that fits an underlay of this MTU, in bytes. */
export function tunnelMtu(underlayMtu: number, type: TunnelType, keyed: boolean): number {
  const kind = TUNNEL_KINDS[type];
  return underlayMtu - kind.overhead - (keyed ? kind.keyOverhead : 0);
}

/** Linux's IFNAMSIZ is 16 with the closing NUL (linux/if.h). */
const MAX_NAME = 15;

/**
 * The names of one host's tunnel ports, by peer. `type-peer` where that is a legal interface name of at most 15
 * characters, else the type and eight hexadecimal digits of the peer's sha256. The same peers give the same names.
 */
export function tunnelNames(type: TunnelType, peers: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const peer of [...peers].sort()) {
    const plain = `${type}-${peer}`;
    let name = plain;
    for (let salt = 0; name.length > MAX_NAME || !/^[A-Za-z0-9_.-]+$/.test(name) || taken.has(name); salt++) {
      const text = salt === 0 ? peer : `${peer}\n${salt}`;
      name = `${type}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
    }
    taken.add(name);
    names.set(peer, name);
  }
  return names;
}
