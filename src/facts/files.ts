import { createHash } from 'node:crypto';
import { quote, quoteAll } from '../quote.js';
import { good, known, linesOf, type Sections, unknown } from './fact.js';
import type { Fact, FileFact, Interests } from './types.js';

/** Contents above this many bytes stay on the host; their sha256 is made there. */
const largest = 262_144;

/** Files, sysctls and checks. A path counts as absent only where the nearest folder above it can be searched. */
export function filesScript(interests: Interests): string {
  const { files, sysctls, checks } = interests;
  const settings = sysctls.map((name, index) => `  setting ${index} ${quote(sysctlPath(name))}`);
  const trials = checks.map((check, index) => `  try ${index} ${quote(check)}`);
  return `
look() {
  begin files
  index=0 count=$# numbers=''
  while [ "$index" -lt "$count" ]; do
    path=$1
    shift
    if [ -e "$path" ] || [ -L "$path" ]; then
      set -- "$@" "$path"
      numbers="$numbers $index"
    else
      above=$path
      while [ -n "$above" ] && [ ! -e "$above" ]; do above=\${above%/*}; done
      if [ -z "$above" ] || [ ! -d "$above" ] || [ -x "$above" ]; then
        printf '%s absent\\n' "$index"
      else
        printf '%s hidden\\n' "$index"
      fi
    fi
    index=$((index + 1))
  done
  about='' rc=0
  if [ $# -gt 0 ]; then
    about=$(stat -c '%f %s %u %g %U %G' "$@" 2>&1)
    rc=$?
  fi
  printf 'stat%s\\n%s\\n' "$numbers" "$about"
  end files "$rc" ''
  [ "$rc" -eq 0 ] && [ $# -gt 0 ] || return 0
  while read -r mode size _; do
    index=\${numbers# }
    numbers=\${index#"\${index%% *}"}
    index=\${index%% *}
    path=$1
    shift
    case $mode in 8???) ;; *) continue ;; esac
    case $path in /proc/* | /sys/*) size=1 ;; esac
    if [ "$size" -gt ${largest} ]; then
      run "digest:$index" sha256sum "$path"
    elif [ "$size" -gt 0 ]; then
      run "file:$index" cat "$path"
    fi
  done <<EOF
$about
EOF
}
setting() {
  value=''
  if [ ! -e "$2" ]; then
    printf '%s none\\n' "$1"
  elif { IFS= read -r value <"$2"; } 2>/dev/null || [ -n "$value" ]; then
    printf '%s = %s\\n' "$1" "$value"
  else
    printf '%s hidden\\n' "$1"
  fi
}
try() {
  $limit sh -c "$2" >/dev/null 2>&1
  say "check:$1" "$?"
}
see_files() {
  ${files.length === 0 ? ':' : `look ${quoteAll(files)}`}
${settings.length === 0 ? '' : `  begin sysctls\n${settings.join('\n')}\n  end sysctls 0 ''\n`}${trials.join('\n')}
}
`;
}

/** `.` and `/` swap in a setting's path (sysctl(8)): an interface's own dots are written as slashes. */
function sysctlPath(name: string): string {
  return `/proc/sys/${name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.'))}`;
}

export function parseFiles(sections: Sections, interests: Interests): Record<string, Fact<FileFact>> {
  const section = good(sections, 'files', 'the files');
  const read = section.known ? readList(section.value.content.toString('utf8')) : null;
  const one = (path: string, index: number): Fact<FileFact> => {
    if (!section.known || !read) return section.known ? unknown(`${path} could not be read`) : section;
    const state = read.states.get(index);
    if (state === 'absent') return known({ kind: 'absent' });
    if (state === 'hidden') return unknown(`${path} could not be read: a folder above it cannot be searched`);
    const about = read.about.get(index);
    return about
      ? readFile(sections, path, index, about)
      : unknown(`${path} could not be read: stat said nothing about it`);
  };
  return Object.fromEntries(interests.files.map((path, index) => [path, one(path, index)]));
}

interface About {
  readonly mode: number;
  readonly size: number;
  readonly owner: string;
  readonly group: string;
}

function readList(text: string): { states: ReadonlyMap<number, string>; about: ReadonlyMap<number, About> } {
  const states = new Map<number, string>();
  const about = new Map<number, About>();
  const lines = text.split('\n').filter((line) => line !== '');
  const at = lines.findIndex((line) => line.startsWith('stat'));
  for (const line of lines.slice(0, at)) states.set(Number(line.split(' ')[0]), line.split(' ')[1] ?? '');
  const numbers = (lines[at] ?? '').split(' ').slice(1).map(Number);
  const stats = lines.slice(at + 1).map((line) => /^([0-9a-f]+) (\d+) (\d+) (\d+) (\S+) (\S+)$/.exec(line));
  if (stats.length !== numbers.length) return { states, about };
  for (const [position, match] of stats.entries()) {
    const number = numbers[position];
    if (!match || number === undefined) continue;
    const [, mode = '', size, uid = '', gid = '', owner = '', group = ''] = match;
    about.set(number, {
      mode: Number.parseInt(mode, 16),
      size: Number(size),
      owner: owner === 'UNKNOWN' ? uid : owner,
      group: group === 'UNKNOWN' ? gid : group,
    });
  }
  return { states, about };
}

/** The type bits of st_mode (inode(7)). */
const kinds: ReadonlyMap<number, string> = new Map([
  [0o120000, 'symbolic link'],
  [0o140000, 'socket'],
  [0o060000, 'block device'],
  [0o020000, 'character device'],
  [0o010000, 'fifo'],
]);

function readFile(sections: Sections, path: string, index: number, about: About): Fact<FileFact> {
  const type = about.mode & 0o170000;
  const common = { mode: (about.mode & 0o7777).toString(8).padStart(4, '0'), owner: about.owner, group: about.group };
  if (type === 0o040000) return known({ kind: 'directory', ...common });
  if (type !== 0o100000) return known({ kind: 'other', what: kinds.get(type) ?? 'something else' });
  const virtual = /^\/(proc|sys)\//.test(path);
  if (!virtual && about.size > largest) {
    const digest = good(sections, `digest:${index}`, path);
    if (!digest.known) return digest;
    const sha256 = /^\\?([0-9a-f]{64}) /.exec(digest.value.content.toString('latin1'))?.[1];
    if (!sha256) return unknown(`${path} could not be read: sha256sum printed no sum`);
    return known({ kind: 'file', ...common, size: about.size, sha256, content: null });
  }
  const empty = !virtual && about.size === 0;
  const section = empty ? null : good(sections, `file:${index}`, path);
  if (section && !section.known) return section;
  const bytes = section?.value.content ?? Buffer.alloc(0);
  if (!virtual && bytes.length !== about.size) return unknown(`${path} changed while it was read`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return known({ kind: 'file', ...common, size: bytes.length, sha256, content: validText(bytes) });
}

function validText(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function parseSysctls(sections: Sections, interests: Interests): Record<string, Fact<string | null>> {
  const section = good(sections, 'sysctls', 'kernel settings');
  const lines = new Map(
    section.known
      ? linesOf(section.value.content).map((line) => [Number(line.split(' ', 1)[0]), line.slice(line.indexOf(' ') + 1)])
      : [],
  );
  const one = (name: string, index: number): Fact<string | null> => {
    if (!section.known) return section;
    const line = lines.get(index);
    if (line === 'none') return known(null);
    return line?.startsWith('= ') ? known(line.slice(2)) : unknown(`${name} could not be read`);
  };
  return Object.fromEntries(interests.sysctls.map((name, index) => [name, one(name, index)]));
}

/** A check that was ended for taking too long says nothing; every other exit code is its answer. */
export function parseChecks(sections: Sections, interests: Interests): Record<string, Fact<number>> {
  const one = (check: string, index: number): Fact<number> => {
    const status = sections.get(`check:${index}`)?.status;
    if (typeof status !== 'number') return unknown('the observation broke off before the check had run');
    return status === 124 || status === 137 ? unknown(`no answer in time from: ${check}`) : known(status);
  };
  return Object.fromEntries(interests.checks.map((check, index) => [check, one(check, index)]));
}
