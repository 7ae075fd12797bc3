import { quote } from '../quote.js';
import { HOST_LAST_RUN, HOST_LOCK, HOST_LOCK_DIRECTORY } from './paths.js';

export interface LockRequest {
  readonly run: string;
  readonly who: string;
  /** RFC 3339. */
  readonly since: string;
  /** `mesh deploy inventory.yml`. */
  readonly what: string;
  /** What the host's last run was when it was observed; a different one means that the plan is out of date. */
  readonly lastRun: string | null;
}

/** What the lock command's first line says. */
export type LockAnswer =
  | { readonly kind: 'held' }
  | { readonly kind: 'taken over'; readonly from: string }
  | { readonly kind: 'busy'; readonly by: string }
  | { readonly kind: 'outdated'; readonly by: string }
  | { readonly kind: 'unreadable'; readonly text: string };

/**
 * A command that takes the host's lock, answers with one line, and holds it until its stdin ends, which it does when the
 * laptop closes the channel or goes away. A program that still runs then keeps the lock and gives it back itself. A lock
 * whose holders are gone (other boot, no such process with that start time: proc(5), /proc/pid/stat field 22) is taken over.
 */
export function lockCommand(request: LockRequest): string {
  const clean = (text: string) => text.replaceAll(/[\r\n]+/g, ' ');
  const text = `
umask 077
mkdir -p ${HOST_LOCK_DIRECTORY} || { echo "unreadable no ${HOST_LOCK_DIRECTORY}"; exit 0; }
lock=${HOST_LOCK}
field() { sed -n "s/^$1=//p" "$lock" 2>/dev/null; }
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
lives() { [ -n "$1" ] && [ -r "/proc/$1/stat" ] && [ "$(start_of "$1")" = "$2" ]; }
boot=$(cat /proc/sys/kernel/random/boot_id)
exec 9>>"$lock.guard"
flock -w 10 9 2>/dev/null
answer=held
if [ -e "$lock" ]; then
  owner="$(field who), since $(field since): $(field what)"
  if [ "$(field boot)" = "$boot" ] && { lives "$(field keeper)" "$(field keeper_start)" || lives "$(field apply)" "$(field apply_start)"; }; then
    echo "busy $owner"
    exit 0
  fi
  answer="taken over $owner"
fi
last=$(cat ${HOST_LAST_RUN} 2>/dev/null)
if [ "$last" != ${quote(request.lastRun ?? '')} ]; then
  echo "outdated $last"
  exit 0
fi
{
  printf 'run=%s\\n' ${quote(clean(request.run))}
  printf 'who=%s\\n' ${quote(clean(request.who))}
  printf 'since=%s\\n' ${quote(clean(request.since))}
  printf 'what=%s\\n' ${quote(clean(request.what))}
  echo "boot=$boot"
  echo "keeper=$$"
  echo "keeper_start=$(start_of $$)"
} >"$lock.$$" && mv "$lock.$$" "$lock" || { echo "unreadable $lock cannot be written"; exit 0; }
exec 9>&-
echo "$answer"
cat >/dev/null
exec 9>>"$lock.guard"
flock -w 10 9 2>/dev/null
if [ "$(field run)" = ${quote(request.run)} ] && ! lives "$(field apply)" "$(field apply_start)"; then rm -f "$lock"; fi
`;
  return `sh -c ${quote(text)}`;
}

/** Reads the first line of the lock command. */
export function parseLockAnswer(line: string): LockAnswer {
  if (line === 'held') return { kind: 'held' };
  const match = /^(taken over|busy|outdated) ?(.*)$/.exec(line);
  if (match?.[1] === 'taken over') return { kind: 'taken over', from: match[2] ?? '' };
  if (match?.[1] === 'busy') return { kind: 'busy', by: match[2] ?? '' };
  if (match?.[1] === 'outdated') return { kind: 'outdated', by: match[2] ?? '' };
  return { kind: 'unreadable', text: line.replace(/^unreadable /, '') };
}
