import type { HostFacts } from '../facts/types.js';
import type { TunnelKind } from './tunnels.js';
import type { FirewallRule, Tunnel } from './types.js';

/** Whether the host's own INPUT chain turns packets away that nothing lets in. */
export function firewallIsOn(facts: HostFacts | undefined): boolean {
  if (!facts?.iptables.known || !facts.iptables.value.installed) return false;
  const { policies, rules } = facts.iptables.value;
  if (policies['filter/INPUT'] === 'DROP') return true;
  return rules.some((rule) => /^filter -A INPUT .*-j (DROP|REJECT)\b/.test(rule) && !/--comment "?mesh/.test(rule));
}

/**
 * The rules that a host needs: tunnels are let in from the peers only, where a firewall is on; and containers cannot send
 * tunnel packets of their own, which a peer would take for their host's (a container's default capabilities allow raw
 * sockets, and Docker masquerades what it sends as the host).
 */
export function firewallRules(
  facts: HostFacts | undefined,
  tunnels: readonly Tunnel[],
  kind: TunnelKind,
): readonly FirewallRule[] {
  const letIn: readonly FirewallRule[] = firewallIsOn(facts)
    ? tunnels.map((tunnel) => ({
        table: 'filter',
        chain: 'INPUT',
        rule: ['-s', `${tunnel.remote_ip}/32`, ...kind.match, '-j', 'ACCEPT'],
        position: 'first',
      }))
    : [];
  if (tunnels.length === 0) return letIn;
  return [...letIn, { table: 'filter', chain: 'DOCKER-USER', rule: [...kind.match, '-j', 'DROP'], position: 'first' }];
}
