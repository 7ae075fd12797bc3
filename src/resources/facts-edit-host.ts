import { createHash } from 'node:crypto';
import type {
  DockerFacts,
  Fact,
  FileFact,
  HostFacts,
  OpenvSwitchFacts,
  PackageFact,
  ServiceFact,
} from '../facts/types.js';
import { parentsOf } from './shell.js';

/** Edits of facts: each gives new facts and leaves the old ones as they are. For the effects of changes. */

export function setPackage(facts: HostFacts, name: string, value: PackageFact): HostFacts {
  return { ...facts, packages: { ...facts.packages, [name]: { known: true, value } } };
}

export function setService(facts: HostFacts, name: string, value: Partial<ServiceFact>): HostFacts {
  const now = facts.services[name];
  const base: ServiceFact = now?.known ? now.value : { load: 'loaded', active: 'inactive', enabled: '' };
  return { ...facts, services: { ...facts.services, [name]: { known: true, value: { ...base, ...value } } } };
}

/** The unit is gone, under every name by which the facts know it. */
export function removeService(facts: HostFacts, name: string): HostFacts {
  const gone: Fact<ServiceFact> = { known: true, value: { load: 'not-found', active: 'inactive', enabled: '' } };
  return { ...facts, services: { ...facts.services, [name]: gone } };
}

export function setFile(facts: HostFacts, path: string, value: FileFact): HostFacts {
  const files: Record<string, Fact<FileFact>> = { ...facts.files, [path]: { known: true, value } };
  if (value.kind !== 'absent') {
    for (const parent of parentsOf(path)) {
      const known = files[parent];
      if (known?.known && known.value.kind === 'absent') {
        files[parent] = { known: true, value: { kind: 'directory', mode: '0755', owner: 'root', group: 'root' } };
      }
    }
  }
  return { ...facts, files };
}

/** The fact of a text file. */
export function textFile(
  content: string,
  mode: string,
  owner = 'root',
  group = 'root',
): Extract<FileFact, { kind: 'file' }> {
  return { kind: 'file', mode, owner, group, size: Buffer.byteLength(content), sha256: sha256(content), content };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function setCheck(facts: HostFacts, check: string, code: number): HostFacts {
  return { ...facts, checks: { ...facts.checks, [check]: { known: true, value: code } } };
}

export function editDocker(facts: HostFacts, edit: (docker: DockerFacts) => DockerFacts): HostFacts {
  return facts.docker.known ? { ...facts, docker: { known: true, value: edit(facts.docker.value) } } : facts;
}

/** dockerd comes up: the chains that are its own may be there then, or not (`"iptables": false`). */
export function dockerStarts(facts: HostFacts): HostFacts {
  if (!facts.iptables.known || !facts.iptables.value.installed) return facts;
  return { ...facts, iptables: { known: true, value: { ...facts.iptables.value, dockerStarts: true } } };
}

export function setOpenvSwitch(facts: HostFacts, value: OpenvSwitchFacts): HostFacts {
  return { ...facts, openvswitch: { known: true, value } };
}

/** A bridge of Docker's with exactly these IPv4 addresses (`172.17.0.1/16`), and the routes that the kernel makes of them. */
export function setBridgeAddresses(
  facts: HostFacts,
  link: string,
  cidrs: readonly string[],
  connected: readonly string[],
): HostFacts {
  if (!facts.addresses.known || !facts.links.known || !facts.routes.known) return facts;
  const links = facts.links.value;
  const index = links.reduce((highest, one) => Math.max(highest, one.index), 0) + 1;
  const made = { name: link, index, mac: null, mtu: 1500, up: true, master: null, kind: 'bridge' } as const;
  const others = facts.addresses.value.filter((address) => address.link !== link || address.family !== 4);
  const own = cidrs.map((cidr) => {
    const [address = '', prefix = '32'] = cidr.split('/');
    return { link, family: 4, address, prefix: Number(prefix), scope: 'global' } as const;
  });
  const routes = facts.routes.value.filter((route) => route.link !== link || route.protocol !== 'kernel');
  const kernel = connected.map((to, at) => ({
    to,
    via: null,
    link,
    source: own[at]?.address ?? null,
    protocol: 'kernel',
    metric: null,
  }));
  return {
    ...facts,
    links: { known: true, value: links.some((one) => one.name === link) ? links : [...links, made] },
    addresses: { known: true, value: [...others, ...own] },
    routes: { known: true, value: [...routes, ...kernel] },
  };
}

/** Takes a link, its addresses and its routes away. */
export function removeLink(facts: HostFacts, link: string): HostFacts {
  const without = <T>(fact: Fact<readonly T[]>, name: (one: T) => string | null): Fact<readonly T[]> =>
    fact.known ? { known: true, value: fact.value.filter((one) => name(one) !== link) } : fact;
  return {
    ...facts,
    links: without(facts.links, (one) => one.name),
    addresses: without(facts.addresses, (one) => one.link),
    routes: without(facts.routes, (one) => one.link),
  };
}
