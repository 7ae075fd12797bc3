import { quote } from '../quote.js';
import type { Measurement, ProofHost } from './types.js';

/** Looks at the counters, 0.05 s apart, before they count as unmoved: the ports' own lag by half a second (see below). */
const LOOKS = 24;

/**
 * An awk program that adds up what two looks at Open vSwitch's counters, with a line `-` between them, say of each tunnel.
 * It prints `C port received sent`, the packets that came in between (`-` where the port was not seen in both looks), and
 * succeeds where both rose on every tunnel of `tunnels`: `port=remote port=remote …`.
 *
 * A port's own counters (ovs-ofctl(8), dump-ports) stand still while the datapath forwards by a flow that it has: they are
 * told of its packets every half second at the latest (ovs-vswitchd.conf.db(5), max-revalidator). The flow's own counter
 * (ovs-dpctl(8), dump-flows) has them at once, but not the packet that made the flow. So the larger rise counts. A flow
 * names the peer in its key, `tunnel(src=…)`, or in the header that its actions push or set, `dst=…`.
 */
const COUNT = `
function after(text, mark) { sub(".*" mark, "", text); return text }
function larger(a, b) { return a > b ? a : b }
function rise(counts, name) { return counts[1, name] - counts[0, name] }
BEGIN { look = 0 }
$1 == "-" { look = 1; next }
/ rx pkts=/ {
  port = $0
  sub(/^ *port *"?/, "", port)
  sub(/"?: *rx pkts=.*/, "", port)
  seen[look, port] = 1
  received[look, port] = after($0, "rx pkts=") + 0
  next
}
/ tx pkts=/ { sent[look, port] = after($0, "tx pkts=") + 0; next }
match($0, /packets:[0-9]+/) {
  packets = substr($0, RSTART + 8, RLENGTH - 8)
  at = index($0, "actions:")
  if (match(substr($0, 1, at), /tunnel[(][^)]*src=[0-9.]+/))
    flowReceived[look, after(substr($0, RSTART, RLENGTH), "src=")] += packets
  actions = substr($0, at)
  while (match(actions, /dst=[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+/)) {
    flowSent[look, substr(actions, RSTART + 4, RLENGTH - 4)] += packets
    actions = substr(actions, RSTART + RLENGTH)
  }
}
END {
  unmoved = 0
  count = split(tunnels, list, " ")
  for (i = 1; i <= count; i++) {
    split(list[i], ends, "=")
    if (!seen[0, ends[1]] || !seen[1, ends[1]]) { print "C " ends[1] " - -"; unmoved = 1; continue }
    came = larger(rise(received, ends[1]), rise(flowReceived, ends[2]))
    went = larger(rise(sent, ends[1]), rise(flowSent, ends[2]))
    if (came <= 0 || went <= 0) unmoved = 1
    print "C " ends[1] " " came " " went
  }
  exit unmoved
}`;

/** Shell text for before the probes: the counters as they are. */
export function countersBefore(host: ProofHost): string {
  const bridge = quote(host.bridge);
  const tunnels = host.tunnels.map(({ port, remote }) => `${port}=${remote}`).join(' ');
  return `counters() {
  ovs-ofctl --names dump-ports ${bridge} 2>/dev/null || ovs-ofctl dump-ports ${bridge}
  ovs-appctl dpctl/dump-flows
} 2>/dev/null
risen() {
  { printf '%s\\n-\\n' "$before"; counters; } | awk -v tunnels=${quote(tunnels)} ${quote(COUNT)}
}
before=$(counters)`;
}

/** Shell text for after the probes: waits until the counters tell of them, at most about a second, and prints what they tell. */
export const countersAfter = `looks=1
until risen=$(risen) || [ "$looks" -ge ${LOOKS} ]; do
  looks=$((looks + 1))
  sleep 0.05 2>/dev/null || sleep 1
done
printf '%s\\n' "$risen"`;

/**
 * What the counters say of every peer: a pass where packets were counted in both directions of its tunnel while the probes
 * ran. A tunnel that the output does not speak of is not measured: nothing is inferred.
 */
export function readCounters(host: ProofHost, peers: readonly string[], output: string): readonly Measurement[] {
  const rises = new Map<string, readonly number[]>();
  for (const line of output.split('\n')) {
    const [, port, received, sent] = /^C (\S+) (\d+) (\d+)$/.exec(line.trim()) ?? [];
    if (port !== undefined) rises.set(port, [Number(received), Number(sent)]);
  }
  return peers.map((peer): Measurement => {
    const port = host.tunnels.find((tunnel) => tunnel.peer === peer)?.port ?? '';
    const [received, sent] = rises.get(port) ?? [];
    if (received === undefined || sent === undefined) {
      const detail = `the counters of ${port} could not be read`;
      return { peer, check: 'counters', state: 'not measured', detail };
    }
    if (received > 0 && sent > 0) return { peer, check: 'counters', state: 'pass' };
    const detail = `${port} sent ${sent} and received ${received} packets`;
    return { peer, check: 'counters', state: 'fail', detail };
  });
}
