import { describe, expect, it } from 'vitest';
import type { TunnelType } from '../../src/inventory/types.js';
import { desired } from '../../src/network/desired.js';
import type { FirewallRule } from '../../src/network/types.js';
import { iptablesRules } from '../../src/resources/iptables-rules.js';
import { changesOf, hostFacts, known, plan } from '../resources/facts.js';
import { type MemberOptions, member } from './members.js';

const on = { known: true as const, value: { installed: true, policies: { 'filter/INPUT': 'DROP' }, rules: [] } };

function rules(options: MemberOptions = {}): readonly FirewallRule[] {
  const members = [member({ number: 41, ...options }), member({ number: 42, ...options })];
  return desired({ members }).get('docker41')?.firewall ?? [];
}

const texts = (options?: MemberOptions) => rules(options).map((one) => [one.chain, ...one.rule].join(' '));

describe('the firewall of a host in a mesh', () => {
  it('keeps containers from sending tunnel packets, and other hosts’ containers from this host but for pings', () => {
    expect(texts()).toEqual([
      'INPUT -i docker0 -p gre -j DROP',
      'INPUT ! -s 172.17.41.0/24 -i docker0 ! -p icmp -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP',
      'INPUT ! -s 172.17.41.0/24 -i docker0 -p icmp -m icmp ! --icmp-type echo-request -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP',
      'DOCKER-USER -p gre -j DROP',
    ]);
  });

  it.each<[TunnelType, string]>([
    ['vxlan', '-p udp -m udp --dport 4789'],
    ['geneve', '-p udp -m udp --dport 6081'],
  ])('drops %s from containers', (tunnelType, match) => {
    expect(texts({ mesh: { tunnelType } })).toContain(`INPUT -i docker0 ${match} -j DROP`);
    expect(texts({ mesh: { tunnelType } })).toContain(`DOCKER-USER ${match} -j DROP`);
  });

  it('is open to containers of other hosts where mesh_open_hosts says so, yet not to their tunnel packets', () => {
    expect(texts({ mesh: { openHosts: true } })).toEqual([
      'INPUT -i docker0 -p gre -j DROP',
      'DOCKER-USER -p gre -j DROP',
    ]);
  });

  it('lets in tunnels of the peers and pings of the mesh where the host turns packets away', () => {
    expect(texts({ facts: { iptables: on } }).filter((text) => text.endsWith('ACCEPT'))).toEqual([
      'INPUT -s 192.168.199.42/32 ! -i docker0 -p gre -j ACCEPT',
      'INPUT -s 172.17.0.0/16 -i docker0 -p icmp -m icmp --icmp-type echo-request -j ACCEPT',
    ]);
    expect(texts().filter((text) => text.endsWith('ACCEPT'))).toEqual([]);
  });

  it('does not take its own rules for a firewall', () => {
    const own = 'filter -A INPUT -i docker0 -p gre -m comment --comment mesh -j DROP';
    const iptables = { ...on, value: { ...on.value, policies: { 'filter/INPUT': 'ACCEPT' }, rules: [own] } };
    expect(texts({ facts: { iptables } })).toEqual(texts());
  });

  it('is known again in what iptables-save prints', () => {
    // Printed by iptables 1.8.9 for these rules.
    const saved = [
      'filter -A INPUT -s 192.168.199.42/32 ! -i docker0 -p gre -m comment --comment mesh -j ACCEPT',
      'filter -A INPUT -s 172.17.0.0/16 -i docker0 -p icmp -m icmp --icmp-type 8 -m comment --comment mesh -j ACCEPT',
      'filter -A INPUT ! -s 172.17.41.0/24 -i docker0 -p icmp -m icmp ! --icmp-type 8 -m conntrack ! --ctstate RELATED,ESTABLISHED -m comment --comment mesh -j DROP',
      'filter -A INPUT ! -s 172.17.41.0/24 -i docker0 ! -p icmp -m conntrack ! --ctstate RELATED,ESTABLISHED -m comment --comment mesh -j DROP',
      'filter -A INPUT -i docker0 -p gre -m comment --comment mesh -j DROP',
      'filter -A DOCKER-USER -p gre -m comment --comment mesh -j DROP',
    ];
    const facts = hostFacts({
      iptables: known({ installed: true, policies: { 'filter/DOCKER-USER': '-' }, rules: saved }),
    });
    expect(changesOf(plan(iptablesRules, { rules: rules({ facts: { iptables: on } }) }, facts))).toEqual([]);
  });
});
