import type { OvsBridge, OvsPort } from '../facts/types.js';
import type { Tunnel } from '../network/types.js';
import { quote } from '../quote.js';
import { bareInterface, isOwned, OWNER, OWNER_KEY, PEER_KEY } from './ovs-words.js';
import type { Diff } from './types.js';

/** Which port serves which tunnel. */
export interface TunnelMatch {
  /** Ports that stay, altered where they differ. */
  readonly kept: readonly { readonly tunnel: Tunnel; readonly port: OvsPort }[];
  /** Adopted ports that cannot stay under their name. */
  readonly renamed: readonly { readonly tunnel: Tunnel; readonly port: OvsPort }[];
  readonly missing: readonly Tunnel[];
  readonly gone: readonly OvsPort[];
}

/** The port that a tunnel shall have; what others noted on a port that is there stays. */
export function tunnelPort(tunnel: Tunnel, isProtected: boolean, now?: OvsPort): OvsPort {
  const name = now?.name ?? tunnel.name;
  const marks = { [OWNER_KEY]: OWNER, [PEER_KEY]: tunnel.peer };
  const iface = now?.interfaces[0] ?? bareInterface(name);
  return {
    name,
    protected: isProtected,
    tag: null,
    externalIds: { ...now?.externalIds, ...marks },
    interfaces: [
      {
        ...iface,
        type: tunnel.type,
        options: {
          remote_ip: tunnel.remote_ip,
          local_ip: tunnel.local_ip,
          ...(tunnel.key === null ? {} : { key: String(tunnel.key) }),
        },
        error: null,
        externalIds: { ...iface.externalIds, ...marks },
      },
    ],
  };
}

const leadsTo = (port: OvsPort, tunnel: Tunnel) =>
  port.interfaces.length === 1 &&
  port.interfaces[0]?.type === tunnel.type &&
  port.interfaces[0].options.remote_ip === tunnel.remote_ip;

const isTunnel = (port: OvsPort) => port.interfaces.some((one) => one.options.remote_ip !== undefined);

/**
 * Gives each wanted tunnel the port of mesh's that leads to its peer already, whatever its name; else the one that has its
 * name. Where a port that would be kept has the name that another tunnel needs, the name decides.
 */
export function matchTunnels(
  tunnels: readonly Tunnel[],
  bridge: OvsBridge,
  bridges: readonly OvsBridge[],
  adopt: boolean,
): TunnelMatch | Diff {
  const ports = bridge.ports.filter((port) => port.name !== bridge.name);
  const waiting = tunnels.filter((one) => one.state === 'waiting');
  const wanted = tunnels.filter((one) => one.state === 'wanted');
  const untouched = new Set(
    ports
      .filter((port) =>
        waiting.some((one) => port.name === one.name || leadsTo(port, one) || port.externalIds[PEER_KEY] === one.peer),
      )
      .filter((port) => !wanted.some((one) => leadsTo(port, one))),
  );
  const usable = ports.filter((port) => !untouched.has(port));
  const own = usable.filter(isOwned);
  const foreign = usable.filter((port) => !isOwned(port));
  const pool = [
    ...own,
    ...foreign.filter((port) => isTunnel(port) && (adopt || wanted.some((one) => leadsTo(port, one)))),
  ];

  const kept = new Map<Tunnel, OvsPort>();
  const taken = () => new Set(kept.values());
  const byRemote = (exact: boolean) => {
    for (const one of wanted) {
      if (kept.has(one)) continue;
      const used = taken();
      const port = pool.find((port) => !used.has(port) && leadsTo(port, one) && (!exact || port.name === one.name));
      if (port) kept.set(one, port);
    }
  };
  byRemote(true);
  byRemote(false);
  for (let left = wanted.filter((one) => !kept.has(one)); left.length > 0; ) {
    const one = left.pop();
    const port = one && pool.find((port) => port.name === one.name);
    if (!one || !port) continue;
    const other = wanted.find((two) => kept.get(two) === port);
    if (other) {
      kept.delete(other);
      left = [...left, other];
    }
    kept.set(one, port);
  }

  const matched = taken();
  const alien = adopt ? undefined : foreign.find((port) => pool.includes(port));
  if (alien) {
    return {
      kind: 'refused',
      sentence: `bridge ${bridge.name} has a tunnel ${alien.name} to ${alien.interfaces[0]?.options.remote_ip ?? '?'} that mesh did not make`,
      fix: `set mesh_adopt: true to let mesh take it over, or remove it with ovs-vsctl del-port ${quote(bridge.name)} ${quote(alien.name)}`,
    };
  }
  const missing = wanted.filter((one) => !kept.has(one));
  const gone = pool.filter((port) => !matched.has(port));
  const needed = new Set(missing.map((one) => one.name));
  const holder = bridges
    .flatMap((other) => other.ports.map((port) => ({ bridge: other.name, port })))
    .find(({ port }) => needed.has(port.name) && !gone.includes(port));
  if (holder) {
    return {
      kind: 'refused',
      sentence: `the name ${holder.port.name} is taken by a port of bridge ${holder.bridge} that ${isOwned(holder.port) ? 'serves another tunnel' : 'mesh did not make'}`,
      fix: `remove it with ovs-vsctl del-port ${quote(holder.bridge)} ${quote(holder.port.name)}${isOwned(holder.port) ? '' : ', or set mesh_adopt: true if it is a tunnel of the mesh'}`,
    };
  }
  const pairs = [...kept].map(([tunnel, port]) => ({ tunnel, port }));
  // gre0 is a device of the kernel's own (ip_gre's fallback): a port of that name works only where that module is not loaded.
  const mustGo = (port: OvsPort) => /^(gre|gretap|erspan)0$/.test(port.name) || port.interfaces.length !== 1;
  return {
    kept: pairs.filter(({ port }) => !mustGo(port)),
    renamed: pairs.filter(({ port }) => mustGo(port)),
    missing,
    gone,
  };
}
