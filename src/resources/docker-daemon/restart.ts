import { quote } from '../../quote.js';
import { type FormerFile, putBack } from '../former-file.js';
import { type FileText, lines, MESH_HOME, writeFile } from '../shell.js';
import type { JsonObject } from './json-text.js';
import { isObject, mergeText } from './merge.js';

/** What a step began and did not end: the next plan goes on with it. */
export const PENDING = `${MESH_HOME}/pending`;

/** Stands from the writing of dockerd's settings to the end of the restart; holds the ids of what ran. */
export const RESTART_PENDING = `${PENDING}/docker`;

/** A step may wait for dockerd to stop its containers, to start twice, and to start containers again. */
export const RESTART_SECONDS = 480;

/** The default bridge network as a test for the end of a restart. */
export interface Expected {
  readonly subnet: string | null | undefined;
  readonly gateway: string | null | undefined;
}

/** docker0 as it was, or null where there was none. */
export interface FormerBridge {
  readonly addresses: readonly string[];
  readonly mtu: number;
}

export const markPending = lines(
  `mkdir -p -m 0700 ${MESH_HOME} ${PENDING}`,
  `[ -e ${RESTART_PENDING} ] || : >${RESTART_PENDING}`,
);

/** Functions that the commands below share. `docker ps` would start a stopped dockerd by its socket, so it is asked first. */
function functions(service: string): string {
  return lines(
    markPending,
    'note_running() {',
    `  ! systemctl is-active --quiet ${service} || docker ps -q --no-trunc >>${RESTART_PENDING}`,
    '}',
    // Three starts within a minute are one too many for systemd unless its count is taken back (systemd.unit(5), StartLimitBurst=).
    'begin() {',
    `  systemctl reset-failed ${service} 2>/dev/null || :`,
    `  timeout 150 systemctl "$1" ${service} || return 1`,
    '  tries=0',
    "  until docker version --format '{{.Server.Version}}' >/dev/null 2>&1; do",
    '    tries=$((tries + 1)); [ "$tries" -lt 30 ] || return 1; sleep 1',
    '  done',
    '}',
    // Twice: a container may share the network of one that is later in the list.
    'start_again() {',
    '  for round in 1 2; do',
    '    stopped=',
    `    for id in $(sort -u ${RESTART_PENDING}); do`,
    '      docker inspect --type container "$id" >/dev/null 2>&1 || continue',
    '      said=$(docker start "$id" 2>&1) || stopped="$stopped $id"',
    '    done',
    '    [ -n "$stopped" ] || break',
    '  done',
    `  rm -f ${RESTART_PENDING}`,
    '}',
    'report_stopped() {',
    '  [ -z "$stopped" ] || { echo "dockerd runs, but these containers did not start again:$stopped ($said)" >&2; exit 1; }',
    '}',
  );
}

export interface Restart {
  readonly service: string;
  readonly bridge: string;
  /** The file with dockerd's settings, and what to put back if dockerd does not start with it. */
  readonly path: string;
  readonly old: FormerFile | undefined;
  readonly expected: Expected;
}

/** Restarts dockerd, starts again what ran, and puts the old settings back where dockerd does not come up with them. */
export function restartDocker({ service: name, bridge, path, old, expected }: Restart): string {
  const service = quote(name);
  return lines(
    functions(service),
    'note_running',
    `was=$(${addressesOf(bridge)})`,
    'if ! begin restart; then',
    `  ${journal(service)}`,
    old
      ? lines(
          "  echo 'dockerd does not start with the new settings: the old ones are put back' >&2",
          `  ${stop(service)}`,
          putBack(path, old),
          `  ${setAddresses(bridge, '$was')}`,
          '  if begin start; then start_again; report_stopped',
          "  else echo 'dockerd does not start with the old settings either' >&2; fi",
        )
      : "  echo 'dockerd does not start with its settings' >&2",
    '  exit 1',
    'fi',
    'start_again',
    expects(expected),
    'report_stopped',
  );
}

export interface Return {
  readonly service: string;
  readonly bridge: string;
  readonly path: string;
  readonly file: FormerFile;
  readonly former: FormerBridge | null;
  readonly expected: Expected;
  /** Whether dockerd is to run afterwards. */
  readonly start: boolean;
}

/**
 * Puts dockerd's settings and docker0's addresses back.
 *
 * dockerd keeps its default bridge network in a store of its own and, as it starts, gives docker0 the address that it
 * finds there; only a `bip` changes that (seen with 20.10: an address that was set by hand was replaced). Where the
 * former settings have none, dockerd is therefore started once with the former address as its `bip`, and then with the
 * former settings, under which it keeps what it finds.
 */
export function returnDocker(to: Return): string {
  const service = quote(to.service);
  const teach = to.start ? teaching(to) : undefined;
  const failed = (settings: string) =>
    lines(
      'then :; else',
      `  ${journal(service)}`,
      `  echo 'dockerd does not start with ${settings}' >&2; exit 1`,
      'fi',
    );
  return lines(
    functions(service),
    'note_running',
    stop(service),
    teach !== undefined && lines(writeFile(teach), `if begin start; ${failed('its former address')}`, stop(service)),
    putBack(to.path, to.file),
    to.start && `if begin start; ${failed('the settings that it had before')}`,
    bridgeBack(to),
    to.start ? lines('start_again', expects(to.expected), 'report_stopped') : `rm -f ${RESTART_PENDING}`,
  );
}

/** The settings under which dockerd learns its former address; undefined where the former settings say it themselves. */
function teaching({ path, file, former }: Return): FileText | undefined {
  const bip = former?.addresses[0];
  const text = file.kind === 'file' ? file.content : '';
  const settings = file.kind === 'copy' ? undefined : settingsOf(text);
  if (bip === undefined || settings === undefined || typeof settings.bip === 'string') return undefined;
  return { path, content: mergeText(text, { bip, 'fixed-cidr': null }), mode: '0644' };
}

/** What dockerd does not set: further addresses and the MTU of docker0; where there was none, none stays. */
function bridgeBack({ bridge, former, start: runs }: Return): string {
  const link = quote(bridge);
  if (former === null) return runs ? '' : `ip link delete ${link} 2>/dev/null || :`;
  return lines(
    `if ip link show dev ${link} >/dev/null 2>&1; then`,
    runs
      ? lines(
          ...former.addresses
            .slice(1)
            .map((address) => `  ip addr add ${quote(address)} brd + dev ${link} 2>/dev/null || :`),
        )
      : setAddresses(bridge, former.addresses.map(quote).join(' ')),
    // Set only where it differs: a bridge whose MTU was set by hand no longer follows its ports.
    `  ip -o link show dev ${link} | grep -q ' mtu ${former.mtu} ' || ip link set dev ${link} mtu ${former.mtu}`,
    'fi',
  );
}

/** The settings in a text; undefined where it is no JSON object. */
export function settingsOf(text: string): JsonObject | undefined {
  if (text.trim() === '') return {};
  try {
    const parsed = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The end of dockerd's log, without what it says when all is well. */
function journal(service: string): string {
  return `journalctl -u ${service} -n 60 --no-pager | grep -v level=info | tail -n 20 >&2 || :`;
}

/** The socket would start dockerd again at the next `docker ps` of anybody. */
function stop(service: string): string {
  return `systemctl stop docker.socket 2>/dev/null || :\nsystemctl stop ${service}`;
}

function addressesOf(bridge: string): string {
  return `ip -4 -o addr show dev ${quote(bridge)} 2>/dev/null | sed -n 's/.* inet \\([0-9./]*\\) .*/\\1/p' || :`;
}

function setAddresses(bridge: string, addresses: string): string {
  const link = quote(bridge);
  if (addresses === '') return `ip -4 addr flush dev ${link}`;
  return lines(
    `if ip -4 addr flush dev ${link} 2>/dev/null; then`,
    `  for address in ${addresses}; do ip addr add "$address" brd + dev ${link}; done`,
    'fi',
  );
}

/** A restart that returns 0 and changes nothing is a failure: the network is asked for. */
function expects({ subnet, gateway }: Expected): string {
  if (subnet === undefined || subnet === null) return '';
  const want = quote(`${subnet} ${gateway ?? ''}`.trim());
  const fields = gateway ? '{{.Subnet}} {{.Gateway}}' : '{{.Subnet}}';
  return lines(
    `now=$(docker network inspect bridge --format '{{range .IPAM.Config}}${fields}{{"\\n"}}{{end}}')`,
    `printf '%s\\n' "$now" | grep -qxF ${want} ||`,
    `  { echo "dockerd runs, but its network bridge is not ${want.replaceAll("'", '')}: $now" >&2; exit 1; }`,
  );
}
