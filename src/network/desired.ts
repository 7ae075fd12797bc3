import type { HostFacts } from '../facts/types.js';
import type { Host } from '../inventory/types.js';
import { firstAddress } from './address.js';
import { firewallRules } from './firewall.js';
import { foreseenOrigin, openvSwitchOrigins } from './openvswitch/origin.js';
import type { OvsKnowledge } from './openvswitch/types.js';
import { dockerSource } from './origin.js';
import { tunnelProbe } from './probes.js';
import { restoreScript, restoreUnit } from './restore.js';
import { tunnelMtu, tunnelNames } from './tunnels.js';
import type { MeshVariables, Tunnel } from './types.js';

/** What is known of a host when the network is worked out. */
export interface Member {
  readonly host: Host;
  /** The underlay address after names were resolved. */
  readonly underlay: string;
  readonly slice: string;
  /** undefined: not looked at (left out by a limit), or could not be reached. */
  readonly facts?: HostFacts;
  /** It cannot be worked with now: its neighbours neither make nor remove tunnels to it. */
  readonly absent: boolean;
}

export interface NetworkInput {
  readonly members: readonly Member[];
  /** The MTU that the mesh already has, by its lock file. */
  readonly lockedMtu?: number;
  /** What the lock file and the laptop's files say of Open vSwitch. */
  readonly openvswitch?: OvsKnowledge;
}

/** Router advertisements and the answers of DHCP servers stay on the segment that they belong to. */
export const MESH_FLOWS: readonly string[] = [
  'priority=100,icmp6,icmp_type=134,actions=drop',
  'priority=100,udp,tp_src=67,tp_dst=68,actions=drop',
  'priority=100,udp6,tp_src=547,tp_dst=546,actions=drop',
];

/** The name of the link that holds an address, and its MTU in bytes. */
export function linkOf(facts: HostFacts | undefined, address: string): { name: string; mtu: number } | undefined {
  if (!facts?.addresses.known || !facts.links.known) return undefined;
  const holder = facts.addresses.value.find((entry) => entry.address === address);
  const link = holder && facts.links.value.find((entry) => entry.name === holder.link);
  return link && { name: link.name, mtu: link.mtu };
}

/** The MTU that a member's underlay allows, or undefined where its underlay link is not known. */
export function allowedMtu(member: Member): number | undefined {
  const link = linkOf(member.facts, member.underlay);
  const { tunnelType, tunnelKey } = member.host.mesh;
  return link && tunnelMtu(link.mtu, tunnelType, tunnelKey !== undefined);
}

/**
 * The MTU of the whole mesh, in bytes: what `mesh_mtu` says, else what the mesh has already, else the smallest that an
 * underlay allows. One value for all: containers of two sizes lose packets without a word.
 */
export function meshMtu(input: NetworkInput): number {
  const given = input.members.map((member) => member.host.mesh.mtu).filter((mtu) => mtu !== undefined);
  if (given.length > 0) return Math.min(...given);
  if (input.lockedMtu !== undefined) return input.lockedMtu;
  const allowed = input.members.map(allowedMtu).filter((mtu) => mtu !== undefined);
  if (allowed.length > 0) return Math.min(...allowed);
  const settings = input.members[0]?.host.mesh;
  return settings ? tunnelMtu(1500, settings.tunnelType, settings.tunnelKey !== undefined) : 1500;
}

function tunnelsOf(member: Member, members: readonly Member[]): readonly Tunnel[] {
  const peers = members.filter((peer) => peer.host.name !== member.host.name);
  const { tunnelType, tunnelKey } = member.host.mesh;
  const names = tunnelNames(
    tunnelType,
    peers.map((peer) => peer.host.name),
  );
  return peers.map((peer) => ({
    name: names.get(peer.host.name) ?? '',
    type: tunnelType,
    peer: peer.host.name,
    remote_ip: peer.underlay,
    local_ip: member.underlay,
    key: tunnelKey ?? null,
    state: peer.absent ? 'waiting' : 'wanted',
  }));
}

function sysctlsOf(member: Member): Readonly<Record<string, string>> {
  const { bridge, dockerBridge, addressing } = member.host.mesh;
  const own = { [`net.ipv6.conf.${bridge}.disable_ipv6`]: '1' };
  if (addressing === 'flat') return own;
  // Packets that leave by the link they came in on are the routed mesh's ordinary case, not a host's mistake (ip-sysctl).
  return {
    ...own,
    'net.ipv4.conf.all.send_redirects': '0',
    [`net.ipv4.conf.${dockerBridge}.send_redirects`]: '0',
    [`net.ipv4.conf.${dockerBridge}.rp_filter`]: '2',
  };
}

/**
 * Works out what every host shall have: the only place that reasons across hosts. The result is each host's `mesh.*`
 * variables; hosts that are absent are in it too, as they will be asked for when they are back.
 */
export function desired(input: NetworkInput): ReadonlyMap<string, MeshVariables> {
  const mtu = meshMtu(input);
  const { origins } = openvSwitchOrigins(input.members, input.openvswitch);
  return new Map(
    input.members.map((member) => {
      const { mesh } = member.host;
      const flat = mesh.addressing === 'flat';
      const address = firstAddress(member.slice);
      const bip = `${address}/${(flat ? mesh.cidr : member.slice).split('/')[1]}`;
      const tunnels = tunnelsOf(member, input.members);
      const routes = flat ? [] : [{ to: mesh.cidr, link: mesh.dockerBridge }];
      const sysctls = sysctlsOf(member);
      const firewall = firewallRules({ facts: member.facts, tunnels, settings: mesh, slice: member.slice });
      const openvswitch = origins.get(member.host.name) ?? foreseenOrigin(mesh.ovsSource);
      const docker = dockerSource(member.facts);
      const variables: MeshVariables = {
        cidr: mesh.cidr,
        slice: member.slice,
        address,
        bip,
        fixed_cidr: flat ? member.slice : null,
        mtu,
        addressing: mesh.addressing,
        datapath: mesh.datapath,
        bridge: mesh.bridge,
        docker_bridge: mesh.dockerBridge,
        underlay_address: member.underlay,
        underlay_link: linkOf(member.facts, member.underlay)?.name ?? null,
        tunnel_type: mesh.tunnelType,
        tunnels,
        probe: tunnelProbe(member, input.members, mtu),
        adopt: mesh.adopt,
        ovs: openvswitch,
        ovs_packages: openvswitch.packages,
        ovs_service: openvswitch.service,
        docker_packages: docker.packages,
        docker_service: docker.service,
        flows: MESH_FLOWS,
        routes,
        sysctls,
        firewall,
        restore_script: restoreScript({
          bridge: mesh.bridge,
          dockerBridge: mesh.dockerBridge,
          dockerService: docker.service,
          bip,
          slice: member.slice,
          mtu,
          flows: MESH_FLOWS,
          routes,
          sysctls,
          firewall,
        }),
        restore_unit: restoreUnit([docker.service, openvswitch.service, 'ovs-vswitchd']),
      };
      return [member.host.name, variables];
    }),
  );
}
