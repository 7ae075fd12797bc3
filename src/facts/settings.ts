import { quote } from '../quote.js';
import { good, known, linesOf, type Sections, unknown } from './fact.js';
import type { Fact, Interests } from './types.js';

/** Kernel settings, read by the shell itself, and checks, each by a shell of its own. */
export function settingsScript(interests: Interests): string {
  const settings = interests.sysctls.map((name, index) => `  setting ${index} ${quote(sysctlPath(name))}`);
  const trials = interests.checks.map((check, index) => `  try ${index} ${quote(check)}`);
  return `
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
see_settings() {
  begin sysctls
${settings.join('\n')}
  end sysctls 0 ''
${trials.join('\n')}
}
`;
}

/** `.` and `/` swap in a setting's path (sysctl(8)): an interface's own dots are written as slashes. */
function sysctlPath(name: string): string {
  return `/proc/sys/${name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.'))}`;
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
