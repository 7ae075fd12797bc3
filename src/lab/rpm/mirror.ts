import { readFile, writeFile } from 'node:fs/promises';
import type { LabPlaces } from '../names.js';
import type { Process } from '../processes.js';
import { runDetached } from '../run.js';
import { inNetns } from '../wire.js';

/**
 * Answers one HTTP request (RFC 9110) on stdin and stdout with a file of the folder $1, and notes it on stderr. The first
 * part of a path may name a fault: `truncated` ends after half of the file, `corrupt` has another first byte, `slow` takes
 * its time (half a megabyte a second), `unavailable` is a 503.
 */
export const mirrorScript = `#!/bin/sh
folder=$1
cr=$(printf '\\r')
read -r method target _ || exit 0
from=0
while read -r line; do
  line=\${line%"$cr"}
  [ -n "$line" ] || break
  case $line in
    [Rr]ange:\\ bytes=*[!0-9]) from=\${line#*=} from=\${from%-} ;;
  esac
done
case $from in '' | *[!0-9]*) from=0 ;; esac
path=$(printf '%s\\n' "\${target%%\\?*}" | sed 's/%2[Bb]/+/g; s/%7[Ee]/~/g')

answer() {
  printf '%s %s %s\\n' "$method" "$target" "\${1%% *}" >&2
  printf 'HTTP/1.1 %s\\r\\nConnection: close\\r\\nContent-Type: application/octet-stream\\r\\nAccept-Ranges: bytes\\r\\n' "$1"
  [ -z "$3" ] || printf 'Content-Range: %s\\r\\n' "$3"
  printf 'Content-Length: %s\\r\\n\\r\\n' "$2"
}

fault=''
case $path in
  /truncated/* | /corrupt/* | /slow/* | /unavailable/*)
    fault=\${path#/} path=/\${path#/*/} fault=\${fault%%/*}
    ;;
esac
case $method in GET | HEAD) ;; *) answer '405 Method Not Allowed' 0; exit ;; esac
if [ "$fault" = unavailable ]; then answer '503 Service Unavailable' 0; exit; fi
case $path in */../*) path=/.. ;; esac
if [ ! -f "$folder$path" ]; then answer '404 Not Found' 0; exit; fi
size=$(stat -L -c %s "$folder$path")
if [ "$from" -ge "$size" ]; then from=0; fi
if [ "$from" -gt 0 ]; then
  answer '206 Partial Content' $((size - from)) "bytes $from-$((size - 1))/$size"
else
  answer '200 OK' "$size"
fi
[ "$method" = GET ] || exit 0
case $fault in
  '') tail -c +$((from + 1)) "$folder$path" ;;
  truncated) head -c $((size / 2)) "$folder$path" ;;
  corrupt) printf X; tail -c +2 "$folder$path" ;;
  slow)
    block=$((from / 65536))
    tail -c +$((from + 1)) "$folder$path" | head -c $(((block + 1) * 65536 - from))
    while block=$((block + 1)) && [ $((block * 65536)) -lt "$size" ]; do
      sleep 0.12
      dd if="$folder$path" bs=65536 skip="$block" count=1 2>/dev/null || exit 0
    done
    ;;
esac
`;

/** Whether a process is the mirror of a lab, waiting for connections. */
export function isMirror({ argv, netns }: Process, laptop: number | undefined, lab: LabPlaces): boolean {
  if (argv[0] !== 'systemd-socket-activate' && !argv.includes(`--net=/run/netns/${lab.laptop}`)) return false;
  return argv.includes(lab.mirrorFile) && (netns === laptop || argv[0] !== 'systemd-socket-activate');
}

/** Starts the mirror in the laptop's namespace: hosts reach it over the wire, nothing else does. It goes with the lab. */
export async function startMirror(lab: LabPlaces, folder: string): Promise<void> {
  await writeFile(lab.mirrorFile, mirrorScript, { mode: 0o755 });
  const serve = ['systemd-socket-activate', '--accept', '--inetd', '--listen=0.0.0.0:80'];
  await runDetached(inNetns(lab.laptop, [...serve, 'sh', lab.mirrorFile, folder]), lab.mirrorLog);
}

/** What was asked of the mirror, oldest first: `GET /path 200`. */
export async function mirrorRequests(lab: LabPlaces): Promise<string[]> {
  const log = await readFile(lab.mirrorLog, 'utf8').catch(() => '');
  return log.split('\n').filter((line) => /^[A-Z]+ \/\S* \d{3}$/.test(line));
}
