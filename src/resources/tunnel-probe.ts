import * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { TUNNEL_KINDS } from '../network/tunnels.js';
import type { TunnelProbe } from '../network/types.js';
import { quote, quoteAll } from '../quote.js';
import { editBridge } from './facts-edit.js';
import { bareInterface, OWNER, OWNER_KEY, runningOpenvSwitch, transaction } from './ovs-words.js';
import { ipv4Address, listed, mtuBytes } from './parameters.js';
import { lines } from './shell.js';
import { linkSysctl, sysctlPath } from './sysctl-key.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const probe: z.ZodType<TunnelProbe> = z.strictObject(
  {
    type: z.enum(['gre', 'vxlan', 'geneve'], { error: 'a tunnel is gre, vxlan or geneve' }),
    key: z.int().min(1).max(0xffffff, 'a key has 24 bits here'),
    local_ip: ipv4Address,
    address: ipv4Address,
    mtu: mtuBytes,
    datapath: z.enum(['system', 'netdev'], { error: 'datapath is system or netdev' }),
    peers: z.array(
      z.strictObject({
        peer: z.string().regex(/^[^\0\n]+$/, 'a host’s name is one line'),
        remote_ip: ipv4Address,
        address: ipv4Address,
      }),
    ),
  },
  { error: 'probe is what mesh.probe holds' },
);

const schema = z.strictObject({
  probe,
  /** `open`: there is an end for every peer; `measured`: what passes was measured; `closed`: nothing of it is left. */
  state: z.enum(['open', 'measured', 'closed'], { error: 'state is open, measured or closed' }),
});
type Params = z.infer<typeof schema>;

const BRIDGE = 'mesh-probe';
/** Removes the bridge by itself where nobody else could any more. */
const UNIT = 'mesh-probe-end';
const LIFETIME_SECONDS = 180;
/** How often a peer is called before tunnel packets count as lost; a second each. */
const CALLS = 10;
/** Bytes of the IPv4 and ICMP headers before a ping's payload (RFC 791, RFC 792). */
const PING_HEADERS = 28;

const REMOVE = lines(
  `systemctl stop ${UNIT}.timer 2>/dev/null || :`,
  `ovs-vsctl --timeout=30 --if-exists del-br ${BRIDGE}`,
);

function open(params: TunnelProbe): string {
  const options = ({ remote_ip: remote }: TunnelProbe['peers'][number]) =>
    [`remote_ip=${remote}`, `local_ip=${params.local_ip}`, `key=${params.key}`].map((option) => `options:${option}`);
  const ports = params.peers.flatMap((peer, index) => {
    const name = `mesh-probe-${index + 1}`;
    return [
      ['add-port', BRIDGE, name],
      ['set', 'interface', name, `type=${params.type}`, ...options(peer)],
      // As in the mesh itself: what comes out of one tunnel never goes into another.
      ['set', 'port', name, 'protected=true'],
    ];
  });
  const ipv6 = quote(sysctlPath(linkSysctl('ipv6', BRIDGE, 'disable_ipv6')));
  return lines(
    REMOVE,
    'if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then',
    `  systemd-run --quiet --collect --unit=${UNIT} --on-active=${LIFETIME_SECONDS} ovs-vsctl --timeout=30 --if-exists del-br ${BRIDGE}`,
    'fi',
    transaction([
      ['add-br', BRIDGE],
      ['set', 'bridge', BRIDGE, `datapath_type=${params.datapath}`, `external_ids:${OWNER_KEY}=${OWNER}`],
      ['set', 'interface', BRIDGE, `mtu_request=${params.mtu}`],
      ...ports,
    ]),
    `if [ -e ${ipv6} ]; then echo 1 >${ipv6}; fi`,
    quoteAll(['ip', 'address', 'add', `${params.address}/32`, 'dev', BRIDGE]),
    `ip link set dev ${BRIDGE} up`,
    ...params.peers.map(({ address }) => quoteAll(['ip', 'route', 'replace', `${address}/32`, 'dev', BRIDGE])),
  );
}

/**
 * An ARP answer proves the way there and back, and passes where a firewall would drop a ping. So a peer counts as reached
 * when it answers a ping, or when the kernel holds its MAC for confirmed (REACHABLE in ip-neighbour(8): a request that only
 * came in leaves it STALE). The size is measured by pings where they are answered.
 */
function measure(params: TunnelProbe): string {
  const { wire } = TUNNEL_KINDS[params.type];
  const calls = params.peers.map(
    ({ peer, remote_ip: remote, address }) => `probe ${quoteAll([peer, remote, address])} & pids="$pids $!"`,
  );
  return `probe() { # PEER UNDERLAY ADDRESS
  case "
$MESH_PLAY_HOSTS
" in
  *"
$1
"*) ;;
  *) echo "$1: does not take part now, so nothing was measured"; return 0 ;;
  esac
  call="ping -n -c 1 -W 1 -I ${BRIDGE}"
  calls=0 answered=
  while :; do
    if $call "$3" >/dev/null 2>&1; then answered=1; break; fi
    case $(ip neighbour show to "$3" dev ${BRIDGE}) in *REACHABLE*) break ;; esac
    calls=$((calls + 1))
    if [ "$calls" -lt ${CALLS} ]; then sleep 0.2 2>/dev/null || sleep 1; continue; fi
    if ping -n -c 1 -W 2 -I ${quote(params.local_ip)} "$2" >/dev/null 2>&1; then
      echo "$1 ($2): a plain ping is answered, but" ${quote(wire)} "does not come through"
    else
      echo "$1 ($2): neither a plain ping nor" ${quote(wire)} "comes through"
    fi
    return 1
  done
  if [ -z "$answered" ]; then
    echo "$1:" ${quote(wire)} "passes; its firewall drops pings, so the size was not measured"
    return 0
  fi
  for try in 1 2 3; do
    said=$($call -M do -s ${params.mtu - PING_HEADERS} "$3" 2>&1) && { echo "$1:" ${quote(wire)} ${quote(`passes, with packets of ${params.mtu} bytes inside`)}; return 0; }
    case $said in *[Ii]nvalid\\ option* | *[Uu]sage:*) echo "$1:" ${quote(wire)} "passes; this ping cannot measure the size"; return 0 ;; esac
  done
  echo "$1 ($2):" ${quote(wire)} ${quote(`passes, but not with packets of ${params.mtu} bytes inside: something on the way has a smaller MTU than the underlay's link`)}
  return 1
}
pids= failed=
${calls.join('\n')}
for pid in $pids; do wait "$pid" || failed=1; done
if [ -n "$failed" ]; then
  ${REMOVE.replaceAll('\n', '\n  ')}
  echo ${quote(`Let ${wire} pass between the hosts (their firewalls, the cloud's rules), or choose another mesh_tunnel_type; for the size, set mesh_mtu. Nothing of the mesh was made here yet.`)} >&2
  exit 1
fi`;
}

function present(params: TunnelProbe) {
  return (facts: HostFacts): HostFacts =>
    editBridge(facts, BRIDGE, () => ({
      name: BRIDGE,
      datapath: params.datapath,
      failMode: null,
      controllers: [],
      protocols: [],
      stp: false,
      rstp: false,
      externalIds: { [OWNER_KEY]: OWNER },
      otherConfig: {},
      ports: [
        {
          name: BRIDGE,
          protected: false,
          tag: null,
          externalIds: {},
          interfaces: [{ ...bareInterface(BRIDGE), type: 'internal', mtuRequest: params.mtu }],
        },
      ],
      flows: { known: true, value: ['priority=0,actions=NORMAL'] },
    }));
}

const absent = (facts: HostFacts): HostFacts => editBridge(facts, BRIDGE, () => undefined);

function change({ probe: params, state }: Params): Change {
  const { wire } = TUNNEL_KINDS[params.type];
  const peers = listed(params.peers.map(({ peer }) => peer));
  if (state === 'open') {
    return {
      sentence: `make a temporary bridge ${BRIDGE} with a ${params.type} end towards ${peers}`,
      command: open(params),
      undo: { command: REMOVE },
      effect: present(params),
    };
  }
  if (state === 'measured') {
    return {
      sentence: `try whether ${wire} passes to and from ${peers}, at full size`,
      command: measure(params),
      undo: { command: ':' },
      timeoutSeconds: 60,
      effect: (facts) => facts,
    };
  }
  return {
    sentence: `remove the temporary bridge ${BRIDGE}`,
    command: REMOVE,
    undo: { impossible: 'it was temporary: the next deploy that needs it makes it anew' },
    effect: absent,
  };
}

function diff(params: Params, facts: HostFacts): Diff {
  const { peers } = params.probe;
  if (params.state === 'closed') {
    const there = facts.openvswitch.known && facts.openvswitch.value.bridges.some(({ name }) => name === BRIDGE);
    return there ? { kind: 'changes', changes: [change(params)] } : nothing;
  }
  if (peers.length === 0) return nothing;
  const ovs = runningOpenvSwitch(facts);
  return 'kind' in ovs ? ovs : { kind: 'changes', changes: [change(params)] };
}

/**
 * Tries out, before anything else of a mesh is made, whether tunnel packets pass between hosts that have no tunnel yet: a
 * bridge of its own, a tunnel with a key of its own to each peer, an ARP and a full-size ping through it. Three tasks in
 * three plays, as an end has to be there on every host before anybody calls, and until everybody has been answered.
 *
 * The bridge ends with the last of them, with a failed measurement, or by a timer of systemd on the host.
 */
export const tunnelProbe: Resource<Params> = {
  type: 'tunnel_probe',
  schema,
  label: ({ probe: { peers } }) => listed(peers.map(({ peer }) => peer)),
  interests: () => ({}),
  diff,
};
