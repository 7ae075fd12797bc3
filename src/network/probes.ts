import type { Member } from './desired.js';
import { TUNNEL_KINDS } from './tunnels.js';
import type { TunnelProbe } from './types.js';

/** A key that no mesh is likely to use, so that a probe's tunnel is never taken for the real one: 24 bits, as a VNI has. */
const PROBE_KEY = 0x6d7370;

/** Addresses of one block of the link-local network are never routed (RFC 3927); .169 is left to clouds' metadata services. */
function probeAddress(index: number): string {
  return `169.254.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`;
}

/** Whether a host has a tunnel to an address already that Open vSwitch could make. */
function hasTunnel(member: Member, remote: string): boolean {
  if (!member.facts?.openvswitch.known) return false;
  const { tunnelType, bridge } = member.host.mesh;
  return member.facts.openvswitch.value.bridges
    .filter(({ name }) => name === bridge)
    .flatMap(({ ports }) => ports.flatMap(({ interfaces }) => interfaces))
    .some((one) => one.type === tunnelType && one.options.remote_ip === remote && one.error === null);
}

/**
 * The peers towards which it has to be tried out whether tunnel packets pass at all: those to which neither side has a
 * tunnel yet. Both sides come to the same answer, as a probe wants an end at each. Nobody probes a host that was not looked
 * at. `members` in the order of the inventory: a host's place there gives it its temporary address.
 *
 * @param mtu - the mesh's, in bytes.
 */
export function tunnelProbe(member: Member, members: readonly Member[], mtu: number): TunnelProbe {
  const { tunnelType, tunnelKey, datapath } = member.host.mesh;
  const works = (one: Member) => one.facts !== undefined && !one.absent;
  const peers = members.flatMap((peer, index) => {
    const tried = hasTunnel(member, peer.underlay) || hasTunnel(peer, member.underlay);
    if (peer.host.name === member.host.name || !works(peer) || !works(member) || tried) return [];
    return [{ peer: peer.host.name, remote_ip: peer.underlay, address: probeAddress(index) }];
  });
  return {
    type: tunnelType,
    key: tunnelKey === PROBE_KEY ? PROBE_KEY + 1 : PROBE_KEY,
    local_ip: member.underlay,
    address: probeAddress(members.indexOf(member)),
    // The probe's key makes room for less where the mesh's own tunnels have none.
    mtu: mtu - (tunnelKey === undefined ? TUNNEL_KINDS[tunnelType].keyOverhead : 0),
    datapath,
    peers,
  };
}
