import type { Finding } from '../events/types.js';
import type { HostFacts } from '../facts/types.js';
import { containsAddress, containsCidr, parseAddress, parseCidr } from './address.js';
import { allowedMtu, linkOf, type Member, meshMtu, type NetworkInput } from './desired.js';
import { type HostFinding, refuse, warn } from './finding.js';
import { openvSwitchOrigins } from './openvswitch/origin.js';
import { dockerSource } from './origin.js';
import { surroundings } from './surroundings.js';
import { TUNNEL_KINDS } from './tunnels.js';

function underlay(member: Member, facts: HostFacts): readonly HostFinding[] {
  if (!facts.addresses.known) {
    return [
      refuse(
        member,
        'addresses-unknown',
        `its addresses could not be read: ${facts.addresses.why}`,
        'see to it that `ip addr` works there as root',
      ),
    ];
  }
  if (facts.addresses.value.some((entry) => entry.address === member.underlay)) return [];
  const has = facts.addresses.value.filter(
    (entry) => entry.family === 4 && entry.scope === 'global' && !/^(docker|br-|veth)/.test(entry.link),
  );
  return [
    refuse(
      member,
      'underlay-not-on-host',
      `the underlay address ${member.underlay} is not on the host (it has ${has.map((entry) => entry.address).join(', ') || 'no other'}); a tunnel must end at an address of the host itself, so a host behind NAT cannot take part`,
      `set mesh_underlay_address of ${member.host.name} to the address by which its peers see it`,
    ),
  ];
}

function datapath(member: Member, facts: HostFacts): readonly HostFinding[] {
  const { mesh } = member.host;
  const kind = TUNNEL_KINDS[mesh.tunnelType];
  if (mesh.datapath === 'netdev') {
    const link = linkOf(facts, member.underlay);
    const running = facts.openvswitch.known && facts.openvswitch.value.running;
    const bridges = facts.openvswitch.known ? facts.openvswitch.value.bridges : [];
    const inBridge = bridges.some((bridge) => bridge.datapath === 'netdev' && bridge.name === link?.name);
    if (!running || !link || inBridge) return [];
    return [
      warn(
        member,
        'netdev-underlay',
        `the underlay address is on ${link.name}, which is not a bridge of the userspace datapath; tunnels of that datapath leave only by such a bridge`,
        'put the underlay NIC into a bridge with datapath_type=netdev and its address on that bridge, or set mesh_datapath: system',
      ),
    ];
  }
  if (!facts.system.known) return [];
  const missing = kind.modules.filter((module) => !facts.system.known || !facts.system.value.modules.includes(module));
  if (missing.length === 0) return [];
  return [
    refuse(
      member,
      'kernel-without-tunnels',
      `its kernel ${facts.system.value.kernel} has no ${missing.join(' and no ')}, which ${mesh.tunnelType} tunnels in the kernel's datapath need`,
      'boot a kernel that has them, or set mesh_datapath: netdev for this host',
    ),
  ];
}

function mtu(member: Member, wanted: number): readonly HostFinding[] {
  const allowed = allowedMtu(member);
  if (allowed === undefined || allowed >= wanted) return [];
  return [
    refuse(
      member,
      'underlay-too-small',
      `its underlay lets through packets of ${allowed} bytes inside a tunnel, but the mesh uses an MTU of ${wanted}`,
      `raise the MTU of its underlay link, or set mesh_mtu: ${allowed} for all hosts (every dockerd is then restarted)`,
    ),
  ];
}

function routes(member: Member, facts: HostFacts): readonly HostFinding[] {
  const cidr = parseCidr(member.host.mesh.cidr);
  if (!facts.routes.known || !cidr) return [];
  const thieves = facts.routes.value.filter((route) => {
    const to = parseCidr(route.to.includes('/') ? route.to : `${route.to}/32`);
    return (
      to !== undefined && containsCidr(cidr, to) && route.link !== null && route.link !== member.host.mesh.dockerBridge
    );
  });
  const holders = facts.routes.value.filter((route) => {
    const to = parseCidr(route.to);
    const direct = route.via === null && route.link !== null && route.link !== member.host.mesh.dockerBridge;
    return to !== undefined && direct && to.prefix < cidr.prefix && containsCidr(to, cidr);
  });
  return [
    ...thieves.map((route) =>
      warn(
        member,
        'route-in-cidr',
        `its route to ${route.to} by ${route.link} takes packets that belong to the mesh (${member.host.mesh.cidr})`,
        'remove that route, or choose another mesh_cidr',
      ),
    ),
    ...holders.map((route) =>
      warn(
        member,
        'cidr-in-network',
        `its network ${route.to} on ${route.link} holds the whole mesh (${member.host.mesh.cidr}): what lives at those addresses there can no longer be reached`,
        'choose a mesh_cidr that nobody uses',
      ),
    ),
  ];
}

/**
 * Who must stay reachable from the host and would not be, were its address a part of the mesh: answers would go into Docker's
 * bridge. Where that bridge has the network already nothing changes for them.
 */
function others(member: Member, facts: HostFacts): readonly HostFinding[] {
  const cidr = parseCidr(member.host.mesh.cidr);
  if (!facts.system.known || !facts.routes.known || !cidr) return [];
  const bridged = facts.routes.value.some(
    (route) => route.link === member.host.mesh.dockerBridge && route.to === member.host.mesh.cidr,
  );
  const hidden = (text: string) => {
    const address = parseAddress(text);
    return !bridged && address !== undefined && containsAddress(cidr, address);
  };
  const { sshClient, nameservers } = facts.system.value;
  const found: HostFinding[] = [];
  if (sshClient !== null && hidden(sshClient)) {
    found.push(
      refuse(
        member,
        'laptop-in-cidr',
        `you reach it from ${sshClient}, which lies in mesh_cidr (${member.host.mesh.cidr}): its answers would go to containers, and nobody could reach it any more`,
        'choose a mesh_cidr that nobody uses',
      ),
    );
  }
  for (const server of nameservers.filter(hidden)) {
    found.push(
      warn(
        member,
        'nameserver-in-cidr',
        `its name server ${server} lies in mesh_cidr (${member.host.mesh.cidr}) and could no longer be asked`,
        'choose a mesh_cidr that nobody uses',
      ),
    );
  }
  return found;
}

function system(member: Member, facts: HostFacts): readonly HostFinding[] {
  if (!facts.system.known) {
    return [
      refuse(
        member,
        'system-unknown',
        `what it runs could not be read: ${facts.system.why}`,
        'see to it that the login shell is a working POSIX shell',
      ),
    ];
  }
  if (facts.system.value.init === 'systemd') return [];
  return [
    refuse(
      member,
      'no-systemd',
      'it does not run systemd, by which the mesh comes back after a reboot',
      'use a host with systemd',
    ),
  ];
}

function origins(member: Member, facts: HostFacts): readonly HostFinding[] {
  const found: HostFinding[] = [];
  if (!facts.openvswitch.known) {
    found.push(
      refuse(
        member,
        'openvswitch-unknown',
        `its Open vSwitch could not be looked at: ${facts.openvswitch.why}`,
        'see to it that `ovs-vsctl show` answers there',
      ),
    );
  }
  if (!facts.docker.known) {
    found.push(
      refuse(
        member,
        'docker-unknown',
        `its Docker could not be looked at: ${facts.docker.why}`,
        'see to it that `docker info` answers there',
      ),
    );
  }
  const { refusal } = dockerSource(facts);
  if (refusal) found.push(refuse(member, 'no-source', refusal.sentence, refusal.fix));
  return found;
}

/**
 * What stands against a mesh before anything is changed. Hosts with a finding of severity `refuse` are left alone and
 * their neighbours wait for them.
 */
export function preflight(input: NetworkInput): readonly Finding[] {
  const wanted = meshMtu(input);
  const looked = input.members.filter((member) => member.facts !== undefined);
  const perHost = looked.flatMap((member) => {
    const { facts } = member;
    if (!facts) return [];
    return [system, underlay, others, origins, datapath, routes]
      .flatMap((check) => check(member, facts))
      .concat(mtu(member, wanted));
  });
  const alone: readonly Finding[] =
    input.members.length === 1
      ? [{ code: 'one-host', severity: 'note', sentence: 'the inventory has one host: there are no tunnels to make' }]
      : [];
  const given = new Set(input.members.map(({ host }) => host.mesh.mtu).filter((mtu) => mtu !== undefined));
  const different: readonly Finding[] =
    given.size < 2
      ? []
      : [
          {
            code: 'different-mtus',
            severity: 'warn',
            sentence: `mesh_mtu is ${[...given].sort((a, b) => a - b).join(' and ')}: the mesh has one MTU, and uses the smallest, ${wanted}`,
            fix: 'set mesh_mtu once, for all hosts',
          },
        ];
  const { findings } = openvSwitchOrigins(input.members, input.openvswitch);
  return [...perHost, ...findings, ...different, ...surroundings(looked), ...alone];
}
