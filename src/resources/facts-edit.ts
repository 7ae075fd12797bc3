import type { HostFacts, IptablesFacts, Link, OpenvSwitchFacts, OvsBridge, OvsPort, Route } from '../facts/types.js';

export * from './facts-edit-host.js';

/** Edits of network facts: each gives new facts and leaves the old ones as they are. What is unknown stays unknown. */

/** The link as it is after `change`; a link that is not there yet is planned with it, under the next free index. */
export function setLink(facts: HostFacts, name: string, change: Partial<Omit<Link, 'name' | 'index'>>): HostFacts {
  if (!facts.links.known) return facts;
  const links = facts.links.value;
  const made: Link = {
    name,
    index: links.reduce((highest, link) => Math.max(highest, link.index), 0) + 1,
    mac: null,
    mtu: 1500,
    up: false,
    master: null,
    kind: null,
    ...change,
  };
  const value = links.some((link) => link.name === name)
    ? links.map((link) => (link.name === name ? { ...link, ...change } : link))
    : [...links, made];
  return { ...facts, links: { known: true, value } };
}

/** The link's IPv6 addresses are gone: what `disable_ipv6` does. */
export function removeIpv6(facts: HostFacts, link: string): HostFacts {
  if (!facts.addresses.known) return facts;
  const value = facts.addresses.value.filter((address) => address.link !== link || address.family !== 6);
  return { ...facts, addresses: { known: true, value } };
}

export function setSysctl(facts: HostFacts, name: string, value: string | null): HostFacts {
  return { ...facts, sysctls: { ...facts.sysctls, [name]: { known: true, value } } };
}

export function editRoutes(facts: HostFacts, edit: (routes: readonly Route[]) => readonly Route[]): HostFacts {
  return facts.routes.known ? { ...facts, routes: { known: true, value: edit(facts.routes.value) } } : facts;
}

export function editIptables(facts: HostFacts, edit: (iptables: IptablesFacts) => IptablesFacts): HostFacts {
  return facts.iptables.known ? { ...facts, iptables: { known: true, value: edit(facts.iptables.value) } } : facts;
}

export function editOpenvSwitch(facts: HostFacts, edit: (ovs: OpenvSwitchFacts) => OpenvSwitchFacts): HostFacts {
  return facts.openvswitch.known
    ? { ...facts, openvswitch: { known: true, value: edit(facts.openvswitch.value) } }
    : facts;
}

/** `edit` gets the bridge of that name, or undefined, and gives what it becomes; undefined takes it away. */
export function editBridge(
  facts: HostFacts,
  name: string,
  edit: (bridge: OvsBridge | undefined) => OvsBridge | undefined,
): HostFacts {
  return editOpenvSwitch(facts, (ovs) => {
    const after = edit(ovs.bridges.find((bridge) => bridge.name === name));
    const others = ovs.bridges.filter((bridge) => bridge.name !== name);
    return { ...ovs, bridges: after ? [...others, after] : others };
  });
}

/** The bridge's ports become what `edit` makes of them. */
export function editPorts(
  facts: HostFacts,
  bridge: string,
  edit: (ports: readonly OvsPort[]) => readonly OvsPort[],
): HostFacts {
  return editBridge(facts, bridge, (now) => now && { ...now, ports: edit(now.ports) });
}
