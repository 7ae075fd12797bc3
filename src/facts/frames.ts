/**
 * How sections travel: `\n NONCE begin NAME \n` content `\n NONCE stderr \n` text `\n NONCE end NAME STATUS \n`.
 * The nonce is random for every observation, so no content, motd or noise can hold a frame by chance or by intent.
 */
export interface Section {
  /** The command's exit code, or a word that the script says instead: `absent`, `stopped`, `podman` … */
  readonly status: number | string;
  /** Exactly the bytes that were printed. */
  readonly content: Buffer;
  /** What went to stderr, its last 2000 characters. */
  readonly stderr: string;
}

const TAIL = 2000;

/** Every section that arrived whole, by name; one that is cut is not among them. Of two with one name the later counts. */
export function readSections(stdout: Buffer, nonce: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Section>();
  const mark = Buffer.from(`\n${nonce} `);
  let open: { readonly name: string; readonly start: number } | undefined;
  let stderrFrame: { readonly at: number; readonly start: number } | undefined;
  for (let at = stdout.indexOf(mark); at !== -1; at = stdout.indexOf(mark, at + mark.length)) {
    const lineEnd = stdout.indexOf(0x0a, at + mark.length);
    if (lineEnd === -1) break;
    const [verb, name = '', status = ''] = stdout.toString('latin1', at + mark.length, lineEnd).split(' ');
    if (verb === 'begin') {
      open = { name, start: lineEnd + 1 };
      stderrFrame = undefined;
    } else if (verb === 'stderr' && open) {
      stderrFrame = { at, start: lineEnd + 1 };
    } else if (verb === 'end' && open?.name === name) {
      const content = stdout.subarray(open.start, Math.max(open.start, stderrFrame?.at ?? at));
      const stderr = stderrFrame ? stdout.toString('utf8', Math.min(stderrFrame.start, at), at).trim() : '';
      sections.set(name, {
        status: /^\d+$/.test(status) ? Number(status) : status,
        content,
        stderr: stderr.slice(-TAIL),
      });
      open = undefined;
    }
    at = lineEnd - mark.length;
  }
  return sections;
}

/** The script's shell functions that print frames, for a nonce of letters and digits. */
export function frameFunctions(nonce: string): string {
  if (!/^[A-Za-z0-9]{8,64}$/.test(nonce)) throw new Error('a nonce is 8 to 64 letters and digits');
  return `
n=${nonce}
begin() { printf '\\n%s begin %s\\n' "$n" "$1"; }
end() { printf '\\n%s stderr\\n%s\\n%s end %s %s\\n' "$n" "$3" "$n" "$1" "$2"; }
say() { begin "$1"; end "$1" "$2" ''; }
# run NAME COMMAND...: a section with the command's output; leaves its exit code in rc and its stderr in err.
run() {
  section=$1
  shift
  begin "$section"
  err=$("$@" 2>&1 >&3 3>&-)
  rc=$?
  end "$section" "$rc" "$err"
}
limit='' patience=''
if command -v timeout >/dev/null 2>&1; then limit='timeout -k 1 6' patience='timeout -k 1 30'; fi
`;
}
