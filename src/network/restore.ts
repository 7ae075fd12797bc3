import { quote, quoteAll } from '../quote.js';
import type { FirewallRule } from './types.js';

export const RESTORE_PATH = '/usr/local/libexec/mesh/restore';
export const RESTORE_UNIT = 'mesh.service';

/** Routes of mesh carry this protocol number: iproute2 leaves 200-252 to whoever wants them (rtnetlink.h, RTPROT_*). */
export const ROUTE_PROTOCOL = 201;

export interface RestoreInput {
  readonly bridge: string;
  readonly dockerBridge: string;
  /** Docker's service: `docker`. */
  readonly dockerService: string;
  readonly bip: string;
  readonly slice: string;
  readonly mtu: number;
  readonly flows: readonly string[];
  readonly routes: readonly { readonly to: string; readonly link: string }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly firewall: readonly FirewallRule[];
}

function unitOf(service: string): string {
  return service.endsWith('.service') ? service : `${service}.service`;
}

/** Chains that every kernel has (iptables(8), TABLES). All others are somebody's, and may be missing. */
const BUILT_IN: ReadonlySet<string> = new Set(['INPUT', 'FORWARD', 'OUTPUT', 'PREROUTING', 'POSTROUTING']);

/** The order in which rules are put in, so that they end in the order of the list: each `first` comes before all others. */
function inserted(rules: readonly FirewallRule[]): readonly FirewallRule[] {
  const first = rules.filter(({ position }) => position === 'first');
  return [...first.reverse(), ...rules.filter(({ position }) => position === 'last')];
}

function firewallLine({ table, chain, rule, position }: FirewallRule): string {
  const words = [...rule, '-m', 'comment', '--comment', 'mesh'];
  const insert = position === 'first' ? '-I' : '-A';
  const check = quoteAll(['iptables', '-w', '5', '-t', table, '-C', chain, ...words]);
  const add = `${check} 2>/dev/null || ${quoteAll(['iptables', '-w', '5', '-t', table, insert, chain, ...words])} || failed=1`;
  if (BUILT_IN.has(chain)) return add;
  return `if ${quoteAll(['iptables', '-w', '5', '-t', table, '-S', chain])} >/dev/null 2>&1; then ${add}; fi`;
}

/**
 * The script that puts back what neither Open vSwitch nor Docker keep over a restart: flows, kernel settings, firewall
 * rules, the pinned MTU, routes, and last of all br0's place in docker0. It may be run at any moment, any number of times.
 *
 * It joins the bridges only where that is safe: docker0 has this host's address, and no container on it holds an address
 * outside this host's slice; two hosts would then answer for one address. While Docker does not run nobody can tell that,
 * and asking would start it by its socket: br0 stays where it is then, and the unit fails, so that the start of Docker
 * runs it again.
 */
export function restoreScript(input: RestoreInput): string {
  const bridge = quote(input.bridge);
  const docker = quote(input.dockerBridge);
  const [network = '', prefix = '32'] = input.slice.split('/');
  const flowFile = input.flows.map((flow) => `${flow}\n`).join('');
  return `#!/bin/sh
# Written by mesh; it is replaced at the next deploy and removed by a teardown.
# Puts back what Open vSwitch and Docker do not keep over a restart. Safe to run at any time.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
failed=0

# Services answer a moment after systemd calls them started.
tries=0
until ovs-vsctl --timeout=2 br-exists ${bridge} && ip link show dev ${bridge} >/dev/null 2>&1 && ip link show dev ${docker} >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -ge 20 ]; then echo ${quote(`${input.bridge} or ${input.dockerBridge} is not there`)} >&2; exit 1; fi
  sleep 0.5 2>/dev/null || sleep 1
done

number() { # the IPv4 address as a number
  saved=$IFS; IFS=.; set -- $1; IFS=$saved
  echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
}

${Object.entries(input.sysctls)
  .map(([key, value]) => {
    const path = quote(`/proc/sys/${key.replaceAll('.', '/')}`);
    return `if [ -e ${path} ]; then printf '%s\\n' ${quote(value)} >${path} || failed=1; fi`;
  })
  .join('\n')}
ip link set dev ${bridge} addrgenmode none 2>/dev/null
${
  input.flows.length === 0
    ? ''
    : `printf %s ${quote(flowFile)} | ovs-ofctl add-flows ${bridge} - || failed=1
`
}${inserted(input.firewall).map(firewallLine).join('\n')}

ip link set dev ${bridge} up || failed=1
ip link set dev ${docker} mtu ${input.mtu} up || failed=1

if ! ip -o -4 addr show dev ${docker} | grep -qF ${quote(` ${input.bip} `)}; then
  echo ${quote(`${input.dockerBridge} does not have ${input.bip}: ${input.bridge} is not joined to it`)} >&2
  ip link set dev ${bridge} nomaster
  exit 1
fi
if ! systemctl is-active --quiet ${quote(unitOf(input.dockerService))}; then
  echo ${quote(`Docker does not run: this is done again when it starts`)} >&2
  exit 1
fi
tries=0
until ends=$(docker network inspect bridge --format '{{range .Containers}}{{.IPv4Address}} {{end}}'); do
  tries=$((tries + 1))
  if [ "$tries" -ge 10 ]; then
    echo ${quote(`Docker does not say which addresses its containers have: ${input.bridge} is not joined to ${input.dockerBridge}`)} >&2
    ip link set dev ${bridge} nomaster
    exit 1
  fi
  sleep 1
done
low=$(number ${quote(network)})
mask=$((0xffffffff << (32 - ${prefix}) & 0xffffffff))
for address in $ends; do
  address=\${address%%/*}
  [ -n "$address" ] || continue
  if [ $(($(number "$address") & mask)) -ne "$low" ]; then
    echo "a container has $address, outside ${input.slice}: "${quote(`${input.bridge} is not joined to ${input.dockerBridge}`)} >&2
    ip link set dev ${bridge} nomaster
    exit 1
  fi
done
${input.routes.map(({ to, link }) => `${quoteAll(['ip', 'route', 'replace', to, 'dev', link, 'proto', String(ROUTE_PROTOCOL)])} || failed=1`).join('\n')}
ip link set dev ${bridge} master ${docker} || failed=1
exit "$failed"
`;
}

/** The services that load a host's own firewall rules: Debian's, the RPM family's, and firewalld and ufw on both. */
const FIREWALLS: readonly string[] = ['netfilter-persistent', 'nftables', 'iptables', 'firewalld', 'ufw'];

/**
 * The unit that runs the script after a boot and after a restart of Docker or Open vSwitch. PartOf= follows restarts;
 * WantedBy= brings it back after a stop and a start, which PartOf= alone does not (systemd.unit(5)). Whatever loads the host's
 * own firewall rules takes mesh's away with the old ones: the unit follows its restarts and reloads, too. Without a start limit:
 * five restarts of Docker within ten seconds would otherwise leave the host out of the mesh (systemd.unit(5)).
 */
export function restoreUnit(services: readonly string[]): string {
  const units = services.map(unitOf).join(' ');
  const firewalls = FIREWALLS.map(unitOf).join(' ');
  return `# Written by mesh; it is replaced at the next deploy and removed by a teardown.
[Unit]
Description=Join the container networks of this mesh
After=${units}
PartOf=${units}
After=${firewalls}
PartOf=${firewalls}
ReloadPropagatedFrom=${firewalls}
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${RESTORE_PATH}
ExecReload=${RESTORE_PATH}

[Install]
WantedBy=${units} multi-user.target
`;
}
