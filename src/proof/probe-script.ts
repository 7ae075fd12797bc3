import { quote, quoteAll } from '../quote.js';
import { countersAfter, countersBefore } from './counters.js';
import type { ProofHost, Responder } from './types.js';

/** Bytes of IPv4 and ICMP headers in front of a ping's payload (RFC 791, RFC 792). */
const PING_HEADERS = 28;

export interface ProbePeer {
  readonly host: string;
  readonly address: string;
  /** undefined: only the tunnel is asked for. */
  readonly responder?: Responder;
}

/** The line of a pair that has no container at one of its ends: excused only where every end without one is. */
function noContainer(host: ProofHost, index: number, own: Responder, { host: name, responder }: ProbePeer): string {
  const ends = [
    { name: host.host, end: own },
    { name, end: responder },
  ].filter(({ end }) => !end?.container);
  const bad = ends.filter(({ end }) => !end?.containerExcused);
  const state = bad.length > 0 ? 'none' : 'excused';
  const [said] = bad.length > 0 ? bad : ends;
  const why = `${said?.name ?? name}: ${said?.end?.containerWhy ?? 'the host said nothing about it'}`;
  return `echo ${quoteAll(['R', String(index), 'container', state, '-', why])}`;
}

/**
 * One script by which a host probes all its peers at once, between two looks at its tunnels' packet counters. It prints
 * `R index check state milliseconds detail` a probe, and a line a tunnel port for its counters. Read-only.
 *
 * `own` is given for a full proof: docker0 and container towards the peers' docker0 and containers, with TCP and with
 * packets of the mesh's whole MTU that may not be fragmented. Without it, one ping goes over every tunnel.
 */
export function probeScript(host: ProofHost, peers: readonly ProbePeer[], token: string, own?: Responder): string {
  const full = own !== undefined;
  const lines = peers.map((peer, index) => {
    const address = quote(peer.address);
    if (!full) return `ping_check ${index} tunnel ${quoteAll(['-I', host.address])} ${address} &`;
    const responder = peer.responder;
    const container =
      own.container && responder?.container
        ? `inside=${own.container.pid} ping_check ${index} container ${quote(responder.container.address)}
  inside=${own.container.pid} ping_check ${index} df-container -M do -s ${host.mtu - PING_HEADERS} ${quote(responder.container.address)}`
        : noContainer(host, index, own, peer);
    const tcp =
      responder?.tcpPort != null
        ? `tcp_check ${index} ${address} ${responder.tcpPort}`
        : `echo ${quoteAll(['R', String(index), 'tcp', 'none', '-', `${peer.host}: ${responder?.tcpWhy ?? ''}`])}`;
    return `(
  ping_check ${index} docker0 -I ${quote(host.address)} ${address}
  ping_check ${index} df -M do -s ${host.mtu - PING_HEADERS} -I ${quote(host.address)} ${address}
  ${tcp}
  ${container}
) &`;
  });
  return `ping_check() { # INDEX CHECK PING-WORDS…
  i=$1 check=$2
  shift 2
  prefix=
  [ -n "\${inside:-}" ] && prefix="nsenter -t $inside -n"
  for try in \${tries:-1 2 3}; do
    out=$($prefix ping -n -c 1 -W 1 "$@" 2>&1)
    code=$?
    if [ "$code" -eq 0 ]; then
      ms=\${out#*time=}
      echo "R $i $check pass \${ms%% ms*}"
      return
    fi
    case $out in *[Ii]nvalid\\ option*|*[Uu]sage:*) echo "R $i $check none - this ping cannot send it"; return ;; esac
  done
  # What follows in this subshell is still measured, but not waited for as long.
  tries=1
  # The lines that say why, without the summary.
  echo "R $i $check fail - $(printf '%s\\n' "$out" | grep -iE 'error|unreach|too long|mtu|exceeded|unknown|denied' | head -n 1)"
}
tcp_check() { # INDEX ADDRESS PORT
  if ! command -v bash >/dev/null 2>&1; then echo "R $1 tcp none - bash is not there to connect with"; return; fi
  for try in \${tries:-1 2}; do
    said=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1" && IFS= read -r line <&3 && printf %s "$line"' "$2" "$3" 2>/dev/null)
    [ "$said" = ${quote(token)} ] && { echo "R $1 tcp pass -"; return; }
  done
  if [ -n "$said" ]; then echo "R $1 tcp fail - somebody else answered on $2 port $3"; else echo "R $1 tcp fail - no answer on $2 port $3"; fi
}
${countersBefore(host)}
${lines.join('\n')}
wait
${countersAfter}
`;
}
