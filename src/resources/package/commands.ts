import { createHash } from 'node:crypto';
import { quote, quoteAll } from '../../quote.js';
import { encodeName } from '../records.js';
import { lines, MESH_HOME } from '../shell.js';

/** Lists of the packages that mesh brought onto a host, one a line: the wanted ones and what came with them. */
export const INSTALLED = `${MESH_HOME}/installed`;

/** The name of the list for one transaction: the same for the same packages at every run. */
export function listName(names: readonly string[]): string {
  const name = encodeName([...names].sort().join('+'));
  return name.length <= 200
    ? name
    : `${name.slice(0, 160)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

export interface Install {
  /** What is asked of the package manager, with versions where they are wanted. */
  readonly names: readonly string[];
  readonly version: string | undefined;
  readonly list: string;
  /** Read the repositories' indexes first: nothing is known yet of a package that is wanted. */
  readonly refresh: boolean;
}

/**
 * Services that a package starts may pull in others, and no package manager waits for these: the step ends when systemd
 * has nothing left to start, or half a minute later. An underlay may move into an Open vSwitch that was just installed.
 */
const SETTLED = lines(
  'tries=0',
  'while systemctl list-jobs --no-legend 2>/dev/null | grep -q \'^ *[0-9]\' && [ "$tries" -lt 60 ]; do',
  '  tries=$((tries + 1)); sleep 0.5 2>/dev/null || sleep 1',
  'done',
);

/**
 * Installs with apt-get. What is new is asked of apt itself beforehand (`Inst NAME (…)` is new, `Inst NAME [old] (…)` an
 * upgrade) and written down before anything is installed, so that an interrupted run leaves no package unaccounted.
 */
export function aptInstall({ names, version, list, refresh }: Install): string {
  const wanted = quoteAll(names.map((name) => (version === undefined ? name : `${name}=${version}`)));
  const downgrade = version === undefined ? '' : ' --allow-downgrades';
  return lines(
    'export DEBIAN_FRONTEND=noninteractive LC_ALL=C',
    `list=${quote(`${INSTALLED}/${list}`)}`,
    'umask 077',
    `mkdir -p ${INSTALLED}`,
    'fetch() { apt-get update -q -o DPkg::Lock::Timeout=60; }',
    'install() {',
    `  new=$(apt-get -s --no-install-recommends${downgrade} install ${wanted} | sed -n 's/^Inst \\([^ ]*\\) (.*/\\1/p') &&`,
    `  { [ ! -e "$list" ] || cat "$list"; printf '%s\\n' $new; } | sort -u | sed '/^$/d' >"$list.new" &&`,
    '  { sync "$list.new" 2>/dev/null || sync; } && mv -f "$list.new" "$list" &&',
    `  apt-get install -q -y -o Dpkg::Use-Pty=0 --no-install-recommends${downgrade} -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=60 ${wanted}`,
    '}',
    'umask 022',
    // An index that is older than the mirror names files that are no longer there: then once more with a new one.
    refresh ? 'fetch\ninstall' : 'install || { fetch && install; } || exit 1',
    SETTLED,
  );
}

/** Installs with dnf, or yum where there is none. */
export function rpmInstall({ names, version, list }: Install): string {
  const wanted = quoteAll(names.map((name) => (version === undefined ? name : `${name}-${version}`)));
  return rpmAccounted(list, `"$pm" -y install ${wanted}`);
}

/**
 * Shell text that does `work` with `$pm` (dnf, or yum where there is none) and writes down what it brought: what `rpm -qa`
 * did not list before the first attempt. An interrupted run leaves no package unaccounted.
 */
export function rpmAccounted(list: string, work: string): string {
  return lines(
    'export LC_ALL=C',
    `list=${quote(`${INSTALLED}/${list}`)}`,
    `umask 077; mkdir -p ${INSTALLED}`,
    "installed() { rpm -qa --qf '%{NAME}.%{ARCH}\\n' | sort -u; }",
    'if [ ! -e "$list.before" ]; then',
    '  installed >"$list.before.new"; sync; mv -f "$list.before.new" "$list.before"',
    'fi',
    'umask 022',
    'if command -v dnf >/dev/null; then pm=dnf; else pm=yum; fi',
    work,
    'installed >"$list.after"',
    '{ [ ! -e "$list" ] || cat "$list"; comm -13 "$list.before" "$list.after"; } | sort -u >"$list.new"',
    'sync; mv -f "$list.new" "$list"; rm -f "$list.before" "$list.after"',
    SETTLED,
  );
}

export interface Removal {
  /** The packages to go. */
  readonly names: readonly string[];
  /** Lists whose packages go with them, as far as nothing else needs them. */
  readonly lists: readonly string[];
  /** Packages that stay though a list names them. */
  readonly keep: readonly string[];
}

/**
 * Removes `names` and what came with them, but nothing that another package needs: dpkg names each such package in
 * `dpkg --no-act --remove`, and apt-get would otherwise remove the one that needs it as well. What stays is said.
 * Nothing is purged: purging docker.io deletes every image and volume in /var/lib/docker (its postrm in Debian 12).
 * A package that a person asked for since (apt-mark showmanual) stays too.
 */
export function aptRemove({ names, lists, keep }: Removal): string {
  return lines(
    'export DEBIAN_FRONTEND=noninteractive LC_ALL=C',
    `wanted=${quote(names.join(' '))}`,
    `keep=${quote(keep.join(' '))}`,
    'set=',
    `for name in $wanted $(cat ${listPaths(lists)} /dev/null 2>/dev/null | sort -u); do`,
    '  case " $keep $set " in *" $name "*) continue ;; esac',
    '  state=$(dpkg-query -W -f \'${db:Status-Status}\' "$name" 2>/dev/null) || continue',
    '  case $state in not-installed | config-files) continue ;; esac',
    '  case " $wanted " in',
    '    *" $name "*) ;;',
    '    *) if apt-mark showmanual | grep -qxF -- "$name"; then echo "$name stays: somebody asked for it"; continue; fi ;;',
    '  esac',
    '  set="$set $name"',
    'done',
    'while [ -n "$set" ]; do',
    '  needed=$(dpkg --no-act --remove $set 2>&1 |',
    "    sed -n 's/^dpkg: dependency problems prevent removal of \\([^: ]*\\).*/\\1/p') || :",
    '  [ -n "$needed" ] || break',
    '  left=',
    '  for name in $set; do',
    '    if printf "%s\\n" "$needed" | grep -qxF -- "${name%%:*}"; then echo "$name stays: another package needs it"',
    '    else left="$left $name"; fi',
    '  done',
    '  [ "$left" != "$set" ] || { echo "cannot tell what needs: $needed" >&2; exit 1; }',
    '  set=$left',
    'done',
    '[ -z "$set" ] || apt-get remove -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=60 $set',
    ...lists.map((list) =>
      shorten(list, 'dpkg-query -W -f \'${db:Status-Status}\' "$name" 2>/dev/null | grep -qx installed'),
    ),
  );
}

/** The same for RPM: `rpm -e --test` names what others need, rpm -e never removes a package that it was not given. */
export function rpmRemove({ names, lists, keep }: Removal): string {
  return lines(
    'export LC_ALL=C',
    `keep=${quote(keep.join(' '))}`,
    'set=',
    `for name in ${quoteAll(names)} $(cat ${listPaths(lists)} /dev/null 2>/dev/null | sort -u); do`,
    '  case " $keep " in *" ${name%.*} "* | *" $name "*) continue ;; esac',
    '  name=$(rpm -q --qf \'%{NAME}.%{ARCH}\\n\' "$name" 2>/dev/null) || continue',
    '  case " $set " in *" $name "*) ;; *) set="$set $name" ;; esac',
    'done',
    'while [ -n "$set" ]; do',
    '  if needs=$(rpm -e --test $set 2>&1); then break; fi',
    '  needed=$(printf "%s\\n" "$needs" | sed -n \'s/^[[:space:]]*\\([^ ]*\\) .*is needed by .*/\\1/p\' |',
    '    while read -r cap; do rpm -q --whatprovides --qf \'%{NAME}.%{ARCH}\\n\' "$cap"; done)',
    '  left=',
    '  for name in $set; do',
    '    if printf "%s\\n" "$needed" | grep -qxF -- "$name"; then echo "$name stays: another package needs it"',
    '    else left="$left $name"; fi',
    '  done',
    '  [ "$left" != "$set" ] || { printf "%s\\n" "$needs" >&2; exit 1; }',
    '  set=$left',
    'done',
    '[ -z "$set" ] || rpm -e $set',
    ...lists.map((list) => shorten(list, 'rpm -q "$name" >/dev/null 2>&1')),
  );
}

function listPaths(lists: readonly string[]): string {
  return quoteAll(lists.map((list) => `${INSTALLED}/${list}`));
}

/** A list keeps what is still there: another package that came by it may be taken away later. */
function shorten(list: string, isInstalled: string): string {
  const path = quote(`${INSTALLED}/${list}`);
  return lines(
    `if [ -e ${path} ]; then`,
    `  while read -r name; do if ${isInstalled}; then echo "$name"; fi; done <${path} >${path}.new`,
    `  if [ -s ${path}.new ]; then mv -f ${path}.new ${path}; else rm -f ${path} ${path}.new; fi`,
    'fi',
  );
}
