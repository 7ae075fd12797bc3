import type { HostFacts } from '../facts/types.js';
import type { Member } from './desired.js';
import { type HostFinding, refuse, warn } from './finding.js';
import { TUNNEL_KINDS } from './tunnels.js';

const MEGABYTE = 1e6;
/** Below this a package manager or a journal may stop half-way. */
const SCARCE_BYTES = 500 * MEGABYTE;
/** Below this not even what mesh keeps on a host is sure to be written. */
const FULL_BYTES = 20 * MEGABYTE;
/** Hosts are looked at some seconds apart; a clock that is further off than this is wrong. */
const CLOCK_SECONDS = 60;
/** The first release whose daemon.json and bridge are those of today (Docker's release notes, 17.06). */
const TRIED_DOCKER = [17, 6] as const;

function disk(member: Member, facts: HostFacts): readonly HostFinding[] {
  if (!facts.system.known) return [];
  const free = facts.system.value.diskFreeBytes;
  if (free >= SCARCE_BYTES) return [];
  const sentence = `the file system of /var/lib has ${Math.floor(free / MEGABYTE)} MB left`;
  const fix = 'make room there (`du -xh /var | sort -h | tail` shows what is large)';
  return [free < FULL_BYTES ? refuse(member, 'disk-full', sentence, fix) : warn(member, 'disk-scarce', sentence, fix)];
}

function docker(member: Member, facts: HostFacts): readonly HostFinding[] {
  if (!facts.docker.known || !facts.docker.value.running) return [];
  const { version, swarm } = facts.docker.value;
  const found: HostFinding[] = [];
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  const numbers = [Number(major), Number(minor)] as const;
  if (numbers[0] < TRIED_DOCKER[0] || (numbers[0] === TRIED_DOCKER[0] && numbers[1] < TRIED_DOCKER[1])) {
    const sentence = `its Docker ${version} is older than what mesh was tried with (${TRIED_DOCKER.join('.0')} and later)`;
    found.push(warn(member, 'docker-old', sentence, 'try it on a host that may fail first'));
  }
  if (swarm) {
    const sentence =
      'it is a node of a Docker swarm, whose overlay networks stay apart from the mesh; services may move when dockerd restarts';
    found.push(
      warn(member, 'swarm', sentence, `drain it first: docker node update --availability drain ${member.host.name}`),
    );
  }
  return found;
}

function kubernetes(member: Member, facts: HostFacts): readonly HostFinding[] {
  const actors = facts.system.known ? facts.system.value.actors : [];
  const [node] = actors.filter((actor) => ['kubelet', 'k3s', 'k3s-agent'].includes(actor));
  if (node === undefined) return [];
  const sentence = `it is a node of a Kubernetes cluster (${node} runs), whose pods are not on the mesh`;
  return [warn(member, 'kubernetes', sentence, 'see to it that its pod and service networks do not overlap mesh_cidr')];
}

/**
 * Where firewalld rules, an accept in iptables does not help: each owner's drop holds, whatever others accept
 * (nftables' wiki, 'Configuring chains', on base chains of one hook). mesh does not write firewalld's own rules yet.
 */
function firewalld(member: Member, facts: HostFacts, members: readonly Member[]): readonly HostFinding[] {
  if (!facts.system.known || !facts.system.value.actors.includes('firewalld')) return [];
  const { richRule, wire } = TUNNEL_KINDS[member.host.mesh.tunnelType];
  const peers = members.filter((peer) => peer.host.name !== member.host.name).map(({ underlay }) => underlay);
  if (peers.length === 0) return [];
  const rule = (peer: string) => `rule family=ipv4 source address=${peer}/32 ${richRule} accept`;
  const shown = peers.slice(0, 3).map((peer) => `firewall-cmd --permanent --add-rich-rule='${rule(peer)}'`);
  const more = peers.length > 3 ? [`the same for ${peers.length - 3} more peers`] : [];
  const sentence = `firewalld rules there: what it drops stays dropped, and ${wire} has to be let in from the peers by its own rules`;
  return [warn(member, 'firewalld', sentence, [...shown, ...more, 'firewall-cmd --reload'].join('; '))];
}

/** Members that have the same value, in groups of two and more. */
function shared(members: readonly Member[], of: (facts: HostFacts) => string): readonly (readonly Member[])[] {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const value = member.facts ? of(member.facts) : '';
    if (value) groups.set(value, [...(groups.get(value) ?? []), member]);
  }
  return [...groups.values()].filter((same) => same.length > 1);
}

const others = (same: readonly Member[], member: Member): string =>
  same
    .filter((other) => other !== member)
    .map((other) => other.host.name)
    .join(', ');

function twins(members: readonly Member[]): readonly HostFinding[] {
  const ids = shared(members, ({ system }) => (system.known ? system.value.machineId : ''));
  const names = shared(members, ({ system }) => (system.known ? system.value.hostname : ''));
  return [
    ...ids.flatMap((same) =>
      same.map((member) =>
        warn(
          member,
          'same-machine-id',
          `it has the same machine-id as ${others(same, member)}: one is a clone of the other, or two names lead to one host`,
          'give every host a machine-id of its own (systemd-machine-id-setup)',
        ),
      ),
    ),
    ...names.flatMap((same) =>
      same.map((member) =>
        warn(
          member,
          'same-hostname',
          `it calls itself by the same host name as ${others(same, member)}`,
          `give it one of its own: hostnamectl set-hostname ${member.host.name}`,
        ),
      ),
    ),
  ];
}

/** Clocks are compared with the one in the middle: it is off only where most are. */
function clocks(members: readonly Member[]): readonly HostFinding[] {
  const seen = members.flatMap((member) =>
    member.facts?.system.known ? [{ member, clock: member.facts.system.value.clock }] : [],
  );
  const sorted = seen.map(({ clock }) => clock).sort((a, b) => a - b);
  const middle = sorted[(sorted.length - 1) >> 1] ?? 0;
  return seen
    .filter(({ clock }) => Math.abs(clock - middle) > CLOCK_SECONDS)
    .map(({ member, clock }) => {
      const off = Math.round(Math.abs(clock - middle));
      const sentence = `its clock is ${off} s ${clock > middle ? 'ahead of' : 'behind'} the other hosts'`;
      return warn(member, 'clock-off', sentence, 'set it by NTP: timedatectl set-ntp true');
    });
}

/** What a host lives in that may get in the way of a mesh: disk, clock, names, and others who steer its containers. */
export function surroundings(members: readonly Member[]): readonly HostFinding[] {
  const each = members.flatMap((member) => {
    const { facts } = member;
    return facts ? [disk, docker, kubernetes, firewalld].flatMap((check) => check(member, facts, members)) : [];
  });
  return [...each, ...twins(members), ...clocks(members)];
}
