import { quote } from '../quote.js';
import { HOST_LAST_RUN, HOST_LOCK, HOST_LOCK_DIRECTORY } from './paths.js';

/**
 * Shell functions over the lock file. `guarded` makes reading and writing it one act; `owned` says whether one of its two
 * holders lives: the keeper on the laptop's connection, or the program that applies. A process is known by boot, pid and
 * start time (proc(5), /proc/pid/stat field 22).
 */
export const lockFunctions = `
lock=${HOST_LOCK}
field() { sed -n "s/^$1=//p" "$lock" 2>/dev/null; }
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
lives() { [ -n "$1" ] && [ -r "/proc/$1/stat" ] && [ "$(start_of "$1")" = "$2" ]; }
boot=$(cat /proc/sys/kernel/random/boot_id)
keeper_lives() { [ "$(field boot)" = "$boot" ] && lives "$(field keeper)" "$(field keeper_start)"; }
program_lives() { [ "$(field boot)" = "$boot" ] && lives "$(field apply)" "$(field apply_start)"; }
owned() { [ -e "$lock" ] && { keeper_lives || program_lives; }; }
owner() { printf '%s, since %s: %s' "$(field who)" "$(field since)" "$(field what)"; }
guarded() { mkdir -p ${HOST_LOCK_DIRECTORY} && exec 9>>"$lock.guard" && { flock -w 10 9 2>/dev/null || :; }; }
unguarded() { exec 9>&-; }
`;

/** Shell text that prints the lock's first lines for a run. */
export function lockHead(request: Pick<LockRequest, 'run' | 'who' | 'since' | 'what'>): string {
  const { run, who, since, what } = request;
  return Object.entries({ run, who, since, what })
    .map(([name, value]) => `printf '${name}=%s\\n' ${quote(value.replaceAll(/[\r\n]+/g, ' '))}`)
    .join('\n');
}

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

/** How often the laptop says on the lock command's stdin that it is there, and after how long a silence it is not. */
export const HEARTBEAT_SECONDS = 15;
export const SILENCE_SECONDS = 60;
/** What it says. */
export const HEARTBEAT = 'alive\n';

/**
 * A command that takes the host's lock, answers with one line, and holds it until its stdin ends, which it does when the
 * laptop closes the channel or goes away, or until it has not heard {@link HEARTBEAT} for too long: a laptop without power
 * closes nothing, and sshd may take hours to notice. A program that still runs then keeps the lock and gives it back
 * itself. A lock whose holders are gone is taken over; one that a broken connection of the same run left is taken up again.
 */
export function lockCommand(request: LockRequest, silenceSeconds = SILENCE_SECONDS): string {
  const run = quote(request.run);
  const text = `
umask 077
${lockFunctions}
guarded || { echo "unreadable no ${HOST_LOCK_DIRECTORY}"; exit 0; }
answer=held
own=
if [ -e "$lock" ] && [ "$(field run)" = ${run} ]; then own=1
elif owned; then
  echo "busy $(owner)"
  exit 0
elif [ -e "$lock" ]; then answer="taken over $(owner)"
fi
last=$(cat ${HOST_LAST_RUN} 2>/dev/null)
case $last in ${run}\\ *) own=1 ;; esac
if [ -z "$own" ] && [ "$last" != ${quote(request.lastRun ?? '')} ]; then
  echo "outdated $last"
  exit 0
fi
program=$([ "$(field run)" = ${run} ] && grep -E '^(apply|play)' "$lock")
{
${lockHead(request)}
  echo "boot=$boot"
  echo "keeper=$$"
  echo "keeper_start=$(start_of $$)"
  [ -z "$program" ] || echo "$program"
} >"$lock.$$" && mv "$lock.$$" "$lock" || { echo "unreadable $lock cannot be written"; exit 0; }
unguarded
echo "$answer"
# sh's own read knows no limit. A host without timeout(1) waits until sshd closes the channel.
if timeout 5 true 2>/dev/null; then
  while [ -n "$(timeout ${silenceSeconds} head -n 1)" ]; do :; done
else cat >/dev/null
fi
guarded
if [ "$(field run)" = ${run} ] && [ "$(field keeper)" = $$ ] && ! program_lives; then rm -f "$lock"; fi
`;
  return `sh -c ${quote(text)}`;
}

/**
 * Shell text that waits until the lock is free, or until only the program of a run holds it whose laptop is gone, for a
 * number of seconds at most. Holds nothing itself.
 */
export function waitScript(until: 'free' | 'laptop gone', seconds: number): string {
  const held = until === 'free' ? 'owned' : '[ -e "$lock" ] && keeper_lives';
  return `${lockFunctions}
end=$(($(date +%s) + ${Math.max(1, Math.ceil(seconds))}))
pause=0.2
sleep 0.01 2>/dev/null || pause=1
while ${held} && [ "$(date +%s)" -lt "$end" ]; do sleep "$pause"; done
`;
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
