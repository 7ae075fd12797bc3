import { quote } from '../quote.js';
import { lockFunctions, lockHead } from './lock.js';
import { HOST_LAST_RUN, HOST_RECORDS, HOST_RUNS, playDirectory, stopFile } from './paths.js';
import type { PlannedChange } from './types.js';

/** Seconds that a step may take where its resource does not say. */
export const STEP_TIMEOUT_SECONDS = 120;

/** Looks, 50 ms apart, after which a program that has not begun is taken for one that never will. */
const UNBORN_LOOKS = 200;

/** Finished runs whose journals a host keeps. */
const RUNS_KEPT = 10;

export interface ProgramInput {
  readonly run: string;
  /** Index of the play in its playbook, from 0. */
  readonly play: number;
  /** `user@laptop`: who runs it, for the host's record of its last run. */
  readonly who: string;
  /** RFC 3339, and `mesh deploy inventory.yml`: for the host's lock, should the connection be gone before the start. */
  readonly since: string;
  readonly what: string;
  /** What the host's last run must be where the run has no lock there any more: else others have changed the host. */
  readonly lastRun: string | null;
  /** Every host that does this play. */
  readonly hosts: readonly string[];
  readonly changes: readonly PlannedChange[];
}

/** Shell text that writes a former value once: temporary name, flushed, renamed; an existing one is never touched. */
function recordText(change: PlannedChange): string {
  return (change.records ?? [])
    .map(({ key, value }) => {
      if (!/^[A-Za-z0-9_.%@-]+(\/[A-Za-z0-9_.%@-]+)*$/.test(key) || key.split('/').includes('..')) {
        throw new Error(`a record cannot have the key ${JSON.stringify(key)}`);
      }
      return `record ${quote(key)} ${quote(JSON.stringify(value))}`;
    })
    .join('\n');
}

/**
 * One host's changes of one play as one POSIX-sh program. It is started detached from the connection, enters itself in the
 * run's lock, and goes on without a laptop. Its journal holds one line an event: `B step time offset` when a step begins,
 * `E step state code time offset` when it ends, `X state time` as the last; offsets are into the file `output`, times are
 * seconds since 1970 by the host's clock. The run's stop file ends it between two steps.
 */
export function applyProgram(input: ProgramInput): string {
  const directory = playDirectory(input.run, input.play);
  const steps = input.changes.map((change, index) => {
    const record = recordText(change);
    const words = [
      String(index + 1),
      String(change.timeoutSeconds ?? STEP_TIMEOUT_SECONDS),
      quote(change.guard ?? ''),
      quote(change.command),
    ];
    return `begin ${index + 1}${record && `\n${record}`}\nstep ${words.join(' ')}`;
  });
  return `#!/bin/sh
# mesh run ${input.run.replace(/[^A-Za-z0-9_-]/g, '')}, play ${input.play}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
# The hosts of this play that still take part when it begins: a step that waits for a peer looks here first.
MESH_PLAY_HOSTS=${quote(input.hosts.join('\n'))}
export MESH_PLAY_HOSTS
umask 022
dir=${quote(directory)}
cd / || exit 1
# Whoever starts it may not learn that it did, and start it in another way.
mkdir "$dir/started" 2>/dev/null || exit 0
${lockFunctions}
echo "$$ $(start_of $$) $boot" >"$dir/pid"

now() { date +%s; }
size() { wc -c <"$dir/output" | tr -d ' '; }
note() { printf '%s\\n' "$*" >>"$dir/journal"; }
finish() {
  sync
  release
  note "X $1 $(now)"
  exit 0
}
unclaimed() {
  printf '%s\\n' "$1" >>"$dir/output"
  unguarded
  note "X failed $(now)"
  exit 0
}
claim() {
  # The keeper on the connection may be gone by now: then the lock is taken here.
  guarded
  mine=$([ "$(field run)" = ${quote(input.run)} ] && sed '/^apply/d; /^play=/d' "$lock")
  if [ -z "$mine" ] && owned; then
    unclaimed "another run is changing this host ($(owner))"
  fi
  last=$(cat ${HOST_LAST_RUN} 2>/dev/null)
  case $last in ${quote(input.run)}\\ *) last=${quote(input.lastRun ?? '')} ;; esac
  if [ -z "$mine" ] && [ "$last" != ${quote(input.lastRun ?? '')} ]; then
    unclaimed "it was changed since it was looked at (by \${last:-somebody who took everything back})"
  fi
  {
    if [ -n "$mine" ]; then printf '%s\\n' "$mine"; else
${lockHead(input)}
      echo "boot=$boot"
    fi
    echo "apply=$$"
    echo "apply_start=$(start_of $$)"
    echo "play=${input.play}"
  } >"$lock.$$" && mv "$lock.$$" "$lock"
  unguarded
}
release() {
  # The connection's own keeper, if it still lives, gives the lock back; without one this program does.
  guarded
  if [ "$(field run)" = ${quote(input.run)} ]; then
    if keeper_lives; then sed '/^apply/d; /^play=/d' "$lock" >"$lock.$$" && mv "$lock.$$" "$lock"; else rm -f "$lock"; fi
  fi
  unguarded
}
record() {
  [ -e ${HOST_RECORDS}/"$1" ] && return 0
  (umask 077 && mkdir -p ${HOST_RECORDS}/"$(dirname "$1")" && printf '%s\\n' "$2" >${HOST_RECORDS}/"$1.new") &&
    sync ${HOST_RECORDS}/"$1.new" && mv ${HOST_RECORDS}/"$1.new" ${HOST_RECORDS}/"$1" && return 0
  give_up "the former value of $1 could not be kept"
}
give_up() {
  echo "$1" >>"$dir/output"
  note "E $current failed 1 $(now) $(size)"
  finish failed
}
limit=
command -v timeout >/dev/null 2>&1 && limit=1
write() { # NAME TEXT
  # In a file, and by the shell itself: everybody can read the arguments of a process, and one of them has 128 KiB at most.
  (umask 077 && printf '%s\\n' "$2" >"$dir/$1") || give_up "$dir/$1 could not be written"
}
shell() { # SECONDS NAME
  if [ -n "$limit" ]; then timeout -k 5 "$1" sh "$dir/$2"; else sh "$dir/$2"; fi
}
begin() {
  current=$1
  if [ -e ${quote(stopFile(input.run))} ]; then finish stopped; fi
  note "B $1 $(now) $(size)"
}
step() { # NUMBER SECONDS GUARD COMMAND
  if [ -n "$3" ]; then
    write "guard-$1" "$3"
    if ! shell "$2" "guard-$1" </dev/null >/dev/null 2>&1; then
      note "E $1 unneeded 0 $(now) $(size)"
      return 0
    fi
  fi
  write "step-$1" "set -e
$4"
  shell "$2" "step-$1" </dev/null >>"$dir/output" 2>&1
  code=$?
  if [ "$code" -eq 0 ]; then
    note "E $1 done 0 $(now) $(size)"
  else
    if [ -n "$limit" ] && [ "$code" -eq 124 ]; then echo "ended after $2 seconds" >>"$dir/output"; fi
    note "E $1 failed $code $(now) $(size)"
    finish failed
  fi
}

claim
printf '%s\\n' ${quote(`${input.run} ${input.who}`)} >${HOST_LAST_RUN}
${steps.join('\n')}
ls -1 ${HOST_RUNS} 2>/dev/null | sort -r | tail -n +${RUNS_KEPT + 1} | while IFS= read -r old; do rm -rf ${HOST_RUNS}/"$old"; done
finish done
`;
}

/**
 * Shell text that follows a journal from byte offsets until the program has ended, as frames on stdout: `J length` or
 * `O length`, a newline, and that many bytes of journal or output. Bytes are counted, so any output survives. Ends with
 * `G 0` if the program is gone without having ended its journal, with `N 0` if there is no such play.
 */
export function followScript(run: string, play: number, journalOffset: number, outputOffset: number): string {
  const directory = quote(playDirectory(run, play));
  return `dir=${directory}
j=${journalOffset}
o=${outputOffset}
piece() { # FILE OFFSET LENGTH
  tail -c "+$(($2 + 1))" "$dir/$1" | head -c "$3"
}
flush() {
  # A step is in the journal before it writes. So what is measured first here, and sent last, belongs to a step that the
  # reader knows by then; what a journal line speaks of and is not here yet comes with the next look.
  oe=$(wc -c <"$dir/output" | tr -d ' ')
  je=$(wc -c <"$dir/journal" | tr -d ' ')
  if [ "$je" -gt "$j" ]; then printf 'J %s\\n' "$((je - j))"; piece journal "$j" "$((je - j))"; j=$je; fi
  if [ "$oe" -gt "$o" ]; then printf 'O %s\\n' "$((oe - o))"; piece output "$o" "$((oe - o))"; o=$oe; fi
}
ended() { case $(tail -n 1 "$dir/journal" 2>/dev/null) in X\\ *) return 0 ;; esac; return 1; }
unborn=0
alive() {
  # A program that was written and never began (the host went down in between) is given up after a while.
  if [ ! -s "$dir/pid" ]; then unborn=$((unborn + 1)); [ "$unborn" -le ${UNBORN_LOOKS} ]; return; fi
  read -r pid start its_boot <"$dir/pid"
  [ "$its_boot" = "$boot" ] && { IFS= read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
  set -- \${stat##*) }
  shift 19
  [ "$1" = "$start" ]
}
read -r boot </proc/sys/kernel/random/boot_id
pause=0.05
sleep "$pause" 2>/dev/null || pause=1
[ -d "$dir" ] || { printf 'N 0\\n'; exit 0; }
while :; do
  if ended; then
    # What came between two looks is in the file before the last line is.
    flush; flush
    exit 0
  fi
  if ! alive && ! ended; then flush; flush; printf 'G 0\\n'; exit 0; fi
  flush
  sleep "$pause"
done
`;
}

/**
 * Shell text that puts a program on the host, starts it detached, and follows it from the beginning. Starting the same
 * play of the same run twice does not run it twice.
 */
export function startScript(input: ProgramInput): string {
  const directory = quote(playDirectory(input.run, input.play));
  return `umask 077
mkdir -p ${HOST_RUNS}/${quote(input.run)} || exit 71
if mkdir ${directory} 2>/dev/null; then
  : >${directory}/journal
  : >${directory}/journal
  : >${directory}/output
  printf %s ${quote(stepsText(input.changes))} >${directory}/steps
  printf %s ${quote(applyProgram(input))} >${directory}/program.new && mv ${directory}/program.new ${directory}/program || exit 71
  # A scope of its own where there is systemd: no user session's end, and no restart of sshd, takes it along.
  if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1 &&
    systemd-run --quiet --unit=${quote(`mesh-${input.run}-${input.play}`)} sh ${directory}/program </dev/null >/dev/null 2>&1; then :
  else
    setsid sh ${directory}/program </dev/null >/dev/null 2>&1 &
  fi
  tries=0
  while [ ! -s ${directory}/pid ] && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.02 2>/dev/null || sleep 1; done
fi
${followScript(input.run, input.play, 0, 0)}`;
}

/** What a run that meets this one shows of it: each step's sentence on a line of its own. */
function stepsText(changes: readonly PlannedChange[]): string {
  return changes.map(({ sentence }) => `${sentence.replaceAll(/[\r\n]+/g, ' ')}\n`).join('');
}

/** Shell text that follows a play of some other run from its beginning; its steps' sentences come first, as a frame `S`. */
export function attachScript(run: string, play: number): string {
  const steps = quote(`${playDirectory(run, play)}/steps`);
  return `if [ -r ${steps} ]; then printf 'S %s\\n' "$(wc -c <${steps} | tr -d ' ')"; cat ${steps}; fi
${followScript(run, play, 0, 0)}`;
}

/** Shell text that asks a run's programs to end before their next step, those included that are only now being started. */
export function stopScript(run: string): string {
  return `umask 077
mkdir -p ${quote(`${HOST_RUNS}/${run}`)} && : >${quote(stopFile(run))}
`;
}
