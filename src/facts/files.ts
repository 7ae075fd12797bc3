import { createHash } from 'node:crypto';
import { quoteAll } from '../quote.js';
import { good, known, type Sections, unknown } from './fact.js';
import type { Fact, FileFact, Interests } from './types.js';

/** Contents above this many bytes stay on the host; their sha256 is made there. */
const largest = 262_144;

/**
 * The contents of all files come from one `head -v`, whose heading lines must stand exactly
 * where the sizes from stat(1) put them. A path counts as absent only where the nearest folder above it can be searched.
 */
export function filesScript(interests: Interests): string {
  if (interests.files.length === 0) return '\nsee_files() { :; }\n';
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
    case $path in
      /proc/* | /sys/*) run "file:$index" cat "$path" ;;
      *) if [ "$size" -gt ${largest} ]; then run "digest:$index" sha256sum "$path"; elif [ "$size" -gt 0 ]; then set -- "$@" "$path"; fi ;;
    esac
  done <<EOF
$about
EOF
  if [ $# -gt 0 ]; then run contents head -v -c ${largest} "$@"; fi
}
see_files() { look ${quoteAll(interests.files)}; }
`;
}

export function parseFiles(sections: Sections, interests: Interests): Record<string, Fact<FileFact>> {
  const section = good(sections, 'files', 'the files');
  const read = section.known ? readList(section.value.content.toString('utf8')) : null;
  const plain = interests.files.flatMap((path, index) => {
    const about = read?.about.get(index);
    const held =
      about && (about.mode & typeBits) === 0o100000 && about.size > 0 && about.size <= largest && !isVirtual(path);
    return held ? [{ path, size: about.size }] : [];
  });
  const contents = plain.length > 0 ? readContents(sections, plain) : new Map<string, Fact<Buffer>>();
  const one = (path: string, index: number): Fact<FileFact> => {
    if (!section.known || !read) return section.known ? unknown(`${path} could not be read`) : section;
    const state = read.states.get(index);
    if (state === 'absent') return known({ kind: 'absent' });
    if (state === 'hidden') return unknown(`${path} could not be read: a folder above it cannot be searched`);
    const about = read.about.get(index);
    return about
      ? readFile(sections, path, index, about, contents)
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

const typeBits = 0o170000;

/** Files whose size stat(1) does not know. */
function isVirtual(path: string): boolean {
  return /^\/(proc|sys)\//.test(path);
}

/** The type bits of st_mode (inode(7)). */
const kinds: ReadonlyMap<number, string> = new Map([
  [0o120000, 'symbolic link'],
  [0o140000, 'socket'],
  [0o060000, 'block device'],
  [0o020000, 'character device'],
  [0o010000, 'fifo'],
]);

function readFile(
  sections: Sections,
  path: string,
  index: number,
  about: About,
  contents: ReadonlyMap<string, Fact<Buffer>>,
): Fact<FileFact> {
  const type = about.mode & typeBits;
  const common = { mode: (about.mode & 0o7777).toString(8).padStart(4, '0'), owner: about.owner, group: about.group };
  if (type === 0o040000) return known({ kind: 'directory', ...common });
  if (type !== 0o100000) return known({ kind: 'other', what: kinds.get(type) ?? 'something else' });
  const virtual = isVirtual(path);
  if (!virtual && about.size > largest) {
    const digest = good(sections, `digest:${index}`, path);
    if (!digest.known) return digest;
    const sha256 = /^\\?([0-9a-f]{64}) /.exec(digest.value.content.toString('latin1'))?.[1];
    if (!sha256) return unknown(`${path} could not be read: sha256sum printed no sum`);
    return known({ kind: 'file', ...common, size: about.size, sha256, content: null });
  }
  const bytes = virtual
    ? readVirtual(sections, path, index)
    : about.size === 0
      ? known(Buffer.alloc(0))
      : contents.get(path);
  if (!bytes) return unknown(`${path}, or another file that was read with it, changed while it was read`);
  if (!bytes.known) return bytes;
  return known({ kind: 'file', ...common, size: bytes.value.length, ...readText(bytes.value) });
}

function readVirtual(sections: Sections, path: string, index: number): Fact<Buffer> {
  const section = good(sections, `file:${index}`, path);
  return section.known ? known(section.value.content) : section;
}

/** Cuts the output of `head -v` by the sizes that stat gave. Where one does not fit, none of them is taken. */
function readContents(sections: Sections, files: readonly { readonly path: string; readonly size: number }[]) {
  const contents = new Map<string, Fact<Buffer>>();
  const section = good(sections, 'contents', 'the contents of files');
  if (!section.known) return new Map(files.map(({ path }) => [path, section]));
  const output = section.value.content;
  let at = 0;
  for (const { path, size } of files) {
    const heading = Buffer.from(`${at === 0 ? '' : '\n'}==> ${path} <==\n`);
    const start = at + heading.length;
    if (!output.subarray(at, start).equals(heading)) return new Map<string, Fact<Buffer>>();
    contents.set(path, known(output.subarray(start, start + size)));
    at = start + size;
  }
  return at === output.length ? contents : new Map<string, Fact<Buffer>>();
}

function readText(bytes: Buffer): { readonly sha256: string; readonly content: string | null } {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), content: validText(bytes) };
}

function validText(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
