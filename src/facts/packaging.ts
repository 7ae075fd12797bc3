import { quote } from '../quote.js';
import { good, known, linesOf, type Sections } from './fact.js';
import type { BuildOnHost, Fact, PackagingFacts } from './types.js';

const folder = '/var/lib/mesh/builds';

/** Prints of the build `$one` (a folder, with a slash) what was checked of its source, and what came out. */
const describeBuild = `
build_lines() {
  key=\${one%/}
  key=\${key##*/}
  printf 'build %s\\n' "$key"
  for list in source.sha256 manifest; do
    if [ -r "$one$list" ]; then
      while read -r sum name; do printf '%s %s %s %s\\n' "$list" "$key" "$sum" "$name"; done <"$one$list"
    fi
  done
}
`;

/** Shell text that prints what is known of one build; see {@link parseBuildLines}. @param key - 16 hexadecimal digits. */
export function readBuild(key: string): string {
  return `${describeBuild}\none=${quote(`${folder}/${key}/`)}\nif [ -d "$one" ]; then build_lines; fi\n`;
}

/**
 * What an RPM host knows of where its Open vSwitch came from, and what was built on it. Needs `format` of see_system; on
 * other hosts it starts no process.
 */
export const packagingScript = `${describeBuild}
see_packaging() {
  begin packaging
  owner=''
  if [ "$format" = rpm ] && command -v ovs-vsctl >/dev/null 2>&1; then
    owner=$($limit rpm -qf --qf '%{NAME} %{VERSION}-%{RELEASE}' "$(command -v ovs-vsctl)" 2>/dev/null) && printf 'owner %s\\n' "$owner"
  fi
  if [ -e /sys/fs/selinux/enforce ]; then printf 'selinux\\n'; fi
  if [ -d ${folder} ]; then
    for one in ${folder}/*/; do
      if [ -d "$one" ]; then build_lines; fi
    done
  fi
  end packaging 0 ''
}
`;

export function parsePackaging(sections: Sections): Fact<PackagingFacts> {
  const section = good(sections, 'packaging', 'where its packages come from');
  if (!section.known) return section;
  let openvswitch: PackagingFacts['openvswitch'] = null;
  let selinux = false;
  const lines = linesOf(section.value.content);
  for (const line of lines) {
    const [word, name = '', version = ''] = line.trim().split(' ');
    if (word === 'selinux') selinux = true;
    else if (word === 'owner' && version !== '') openvswitch = { name, version };
  }
  return known({ openvswitch, selinux, builds: Object.fromEntries([...parseBuildLines(lines)].sort()) });
}

/** Builds by their keys, of the lines `build KEY`, `source.sha256 KEY SUM NAME` and `manifest KEY SUM NAME`. */
export function parseBuildLines(lines: readonly string[]): ReadonlyMap<string, BuildOnHost> {
  const builds = new Map<string, BuildOnHost>();
  for (const line of lines) {
    const [word, key = '', sum = '', ...rest] = line.trim().split(' ');
    const build = builds.get(key);
    if (word === 'build') builds.set(key, { source: null, files: null });
    if (!build || !/^[0-9a-f]{64}$/.test(sum)) continue;
    // sha256sum marks a file that it read in binary mode.
    const name = rest
      .join(' ')
      .replace(/^\*/, '')
      .replace(/^RPMS\//, '');
    if (word === 'source.sha256') builds.set(key, { ...build, source: sum });
    if (word === 'manifest') builds.set(key, { ...build, files: { ...build.files, [name]: sum } });
  }
  return builds;
}
