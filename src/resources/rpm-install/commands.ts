import { quote, quoteAll } from '../../quote.js';
import { COPIES } from '../former-file.js';
import { rpmAccounted } from '../package/commands.js';
import { WAIT_FOR_PACKAGES } from '../package/waiting.js';
import { lines } from '../shell.js';

export interface InstallFiles {
  readonly name: string;
  readonly version: string;
  readonly files: readonly {
    readonly path: string;
    readonly sha256: string | null;
    readonly manifest?: string | undefined;
  }[];
  /** The list of what comes with it. */
  readonly list: string;
  /** `VERSION-RELEASE` of what is there now. */
  readonly before: string | null;
  readonly downgrade: boolean;
}

/**
 * Installs RPM files in one transaction. Everything is checked before it: checksums, RPM's own digests, the version that is
 * promised. A transaction that fails half-way is taken back: what is new goes, and what was there before comes back from
 * the RPMs that the host still has.
 */
export function installFiles({ name, version, files, list, before, downgrade }: InstallFiles): string {
  const paths = quoteAll(files.map(({ path }) => path));
  const transaction = lines(
    'wait_for_packages',
    `was=$(rpm -q ${quote(name)} 2>/dev/null) || was=''`,
    downgrade && before !== null
      ? `bring() { rpm -U --oldpackage ${paths}; }`
      : // What mesh brings is checked by its sha256; a host that wants signatures on local files still gets them from repositories.
        `bring() { "$pm" -y --setopt=localpkg_gpgcheck=0 install ${paths}; }`,
    'if ! bring; then',
    '  echo "the transaction failed; putting back what was there" >&2',
    '  installed >"$list.after"',
    '  new=$(comm -13 "$list.before" "$list.after")',
    '  [ -z "$new" ] || rpm -e $new >&2 || :',
    `  if [ -n "$was" ] && [ "$(rpm -q ${quote(name)} 2>/dev/null)" != "$was" ]; then`,
    '    for rpm in /var/lib/mesh/packages/*/*.rpm /var/lib/mesh/builds/*/RPMS/*.rpm; do',
    '      if [ "$(rpm -qp "$rpm" 2>/dev/null)" = "$was" ]; then rpm -U --oldpackage "$rpm" >&2; break; fi',
    '    done',
    `    [ "$(rpm -q ${quote(name)} 2>/dev/null)" = "$was" ] || echo "$was is not back: install it by hand" >&2`,
    '  fi',
    '  rm -f "$list.before" "$list.after"',
    '  exit 1',
    'fi',
    `now=$(rpm -q --qf '%{VERSION}' ${quote(name)})`,
    `[ "$now" = ${quote(version)} ] || { echo "${name} $now is installed, and not ${version}" >&2; exit 1; }`,
  );
  return lines(
    WAIT_FOR_PACKAGES,
    ...files.map(checked),
    `for file in ${paths}; do`,
    '  rpm -K --nosignature "$file" >/dev/null || { echo "$file is damaged" >&2; exit 1; }',
    'done',
    before !== null && copyDatabase(before),
    rpmAccounted(list, transaction),
  );
}

function checked({ path, sha256, manifest }: InstallFiles['files'][number]): string {
  const word = quote(path);
  if (sha256 !== null) return `printf '%s  %s\\n' ${sha256} ${word} | sha256sum -c - >/dev/null`;
  const there = `[ -s ${word} ] || { echo ${word}' is not here: it was to be brought before this step' >&2; exit 1; }`;
  if (manifest === undefined) return there;
  // Built on this very host, the list of checksums is beside it; elsewhere the copy was checked as it came.
  const name = quote(`RPMS/${path.slice(path.lastIndexOf('/') + 1)}`);
  const list = quote(manifest);
  return lines(
    there,
    `if [ -r ${list} ]; then (cd ${quote(manifest.slice(0, manifest.lastIndexOf('/')))} && grep -F ${name} ${list} | sha256sum -c - >/dev/null); fi`,
  );
}

/** Some releases' packages delete or move the database when they go; a copy outlives that. */
function copyDatabase(before: string): string {
  return lines(
    `umask 077; mkdir -p ${COPIES}; umask 022`,
    'if [ -e /etc/openvswitch/conf.db ]; then',
    `  copy=${COPIES}/openvswitch-conf.db-${quote(before)}`,
    '  cp -L /etc/openvswitch/conf.db "$copy"; sync',
    '  echo "note: Open vSwitch\'s database is kept as $copy"',
    'fi',
  );
}

/** A shell function that waits until ovs-vswitchd itself says that it is of that version, and until the database agrees. */
function verifying(service: string, version: string): string {
  return lines(
    "running() { ovs-appctl -t ovs-vswitchd version 2>/dev/null | sed -n '1s/.*(Open vSwitch) *//p'; }",
    'verify() {',
    '  tries=0',
    `  until [ "$(running)" = ${quote(version)} ] && ovs-vsctl --timeout=5 show >/dev/null 2>&1; do`,
    '    tries=$((tries + 1))',
    '    if [ "$tries" -ge 100 ]; then',
    '      now=$(running)',
    `      echo "Open vSwitch ${version} is installed, but what runs is \${now:-nothing that answers}" >&2`,
    `      journalctl -u ${quote(service)} -u ovs-vswitchd -u ovsdb-server -n 20 --no-pager >&2 || :`,
    '      exit 1',
    '    fi',
    '    sleep 0.3 2>/dev/null || sleep 1',
    '  done',
    `  echo "Open vSwitch ${version} runs"`,
    '}',
  );
}

function failing(service: string): string {
  return `{ journalctl -u ${quote(service)} -u ovs-vswitchd -u ovsdb-server -n 20 --no-pager >&2; exit 1; }`;
}

export function startVerified(service: string, version: string): string {
  return lines(
    verifying(service, version),
    `systemctl daemon-reload`,
    `systemctl enable ${quote(service)}`,
    `systemctl start ${quote(service)} || ${failing(service)}`,
    'verify',
  );
}

/** Stops the daemons before their package goes: not every package's own scripts do, and they would run on without files. */
export function stopped(service: string): string {
  return lines(
    `systemctl disable ${quote(service)} 2>/dev/null || :`,
    `for unit in ${quote(service)} ovs-vswitchd ovsdb-server; do`,
    '  if systemctl is-active --quiet "$unit"; then systemctl stop "$unit"; fi',
    'done',
  );
}

/**
 * Restarts into another version. What stands still is measured from this host: the longest pause between answers of a peer
 * across the mesh, ten packets a second; without a peer, the time until the daemon answers again.
 */
export function restartMeasured(service: string, version: string, witness: string | null): string {
  const measured = witness !== null;
  return lines(
    verifying(service, version),
    'systemctl daemon-reload',
    `systemctl enable ${quote(service)}`,
    'began=$(date +%s%N)',
    measured &&
      lines(
        'answers=$(mktemp)',
        'pinger=',
        'trap \'[ -z "$pinger" ] || kill "$pinger" 2>/dev/null; rm -f "$answers"\' EXIT',
        `if ping -c 1 -W 1 ${quote(witness)} >/dev/null 2>&1; then`,
        `  ping -D -i 0.1 ${quote(witness)} >"$answers" 2>/dev/null &`,
        '  pinger=$!',
        '  sleep 1',
        'fi',
        'began=$(date +%s%N)',
      ),
    `systemctl restart ${quote(service)} || ${failing(service)}`,
    'verify',
    'took=$((($(date +%s%N) - began) / 1000000))',
    measured &&
      lines(
        'if [ -n "$pinger" ]; then',
        '  tries=0 seen=$(wc -l <"$answers")',
        '  # Until answers come again, and some more of them.',
        '  while [ "$(wc -l <"$answers")" -lt "$((seen + 5))" ] && [ "$tries" -lt 60 ]; do tries=$((tries + 1)); sleep 0.5; done',
        '  kill -INT "$pinger" 2>/dev/null; wait "$pinger" 2>/dev/null || :',
        '  pinger=',
        '  pause=$(sed -n \'s/^\\[\\([0-9.]*\\)\\].* time=.*/\\1/p\' "$answers" | awk \'NR > 1 && $1 - last > most { most = $1 - last } { last = $1 } END { printf "%.1f", most }\')',
        `  echo "note: traffic to ${witness} stood still for $pause s; the daemon answered after $took ms"`,
        '  exit 0',
        'fi',
      ),
    'echo "note: Open vSwitch was away for $took ms"',
  );
}
