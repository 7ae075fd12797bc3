import { posix } from 'node:path';
import { quote } from '../quote.js';

/**
 * Shell text for hosts: POSIX sh, coreutils, /proc and, for copies from host to host, curl where a file arrives and
 * systemd-socket-activate where it is. A token never stands in a command line or a file: the receiver reads it from its
 * stdin, the sender knows only the token's sha256.
 */

/** How the name of a file that is not complete yet ends; its sha256 stands before that, so that it can be gone on with. */
const PART = 'mesh-part';

/** Seconds in which a sender must answer a connection, or its port counts as blocked. */
const CONNECT_SECONDS = 4;
/** A transfer that stands still for so many seconds is given up. */
const STALLED_SECONDS = 20;
/** The slowest way that is waited for, in bytes a second: what keeps a listener from living for ever. */
const SLOWEST = 131_072;

/** The name that a file has while it arrives: beside the place where it shall be, hidden. */
export function partPath(path: string, sha256: string): string {
  return posix.join(posix.dirname(path), `.${shortName(path)}.${sha256.slice(0, 16)}.${PART}`);
}

/** The longest time that a transfer may take, in seconds. */
export function patience(size: number): number {
  return 60 + Math.ceil(size / SLOWEST);
}

/** A file name keeps below 255 bytes with what is added to it. */
function shortName(path: string): string {
  let name = posix.basename(path);
  while (Buffer.byteLength(name) > 180) name = name.slice(0, -1);
  return name;
}

const PREAMBLE = `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
umask 022`;

export interface Look {
  /** Files that others may be given. */
  readonly sources: readonly string[];
  /** Files that shall come to be here. */
  readonly wanted: readonly { readonly path: string; readonly sha256: string }[];
}

/**
 * What a host has: a line `C` with the tools for copies between hosts, then for every path one line
 * `F sum size part free`: sha256 or `-`, bytes, bytes of it that came before, KiB free where it shall be. Removes what
 * other transfers left behind there: parts of another version of the same file, and parts older than a day.
 */
export function lookScript({ sources, wanted }: Look): string {
  return `${PREAMBLE}
tools=
for tool in curl systemd-socket-activate timeout flock; do command -v "$tool" >/dev/null 2>&1 && tools="$tools $tool"; done
[ -r /proc/net/tcp ] && tools="$tools proc"
printf 'C%s\\n' "$tools"
see() { # PATH PART
  sum=- size=- part=0
  if [ -f "$1" ]; then
    sum=$(sha256sum <"$1" | cut -d' ' -f1)
    size=$(wc -c <"$1" | tr -d ' ')
  elif [ -e "$1" ]; then sum=other
  fi
  [ -n "$2" ] && [ -f "$2" ] && part=$(wc -c <"$2" | tr -d ' ')
  above=\${1%/*}
  while [ -n "$above" ] && [ ! -d "$above" ]; do above=\${above%/*}; done
  free=$(df -Pk "\${above:-/}" 2>/dev/null | sed -n 2p | awk '{ print $4 }')
  printf 'F %s %s %s %s\\n' "\${sum:--}" "\${size:--}" "$part" "\${free:--}"
}
clean() { # FOLDER NAME PART
  [ -d "$1" ] || return 0
  for old in "$1/.$2."*.${PART}; do [ "$old" = "$3" ] || rm -f "$old"; done
  find "$1" -maxdepth 1 -name '.*.${PART}' -mtime +0 -exec rm -f {} + 2>/dev/null
}
${sources.map((path) => `see ${quote(path)} ''`).join('\n')}
${wanted
  .map(({ path, sha256 }) => {
    const part = quote(partPath(path, sha256));
    return `clean ${quote(posix.dirname(path))} ${quote(shortName(path))} ${part}\nsee ${quote(path)} ${part}`;
  })
  .join('\n')}
exit 0
`;
}

/** An IPv4 address as /proc/net/tcp shows it, on machines of either byte order. */
export function procAddresses(address: string): readonly [string, string] {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'));
  return [[...bytes].reverse().join(''), bytes.join('')];
}

/**
 * What serves one connection; stdin and stdout are the socket. A stranger's address is dropped unread; a right token
 * stops the listener, so that it is good for one transfer only.
 */
const SERVE = `export LC_ALL=C
inode=$(readlink /proc/self/fd/0)
inode=\${inode#socket:[}
inode=\${inode%]}
known=
while read -r _ _ remote _ _ _ _ _ _ number _; do
  [ "$number" = "$inode" ] || continue
  case \${remote%:*} in "$2" | "$3") known=1 ;; esac
done </proc/net/tcp
[ -n "$known" ] || exit 0
request=$(timeout 10 dd bs=4096 count=1 2>/dev/null)
token=$(printf '%s\\n' "$request" | sed -n 's/^X-Mesh-Token: \\([0-9a-f]\\{1,99\\}\\).*/\\1/p')
if [ "$(printf %s "$token" | sha256sum)" != "$1  -" ]; then
  printf 'HTTP/1.0 403 Forbidden\\r\\n\\r\\n'
  exit 0
fi
kill -STOP "$PPID"
offset=$(printf '%s\\n' "$request" | sed -n 's/^Range: bytes=\\([0-9]\\{1,15\\}\\)-.*/\\1/p')
size=$(wc -c <"$4") || { printf 'HTTP/1.0 404 Not Found\\r\\n\\r\\n'; exit 0; }
size=$((size))
if [ "\${offset:-0}" -eq 0 ]; then
  printf 'HTTP/1.0 200 OK\\r\\nContent-Length: %s\\r\\n\\r\\n' "$size"
  exec cat <"$4"
fi
[ "$offset" -lt "$size" ] || { printf 'HTTP/1.0 416 Range Not Satisfiable\\r\\n\\r\\n'; exit 0; }
printf 'HTTP/1.0 206 Partial Content\\r\\nContent-Length: %s\\r\\nContent-Range: bytes %s-%s/%s\\r\\n\\r\\n' \\
  "$((size - offset))" "$offset" "$((size - 1))" "$size"
exec tail -c "+$((offset + 1))" <"$4"`;

export interface Offer {
  readonly path: string;
  readonly size: number;
  /** The address to listen on, and the only one that is served. */
  readonly address: string;
  readonly peer: string;
  readonly port: number;
  readonly tokenSha256: string;
}

/**
 * Offers one file to one peer for one transfer. Prints `ready` once it listens, `taken` if the port is not to be had. All
 * of it ends when stdin does, or by itself after the longest time that the transfer may take.
 */
export function offerScript(offer: Offer): string {
  const limit = patience(offer.size);
  const [own, ownReversed] = procAddresses(offer.address);
  const port = offer.port.toString(16).toUpperCase().padStart(4, '0');
  const words = [offer.tokenSha256, ...procAddresses(offer.peer), offer.path].map(quote).join(' ');
  return `${PREAMBLE}
timeout -k 2 ${limit} systemd-socket-activate --accept --inetd -l ${quote(`${offer.address}:${offer.port}`)} sh -c ${quote(SERVE)} mesh-send ${words} </dev/null >/dev/null 2>&1 &
listener=$!
trap 'kill "$listener" 2>/dev/null; wait "$listener"' EXIT
trap 'exit 1' HUP INT PIPE TERM
tries=0
until grep -Eq '^ *[0-9]+: (${own}|${ownReversed}):${port} 0+:0000 0A ' /proc/net/tcp; do
  tries=$((tries + 1))
  if [ "$tries" -gt 150 ] || ! kill -0 "$listener" 2>/dev/null; then break; fi
  sleep 0.02 2>/dev/null || sleep 1
done
if kill -0 "$listener" 2>/dev/null && [ "$tries" -le 150 ]; then echo ready; else echo taken; exit 0; fi
timeout ${limit} cat >/dev/null
exit 0`;
}

export interface Arrival {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

/** The part is this program's alone; `H` tells its length before. */
const openPart = (part: string): string => `mkdir -p ${quote(posix.dirname(part))} || exit 73
umask 077
part=${quote(part)}
exec 9>>"$part" || exit 73
if command -v flock >/dev/null 2>&1; then flock -w 10 9 || { echo 'another transfer of it is still running' >&2; exit 75; }; fi
have=$(wc -c <"$part" | tr -d ' ')`;

/** Gives a complete and right part its name: `D`; else `S size` (too short, kept) or `W sum size before` (wrong, removed). */
const finishPart = ({ path, sha256, size }: Arrival): string => `now=$(wc -c <"$part" | tr -d ' ')
if [ "$now" -lt ${size} ]; then printf 'S %s\\n' "$now"; exit 0; fi
sum=$(sha256sum <"$part" | cut -d' ' -f1)
if [ "$sum" != ${sha256} ]; then rm -f "$part"; printf 'W %s %s %s\\n' "$sum" "$now" "$have"; exit 0; fi
[ ! -d ${quote(path)} ] || { echo 'it is a directory' >&2; exit 73; }
chmod 0644 "$part" && { sync "$part" 2>/dev/null || sync; } && mv -f "$part" ${quote(path)} || exit 73
printf 'D %s\\n' "$have"`;

/**
 * Fetches a file from a host that offers it. Reads the token as the first line of stdin and keeps reading: when stdin ends,
 * it ends, and the part stays. Prints `P bytes` as it comes, `R code` with curl's exit code, `T seconds` that connecting
 * took (0: no connection), and how it ended.
 */
export function fetchScript(
  arrival: Arrival,
  way: { readonly from: string; readonly port: number; readonly own: string },
): string {
  const limit = patience(arrival.size);
  return `${PREAMBLE}
exec 3<&0
IFS= read -r token <&3 || exit 74
${openPart(partPath(arrival.path, arrival.sha256))}
if [ "$have" -gt ${arrival.size} ]; then : >"$part"; have=0; fi
if [ "$have" -lt ${arrival.size} ]; then
  resume=
  [ "$have" -eq 0 ] || resume="--continue-at $have"
  printf 'header = "X-Mesh-Token: %s"\\n' "$token" |
    timeout -k 2 ${limit} curl -q -sS -f -K - --noproxy '*' --interface ${quote(way.own)} --connect-timeout ${CONNECT_SECONDS} \\
      --speed-limit 1 --speed-time ${STALLED_SECONDS} $resume -o "$part" -w 'T %{time_connect}\\n' \\
      ${quote(`http://${way.from}:${way.port}/`)} 3<&- 9>&- &
  curl=$!
  { cat <&3 >/dev/null 2>&1; kill "$curl"; } >/dev/null 2>&1 9>&- &
  watch=$!
  while :; do sleep 0.4 >/dev/null 2>&1 || sleep 1 >/dev/null 2>&1; printf 'P %s\\n' "$(wc -c <"$part" 2>/dev/null | tr -d ' ')"; done 3<&- 9>&- 2>/dev/null &
  progress=$!
  wait "$curl"
  code=$?
  kill "$watch" "$progress" 2>/dev/null
  printf 'R %s\\n' "$code"
fi
${finishPart(arrival)}`;
}

/** Takes the rest of a file, from byte `offset` on, from stdin; says how it ended as `fetchScript` does. */
export function takeScript(arrival: Arrival, offset: number): string {
  return `${PREAMBLE}
${openPart(partPath(arrival.path, arrival.sha256))}
${offset === 0 ? ': >"$part"' : `[ "$have" -eq ${offset} ] || { echo 'its beginning was changed by somebody else' >&2; exit 75; }`}
have=${offset}
cat >&9 || exit 73
${finishPart(arrival)}`;
}

/** Prints a file from a byte offset on. */
export function giveScript(path: string, offset: number): string {
  return offset === 0 ? `exec cat <${quote(path)}` : `exec tail -c +${offset + 1} <${quote(path)}`;
}

/** Copies within the host: the file is there under another name. */
export function copyScript(arrival: Arrival, from: string): string {
  return `${PREAMBLE}
${openPart(partPath(arrival.path, arrival.sha256))}
have=0
cat <${quote(from)} >"$part" || exit 73
${finishPart(arrival)}`;
}
