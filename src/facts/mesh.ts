import { good, known, linesOf, parseJson, type Sections, unknown } from './fact.js';
import type { Fact, MeshOnHost } from './types.js';

const recordFolder = '/var/lib/mesh/record';

/** Records, the last run, and the lock with which of its two holders still lives ($boot is set by see_system). */
export const meshScript = `
alive() {
  [ -n "$1" ] && [ -r "/proc/$1/stat" ] || return 1
  line='' wanted=$2
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null
  line=\${line##*) }
  set -- $line
  [ $# -ge 20 ] || return 1
  shift 19
  [ "$1" = "$wanted" ]
}
see_mesh() {
  begin mesh
  line=''
  if [ -e /var/lib/mesh/last-run ]; then
    { IFS= read -r line </var/lib/mesh/last-run; } 2>/dev/null
    printf 'last %s\\n' "$line"
  fi
  if [ -e /run/mesh/lock ]; then
    its_boot='' keeper='' keeper_start='' apply='' apply_start=''
    printf 'locked\\n'
    while IFS= read -r line || [ -n "$line" ]; do
      printf 'lock %s\\n' "$line"
      case $line in
        boot=*) its_boot=\${line#*=} ;;
        keeper=*) keeper=\${line#*=} ;;
        keeper_start=*) keeper_start=\${line#*=} ;;
        apply=*) apply=\${line#*=} ;;
        apply_start=*) apply_start=\${line#*=} ;;
      esac
    done </run/mesh/lock
    if [ "$its_boot" = "$boot" ]; then
      if alive "$keeper" "$keeper_start"; then printf 'laptop\\n'; fi
      if alive "$apply" "$apply_start"; then printf 'program\\n'; fi
    fi
  fi
  end mesh 0 ''
  if [ -d ${recordFolder} ]; then run records grep -rH '' ${recordFolder}/; else say records absent; fi
}
`;

export function parseMesh(sections: Sections): Fact<MeshOnHost> {
  const section = good(sections, 'mesh', 'what earlier runs left');
  if (!section.known) return section;
  const records = parseRecords(sections);
  if (!records.known) return records;
  const lines = linesOf(section.value.content);
  const last = lines
    .find((line) => line.startsWith('last '))
    ?.slice(5)
    .trim();
  const field = (name: string) => lines.find((line) => line.startsWith(`lock ${name}=`))?.slice(name.length + 6) ?? '';
  const laptop = lines.includes('laptop');
  const program = lines.includes('program');
  const run = field('run');
  const play = field('play');
  const lock = {
    owner: field('who'),
    since: field('since'),
    what: field('what'),
    alive: laptop || program,
    laptop,
    program: program && /^[A-Za-z0-9_-]+$/.test(run) && /^\d{1,4}$/.test(play) ? { run, play: Number(play) } : null,
  };
  return known({ records: records.value, lastRun: last || null, lock: lines.includes('locked') ? lock : null });
}

/** grep's `FILE:LINE` lines; keys hold no colon. A name that ends in `.new` is a record that is being written. */
function parseRecords(sections: Sections): Fact<Record<string, unknown>> {
  if (sections.get('records')?.status === 'absent') return known({});
  const section = good(sections, 'records', "mesh's records", [0, 1]);
  if (!section.known) return section;
  const texts = new Map<string, string[]>();
  for (const line of linesOf(section.value.content)) {
    const found = new RegExp(`^${recordFolder}/+([^:]+):(.*)$`, 's').exec(line);
    if (!found) return unknown(`mesh's records could not be read: ${line.slice(0, 200)}`);
    const [, key = '', text = ''] = found;
    if (!key.endsWith('.new')) texts.set(key, [...(texts.get(key) ?? []), text]);
  }
  const records: Record<string, unknown> = {};
  for (const [key, lines] of [...texts].sort()) {
    const value = parseJson(lines.join('\n'));
    if (value === undefined) return unknown(`the record ${recordFolder}/${key} is not JSON`);
    records[key] = value;
  }
  return known(records);
}
