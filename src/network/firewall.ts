import type { HostFacts } from '../facts/types.js';
import type { MeshSettings } from '../inventory/types.js';
import { TUNNEL_KINDS } from './tunnels.js';
import type { FirewallRule, Tunnel } from './types.js';

/** Whether the host's own INPUT chain turns packets away that nothing lets in. */
export function firewallIsOn(facts: HostFacts | undefined): boolean {
  if (!facts?.iptables.known || !facts.iptables.value.installed) return false;
  const { policies, rules } = facts.iptables.value;
  if (policies['filter/INPUT'] === 'DROP') return true;
  return rules.some((rule) => /^filter -A INPUT .*-j (DROP|REJECT)\b/.test(rule) && !/--comment "?mesh/.test(rule));
}

export interface FirewallInput {
  readonly facts: HostFacts | undefined;
  readonly tunnels: readonly Tunnel[];
  readonly settings: Pick<MeshSettings, 'tunnelType' | 'dockerBridge' | 'cidr' | 'openHosts'>;
  /** This host's part of the container network. */
  readonly slice: string;
}

function rule(chain: string, ...words: readonly string[]): FirewallRule {
  return { table: 'filter', chain, rule: words, position: 'first' };
}

function icmp(...type: readonly string[]): readonly string[] {
  return ['-p', 'icmp', '-m', 'icmp', ...type];
}

/** Not an answer to what this host asked for itself. */
const unasked = ['-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED'];

/**
 * The rules that a host needs. No packet matches two of them whose targets differ: they may stand in any order.
 *
 * - Where a firewall is on, tunnels are let in from the peers, and pings from the mesh, by which tunnels are proven.
 * - Containers cannot send tunnel packets of their own, neither to a peer, which would take them for their host's, nor to this
 *   host under a peer's address: a container's default capabilities allow raw sockets.
 * - What runs on this host itself cannot be reached by containers of other hosts, but for pings: docker0 of a host that is
 *   not in a mesh is known to its own containers only, and services and firewalls count on that.
 */
export function firewallRules({ facts, tunnels, settings, slice }: FirewallInput): readonly FirewallRule[] {
  if (tunnels.length === 0) return [];
  const { match } = TUNNEL_KINDS[settings.tunnelType];
  const docker = settings.dockerBridge;
  const letIn = firewallIsOn(facts)
    ? [
        ...tunnels.map(({ remote_ip }) =>
          rule('INPUT', '-s', `${remote_ip}/32`, '!', '-i', docker, ...match, '-j', 'ACCEPT'),
        ),
        rule('INPUT', '-s', settings.cidr, '-i', docker, ...icmp('--icmp-type', 'echo-request'), '-j', 'ACCEPT'),
      ]
    : [];
  const notOwn = ['!', '-s', slice, '-i', docker];
  const closed = settings.openHosts
    ? []
    : [
        rule('INPUT', ...notOwn, '!', '-p', 'icmp', ...unasked, '-j', 'DROP'),
        rule('INPUT', ...notOwn, ...icmp('!', '--icmp-type', 'echo-request'), ...unasked, '-j', 'DROP'),
      ];
  return [
    ...letIn,
    rule('INPUT', '-i', docker, ...match, '-j', 'DROP'),
    ...closed,
    rule('DOCKER-USER', ...match, '-j', 'DROP'),
  ];
}
