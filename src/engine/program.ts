import { quote } from '../quote.js';
import { HOST_LAST_RUN, HOST_LOCK, HOST_RECORDS, HOST_RUNS, playDirectory } from './paths.js';
import type { PlannedChange } from './types.js';

/** Seconds that a step may take where its resource does not say. */
export const STEP_TIMEOUT_SECONDS = 120;

/** Finished runs whose journals a host keeps. */
const RUNS_KEPT = 10;

export interface ProgramInput {
  readonly run: string;
  /** Index of the play in its playbook, from 0. */
  readonly play: number;
  /** `user@laptop`: who runs it, for the host's record of its last run. */
  readonly who: string;
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
 * One host's changes of one play as one POSIX-sh program. It is started detached from the connection, with the run's lock
 * held for it, and goes on without a laptop. Its journal holds one line an event: `B step time offset` when a step begins,
 * `E step state code time offset` when it ends, `X state time` as the last; offsets are into the file `output`, times are
 * seconds since 1970 by the host's clock. A stop file ends it between two steps.
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
umask 022
dir=${quote(directory)}
cd / || exit 1
echo $$ >"$dir/pid"

now() { date +%s; }
size() { wc -c <"$dir/output" | tr -d ' '; }
note() { printf '%s\\n' "$*" >>"$dir/journal"; }
finish() {
  note "X $1 $(now)"
  sync
  release
  exit 0
}
release() {
  # The connection's own holder, if it still lives, gives the lock back; without one this program does.
  exec 9>>${HOST_LOCK}.guard
  flock -w 5 9 2>/dev/null
  if [ "$(sed -n 's/^run=//p' ${HOST_LOCK} 2>/dev/null)" = ${quote(input.run)} ]; then
    keeper=$(sed -n 's/^keeper=//p' ${HOST_LOCK})
    if kill -0 "$keeper" 2>/dev/null; then
      sed '/^apply/d' ${HOST_LOCK} >${HOST_LOCK}.$$ && mv ${HOST_LOCK}.$$ ${HOST_LOCK}
    else
      rm -f ${HOST_LOCK}
    fi
  fi
}
record() {
  [ -e ${HOST_RECORDS}/"$1" ] && return 0
  (umask 077 && mkdir -p ${HOST_RECORDS}/"$(dirname "$1")" && printf '%s\\n' "$2" >${HOST_RECORDS}/"$1.new") &&
    sync ${HOST_RECORDS}/"$1.new" && mv ${HOST_RECORDS}/"$1.new" ${HOST_RECORDS}/"$1" && return 0
  echo "the former value of $1 could not be kept" >>"$dir/output"
  note "E $current failed 1 $(now) $(size)"
  finish failed
}
limit=
command -v timeout >/dev/null 2>&1 && limit=1
shell() { # SECONDS TEXT
  if [ -n "$limit" ]; then timeout -k 5 "$1" sh -c "$2"; else sh -c "$2"; fi
}
begin() {
  current=$1
  if [ -e "$dir/stop" ]; then finish stopped; fi
  note "B $1 $(now) $(size)"
}
step() { # NUMBER SECONDS GUARD COMMAND
  if [ -n "$3" ] && ! shell "$2" "$3" </dev/null >/dev/null 2>&1; then
    note "E $1 unneeded 0 $(now) $(size)"
    return 0
  fi
  shell "$2" "set -e
$4" </dev/null >>"$dir/output" 2>&1
  code=$?
  if [ "$code" -eq 0 ]; then
    note "E $1 done 0 $(now) $(size)"
  else
    if [ -n "$limit" ] && [ "$code" -eq 124 ]; then echo "ended after $2 seconds" >>"$dir/output"; fi
    note "E $1 failed $code $(now) $(size)"
    finish failed
  fi
}

printf '%s\\n' ${quote(`${input.run} ${input.who}`)} >${HOST_LAST_RUN}
${steps.join('\n')}
ls -1 ${HOST_RUNS} 2>/dev/null | sort -r | tail -n +${RUNS_KEPT + 1} | while IFS= read -r old; do rm -rf ${HOST_RUNS}/"$old"; done
finish done
`;
}

/**
 * Shell text that follows a journal from byte offsets until the program has ended, as frames on stdout: `J length` or
 * `O length`, a newline, and that many bytes of journal or output. Bytes are counted, so any output survives. Ends with
 * `G 0` if the program is gone without having ended its journal.
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
  oe=$(wc -c <"$dir/output" | tr -d ' ')
  je=$(wc -c <"$dir/journal" | tr -d ' ')
  # Output first: when a reader meets a journal line, the bytes that its offset speaks of are there.
  if [ "$oe" -gt "$o" ]; then printf 'O %s\\n' "$((oe - o))"; piece output "$o" "$((oe - o))"; o=$oe; fi
  if [ "$je" -gt "$j" ]; then printf 'J %s\\n' "$((je - j))"; piece journal "$j" "$((je - j))"; j=$je; fi
}
ended() { case $(tail -n 1 "$dir/journal" 2>/dev/null) in X\\ *) return 0 ;; esac; return 1; }
alive() { [ ! -s "$dir/pid" ] || kill -0 "$(cat "$dir/pid")" 2>/dev/null; }
pause=0.05
sleep "$pause" 2>/dev/null || pause=1
[ -d "$dir" ] || { printf 'N 0\\n'; exit 0; }
while :; do
  if ended; then
    # What came between two looks is in the file before the last line is.
    flush; flush
    exit 0
  fi
  if ! alive && ! ended; then flush; printf 'G 0\\n'; exit 0; fi
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
  : >${directory}/output
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
lockfile=${HOST_LOCK}
pid=$(cat ${directory}/pid 2>/dev/null)
if [ -n "$pid" ] && [ -r "/proc/$pid/stat" ] && [ -e "$lockfile" ]; then
  start=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)
  (exec 9>>"$lockfile.guard"; flock -w 5 9 2>/dev/null
  [ -d "/proc/$pid" ] && [ -e "$lockfile" ] && { sed '/^apply/d' "$lockfile"; echo "apply=$pid"; echo "apply_start=$start"; } >"$lockfile.$$" && mv "$lockfile.$$" "$lockfile")
fi
${followScript(input.run, input.play, 0, 0)}`;
}

/** Shell text that asks a play's program to end before its next step. */
export function stopScript(run: string, play: number): string {
  return `[ -d ${quote(playDirectory(run, play))} ] && : >${quote(`${playDirectory(run, play)}/stop`)}\n`;
}
