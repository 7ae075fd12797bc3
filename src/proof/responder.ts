import { quote } from '../quote.js';
import type { ProofHost, Responder } from './types.js';

/** Lives this long at most if nobody ends it, in seconds. */
const RESPONDER_SECONDS = 300;

/**
 * A command that makes a host answer for a full proof: a TCP listener on docker0's address that says the token, and a real
 * container on Docker's bridge, from an empty image over the host's own read-only programs, so that no registry is asked.
 * It prints one line a thing and `ready`, then holds everything until its stdin ends, and leaves nothing behind.
 */
export function responderCommand(host: ProofHost, token: string): string {
  const name = quote(`mesh-probe-${token}`);
  const text = `
exec 2>&1
listener= made= opened= watch=
# A host's firewall keeps containers of other hosts out of the host; the proof's own port is open while it runs.
door() { iptables -w 5 "$1" INPUT -i ${quote(host.dockerBridge)} -d ${quote(host.address)} -p tcp -m tcp --dport "$port" -m comment --comment mesh:proof -j ACCEPT; }
cleanup() {
  trap - EXIT HUP INT TERM
  [ -n "$watch" ] && kill "$watch" 2>/dev/null
  [ -n "$listener" ] && kill "$listener" 2>/dev/null
  [ -n "$opened" ] && door -D
  docker rm -f ${name} >/dev/null 2>&1
  [ -n "$made" ] && docker rmi ${name} >/dev/null 2>&1
  exit 0
}
trap cleanup EXIT HUP INT TERM
activate=
for candidate in systemd-socket-activate /usr/lib/systemd/systemd-activate /lib/systemd/systemd-activate; do
  if command -v "$candidate" >/dev/null 2>&1; then activate=$candidate; break; fi
done
if [ -z "$activate" ]; then
  echo 'tcp none systemd-socket-activate is not there'
else
  port=$((20000 + $$ % 20000)) tries=0
  while [ "$tries" -lt 20 ]; do
    "$activate" --accept --inetd -l ${quote(host.address)}:"$port" echo ${quote(token)} </dev/null >/dev/null 2>&1 &
    listener=$!
    sleep 0.1 2>/dev/null || sleep 1
    kill -0 "$listener" 2>/dev/null && break
    listener= port=$((port + 1)) tries=$((tries + 1))
  done
  if [ -n "$listener" ] && iptables -w 5 -S INPUT 2>/dev/null | grep -qE -e '-j (DROP|REJECT)|^-P INPUT DROP'; then
    opened=1
    door -I || opened=
  fi
  if [ -n "$listener" ]; then echo "tcp $port"; else echo ${quote(`tcp none nothing could listen on ${host.address}`)}; fi
fi
volumes=
for folder in /bin /lib /lib64 /usr; do [ -d "$folder" ] && volumes="$volumes -v $folder:$folder:ro"; done
why=$(tar cT /dev/null 2>/dev/null | docker import - ${name} 2>&1) && made=1
run() { docker run -d --name ${name} --network bridge --read-only --cap-drop ALL --pids-limit 8 $volumes "$@" ${name} sleep ${RESPONDER_SECONDS}; }
if [ -n "$made" ]; then
  why=$(run 2>&1) || { docker rm -f ${name} >/dev/null 2>&1; why=$(run --security-opt apparmor=unconfined 2>&1); } || made=failed
fi
# A reason counts only where dockerd answers: one that is down is no Docker that cannot run containers.
told=none
if [ "$made" = 1 ]; then
  # By network: the address beside the networks is gone since API 1.52 (Docker 29).
  found=$(docker inspect --format '{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' ${name} 2>&1)
  case $found in
    [1-9]*' '[0-9]*) told= ;;
    '0 '*)
      told=cannot
      why="its container ended at once: $(docker inspect --format '{{.State.ExitCode}} {{.State.Error}}' ${name} 2>&1) $(docker logs --tail 3 ${name} 2>&1)"
      ;;
    [1-9]*' ') why='its container has no address on the network bridge' ;;
    *) why="Docker does not tell its container’s address: $found" ;;
  esac
elif docker version >/dev/null 2>&1; then
  told=cannot
fi
if [ -n "$told" ]; then echo "container $told $(printf %s "$why" | tr '\\n' ' ')"; else echo "container $found"; fi
echo ready
( trap 'kill $! 2>/dev/null; exit 0' TERM; sleep ${RESPONDER_SECONDS} & wait; kill $$ 2>/dev/null ) </dev/null >/dev/null 2>&1 &
watch=$!
cat >/dev/null
`;
  return `sh -c ${quote(text)}`;
}

/** Reads the responder's lines up to `ready`. */
export function parseResponder(host: string, lines: readonly string[]): Responder {
  const after = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';
  const tcp = after('tcp');
  const container = /^([1-9]\d*) (\d+\.\d+\.\d+\.\d+)$/.exec(after('container'));
  const nothing = 'the host said nothing about it';
  return {
    host,
    tcpPort: /^\d+$/.test(tcp) ? Number(tcp) : null,
    tcpWhy: tcp.replace(/^none /, '') || nothing,
    container: container ? { pid: Number(container[1]), address: container[2] ?? '' } : null,
    containerWhy: after('container').replace(/^(none|cannot) /, '') || nothing,
    containerExcused: /^cannot ./.test(after('container')),
  };
}
