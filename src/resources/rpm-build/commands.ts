import { quote, quoteAll } from '../../quote.js';
import { rpmAccounted } from '../package/commands.js';
import { WAIT_FOR_PACKAGES } from '../package/waiting.js';
import { lines, MESH_HOME } from '../shell.js';
import { BUILDS, folderOf, type Recipe, sourceOf } from './recipe.js';

/** The user that compiles: it owns its tree and nothing else. */
export const BUILD_USER = 'mesh-build';

/**
 * Brings the source, checks it, and takes the spec out of it. The file gets its name only when all of that went well; with
 * `source.sha256` beside it, it is known to be whole.
 */
export function fetchSource(one: Recipe): string {
  const top = `openvswitch-${one.version}`;
  const from = 'url' in one.source ? one.source.url : one.source.laptop;
  return lines(
    'export LC_ALL=C; umask 022',
    `dir=${quote(folderOf(one))} source=${quote(sourceOf(one))} from=${quote(from)} wanted=${one.sha256 ?? ''}`,
    'mkdir -p "$dir/source"',
    'sum() { sha256sum "$1" | cut -d \' \' -f 1; }',
    // Of a source that was refused nothing stays behind.
    'trap \'rm -f "$source.new" "$dir/spec.new"; rmdir "$dir/source" "$dir" 2>/dev/null || :\' EXIT',
    'file=$source known=$wanted',
    '[ -n "$known" ] || known=$(cut -d " " -f 1 "$dir/source.sha256" 2>/dev/null) || :',
    ...('url' in one.source
      ? download(one.version)
      : ['[ -e "$file" ] || { echo "$from was not brought here" >&2; exit 1; }']),
    'got=$(sum "$file")',
    'if [ -n "$wanted" ] && [ "$got" != "$wanted" ]; then',
    '  echo "the source from $from has the sha256 $got" >&2',
    '  echo "and $wanted was expected (by mesh_ovs_sha256, or by the lock file)" >&2',
    '  exit 1',
    'fi',
    '# tar reads to the end, so a file that is cut fails here too.',
    `if ! tar -xzOf "$file" ${quote(`${top}/${one.spec}`)} >"$dir/spec.new" 2>/dev/null; then`,
    '  if ! gzip -t "$file" 2>/dev/null || ! tar -tzf "$file" >/dev/null 2>&1; then',
    '    echo "what came from $from is no complete tarball ($(wc -c <"$file") bytes)" >&2',
    '    exit 1',
    '  fi',
    `  echo "the source has no ${one.spec}: is it the release ${one.version}? It begins with: $(tar -tzf "$file" 2>/dev/null | head -n 1)" >&2`,
    '  exit 1',
    'fi',
    'mv -f "$dir/spec.new" "$dir/openvswitch.spec"',
    'if [ "$file" != "$source" ]; then sync "$file" 2>/dev/null || sync; mv -f "$file" "$source"; fi',
    `printf '%s  source/%s\\n' "$got" ${quote(`${top}.tar.gz`)} >"$dir/source.sha256"`,
    'echo "sha256 $got"',
  );
}

function download(version: string): readonly string[] {
  return [
    'if [ ! -e "$source" ] || [ -z "$known" ] || [ "$(sum "$source")" != "$known" ]; then',
    '  file=$source.new',
    '  if command -v curl >/dev/null; then fetch() { curl -fsSL --retry 3 --connect-timeout 20 -o "$file" "$from"; }',
    '  elif command -v wget >/dev/null; then fetch() { wget -nv -T 20 -O "$file" "$from"; }',
    '  else echo "neither curl nor wget is here: install one, or give mesh_ovs_url as a path on the laptop" >&2; exit 1; fi',
    '  if ! fetch; then',
    '    echo "the source could not be fetched from $from" >&2',
    `    echo "see that ${version} is a release (mesh_ovs_version) and that this host reaches the address (mesh_ovs_url)" >&2`,
    '    exit 1',
    '  fi',
    'fi',
  ];
}

/** Installs rpmbuild, and then what the spec asks for: by its own words, or by a list where rpmspec cannot read it. */
export function installRequirements(one: Recipe, list: string): string {
  const dir = quote(folderOf(one));
  const work = lines(
    'wait_for_packages',
    'bring() {',
    '  "$pm" -y install "$@" && return 0',
    '  echo "not everything that the build needs could be installed. Packages with -devel are often in a repository that is off:" >&2',
    '  echo "on RHEL and its kin \\"dnf config-manager --set-enabled crb\\" (release 8: powertools), some are in EPEL." >&2',
    '  return 1',
    '}',
    '# The spec takes a compiler and make for granted.',
    'bring rpm-build gcc make',
    `rpmspec -q --buildrequires ${quoteAll(one.options)} ${dir}/openvswitch.spec >${dir}/requires 2>/dev/null && [ -s ${dir}/requires ] ||`,
    `  printf '%s\\n' ${quoteAll(one.requires)} >${dir}/requires`,
    'set --',
    `while IFS= read -r line; do set -- "$@" "$line"; done <${dir}/requires`,
    'bring "$@"',
  );
  return lines(WAIT_FOR_PACKAGES, rpmAccounted(list, work));
}

/**
 * Compiles and packages with rpmbuild, as a user of its own in a tree of its own, on all cores. Says on stdout in which
 * phase it is; everything that rpmbuild writes goes to `log`. Two runs at the same time make one build: the second waits.
 */
export function compile(one: Recipe): string {
  const define = (name: string, value: string) => `--define "${name} ${value}"`;
  return lines(
    'export LC_ALL=C; umask 022',
    `dir=${quote(folderOf(one))} source=${quote(sourceOf(one))}`,
    'tree=$dir/tree log=$dir/log',
    'exec 8>"$dir/busy"',
    'if ! flock -n 8; then echo "somebody builds this already: waiting for that build"; flock 8; fi',
    'if [ -e "$dir/manifest" ]; then echo "it is built already"; exit 0; fi',
    `getent passwd ${BUILD_USER} >/dev/null || useradd -r -M -d /nonexistent -s /sbin/nologin ${BUILD_USER}`,
    `chmod 0711 ${MESH_HOME}`,
    `trap 'chmod 0700 ${MESH_HOME}' EXIT`,
    'rm -rf "$tree"; mkdir -p "$tree/SOURCES" "$tree/SPECS" "$tree/tmp"',
    'cp "$source" "$tree/SOURCES/"; cp "$dir/openvswitch.spec" "$tree/SPECS/"',
    `chown -R ${BUILD_USER} "$tree"`,
    PHASES,
    EXPLAIN,
    `cores=$(nproc 2>/dev/null || echo 1) began=$(date +%s)`,
    ': >"$log"',
    '(',
    '  cd "$tree"',
    `  exec runuser -u ${BUILD_USER} -- env -i PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" HOME="$tree" TMPDIR="$tree/tmp" LC_ALL=C \\`,
    `    rpmbuild -bb ${quoteAll(one.options)} ${define('_topdir', '$tree')} ${define('_tmppath', '$tree/tmp')} ${define('_smp_mflags', '-j$cores')} "$tree/SPECS/openvswitch.spec"`,
    ') >"$log" 2>&1 </dev/null &',
    'build=$!',
    `trap 'kill "$build" 2>/dev/null; explain "the build was ended from outside, by the time limit of this step or because the host goes down"; chmod 0700 ${MESH_HOME}; exit 124' TERM`,
    "said='' now=''",
    'while kill -0 "$build" 2>/dev/null; do',
    '  phase',
    '  if [ "$now" != "$said" ]; then echo "$now"; said=$now; fi',
    '  sleep 1',
    'done',
    'code=0; wait "$build" || code=$?',
    'if [ "$code" -ne 0 ]; then explain "rpmbuild ended with exit code $code"; exit 1; fi',
    'echo "built in $(($(date +%s) - began)) s"',
  );
}

/** What rpmbuild is at, by its log. The objects to compile are counted in the Makefile that configure wrote. */
const PHASES = lines(
  "objects=''",
  'count() {',
  '  for makefile in "$tree"/BUILD/*/Makefile "$tree"/BUILD/*/*/Makefile; do',
  '    [ -r "$makefile" ] || continue',
  "    awk '/^(am_|nodist_)[^=]*_OBJECTS =|^am__objects_[0-9]+ =/ { on = 1 }",
  '      on { for (i = 1; i <= NF; i++) if ($i ~ /\\.(lo|\\$\\(OBJEXT\\))$/ && $i !~ /oss-fuzz/) print $i }',
  "      !/\\\\$/ { on = 0 }' \"$makefile\" | sort -u | wc -l | tr -d ' '",
  '    return 0',
  '  done',
  '}',
  'phase() {',
  '  if grep -q \'^Processing files: \' "$log"; then now=$(sed -n \'s/^Processing files: /package /p\' "$log" | tail -n 1)',
  "  elif grep -q '^Executing(%install)' \"$log\"; then now='install into the tree'",
  '  else',
  '    made=$(grep -cE \' -c -o [^ ]+[.](lo|o) |^  CC  \' "$log") || :',
  '    if [ "$made" -gt 0 ]; then',
  '      [ -n "$objects" ] || objects=$(count)',
  '      now="compile $((made - made % 10))"; [ "${objects:-0}" -lt "$made" ] || now="$now of $objects"',
  '    elif grep -q \'^checking \' "$log"; then now=configure',
  '    else now=unpack; fi',
  '  fi',
  '}',
);

/** Why a build failed, as far as its log tells: the last lines, the log's place, and what to do about the usual causes. */
const EXPLAIN = lines(
  'explain() {',
  '  {',
  // A log that a full disk cut off has no end of line.
  `    tail -n 20 "$log" | sed '$a\\'`,
  '    echo "$1; the whole log is $log"',
  '    if grep -q \'No space left on device\' "$log"; then',
  '      echo "cause: the disk is full ($(df -Ph "$tree" | awk \'NR == 2 { print $4 " left on " $6 }\')): make room, or name another builder with mesh_builder"',
  '    elif grep -q \' is needed by openvswitch\' "$log"; then',
  "      echo \"cause: not installed: $(sed -n 's/^[[:space:]]*\\(.*\\) is needed by openvswitch.*/\\1/p' \"$log\" | tr '\\n' ',')\"",
  '    elif grep -qE \'fatal error: .*: No such file\' "$log"; then',
  '      echo "cause: a header is missing: $(sed -n \'s/.*fatal error: \\(.*\\): No such file.*/\\1/p\' "$log" | head -n 1)"',
  '    elif grep -q \': command not found$\' "$log"; then',
  "      echo \"cause: a tool is missing: $(sed -n 's/.*: \\([^ ]*\\): command not found$/\\1/p' \"$log\" | sort -u | tr '\\n' ' ')\"",
  '    elif grep -qE \'(Installed .but unpackaged. file|File not found|File must begin)\' "$log"; then',
  "      echo 'cause: the spec does not fit this release of Open vSwitch on this system: try another mesh_ovs_version'",
  '    elif grep -qiE \'(Killed signal|cannot allocate memory|out of memory)\' "$log"; then',
  "      echo 'cause: the memory was not enough: name another builder with mesh_builder'",
  '    fi',
  '  } >&2',
  '}',
);

/** Keeps the RPMs under names that say version and architecture, writes their checksums last, and clears the tree away. */
export function collect(one: Recipe): string {
  return lines(
    'export LC_ALL=C; umask 022',
    `dir=${quote(folderOf(one))}`,
    'if [ -e "$dir/manifest" ]; then exit 0; fi',
    'rm -rf "$dir/RPMS"; mkdir -p "$dir/RPMS"',
    'for rpm in "$dir"/tree/RPMS/*/*.rpm; do',
    '  name=$(rpm -qp --qf \'%{NAME}-%{VERSION}.%{ARCH}.rpm\' "$rpm" 2>/dev/null)',
    '  case $name in *-debuginfo-* | *-debugsource-*) continue ;; esac',
    '  cp "$rpm" "$dir/RPMS/$name"',
    '  echo "${rpm##*/}"',
    'done',
    `ls "$dir"/RPMS/openvswitch-${one.version}.*.rpm >/dev/null`,
    'chown -R 0:0 "$dir/RPMS"',
    '(cd "$dir" && sha256sum RPMS/*.rpm) >"$dir/manifest.new"',
    'sync; mv -f "$dir/manifest.new" "$dir/manifest"; sync',
    'rm -rf "$dir/tree"',
    `userdel ${BUILD_USER} 2>/dev/null || :`,
  );
}

/** Builds and received packages go; a folder that is then empty goes too. */
export function removeCache(): string {
  return `rm -rf ${BUILDS} ${MESH_HOME}/packages`;
}
