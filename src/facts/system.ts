import { good, known, linesOf, type Sections, unknown } from './fact.js';
import type { Fact, Interests, ServiceFact, SystemFacts } from './types.js';

const modules = ['openvswitch', 'vport_gre', 'ip_gre', 'vport_vxlan', 'vport_geneve', 'br_netfilter'];
const actorUnits = ['NetworkManager', 'systemd-networkd', 'firewalld', 'kubelet', 'k3s', 'k3s-agent'];

/** Leaves boot, kernel and ids (ID and ID_LIKE of os-release) in shell variables for the sections that follow. */
export const systemScript = `
see_system() {
  begin system
  hostname='' machine='' boot='' kernel='' up='' memory='' arch='' ids='' line=''
  {
    read -r hostname </proc/sys/kernel/hostname
    read -r machine </etc/machine-id
    read -r boot </proc/sys/kernel/random/boot_id
    read -r kernel </proc/sys/kernel/osrelease
    read -r up _ </proc/uptime
    read -r _ memory _ </proc/meminfo
    read -r arch </proc/sys/kernel/arch
  } 2>/dev/null
  [ -n "$arch" ] || arch=$(uname -m)
  printf 'hostname %s\\nmachine %s\\nboot %s\\nkernel %s\\nup %s\\nmemory %s\\narch %s\\n' \\
    "$hostname" "$machine" "$boot" "$kernel" "$up" "$memory" "$arch"
  release=/etc/os-release
  [ -r "$release" ] || release=/usr/lib/os-release
  if [ -r "$release" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in
        ID=* | ID_LIKE=*) ids="$ids \${line#*=}" ;;
        VERSION_ID=* | PRETTY_NAME=*) ;;
        *) continue ;;
      esac
      printf 'os %s\\n' "$line"
    done <"$release"
  fi
  format=unknown
  case $ids in
    *debian* | *ubuntu*) format=deb ;;
    *rhel* | *fedora* | *centos* | *suse*) format=rpm ;;
    *)
      if command -v dpkg-query >/dev/null 2>&1; then format=deb; elif command -v rpm >/dev/null 2>&1; then format=rpm; fi
      ;;
  esac
  printf 'format %s\\n' "$format"
  if [ -d /run/systemd/system ]; then printf 'init systemd\\n'; fi
  for module in ${modules.join(' ')}; do
    if [ -d "/sys/module/$module" ]; then printf 'module %s\\n' "$module"; fi
  done
  if [ -r /etc/ufw/ufw.conf ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in ENABLED=[yY]*) printf 'actor ufw\\n' ;; esac
    done </etc/ufw/ufw.conf
  fi
  # sudo takes SSH_CONNECTION away, but had it when it was started itself.
  client=$SSH_CONNECTION
  if [ -z "$client" ] && [ -r "/proc/$PPID/environ" ]; then
    client=$(tr '\\0' '\\n' <"/proc/$PPID/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  fi
  printf 'client %s\\n' "\${client%% *}"
  if [ -r /etc/resolv.conf ]; then
    while read -r line server _ || [ -n "$line" ]; do
      if [ "$line" = nameserver ]; then printf 'nameserver %s\\n' "$server"; fi
    done </etc/resolv.conf
  fi
  printf 'disk %s\\n' "$(stat -f -c '%a %S' /var/lib 2>/dev/null)"
  printf 'clock %s\\n' "$(date +%s)"
  end system 0 ''
  if [ -r "/lib/modules/$kernel/modules.dep" ]; then
    run modules grep -hsE '/(${modules.map((name) => name.replaceAll('_', '[-_]')).join('|')})[.]ko' \\
      "/lib/modules/$kernel/modules.builtin" "/lib/modules/$kernel/modules.dep"
  else
    say modules none
  fi
}
`;

/** One systemctl call for the services asked for and for those that manage the network or the firewall. */
export function servicesScript(interests: Interests, quoted: (words: readonly string[]) => string): string {
  return `
see_services() {
  if [ ! -d /run/systemd/system ]; then
    say services no-systemd
    return
  fi
  set -- ${quoted(interests.services)}
  for unit in ${actorUnits.join(' ')}; do
    for folder in /lib /usr/lib /etc; do
      if [ -e "$folder/systemd/system/$unit.service" ]; then
        set -- "$@" "$unit.service"
        break
      fi
    done
  done
  if [ $# -eq 0 ]; then
    say services 0
  else
    run services systemctl show --property=Id,Names,LoadState,ActiveState,UnitFileState -- "$@"
  fi
}
`;
}

interface Unit extends ServiceFact {
  readonly names: readonly string[];
}

function readUnits(content: Buffer): Unit[] {
  return content
    .toString('utf8')
    .split(/\n\n+/)
    .map(
      (block) =>
        new Map(block.split('\n').map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])),
    )
    .filter((unit) => unit.has('Id'))
    .map((unit) => ({
      names: [unit.get('Id') ?? '', ...(unit.get('Names') ?? '').split(' ')],
      load: unit.get('LoadState') ?? '',
      active: unit.get('ActiveState') ?? '',
      enabled: unit.get('UnitFileState') ?? '',
    }));
}

const suffix = /\.(service|socket|target|timer|mount|path|slice|scope|device|swap|automount)$/;

function unitsOf(sections: Sections): Fact<Unit[]> {
  const section = sections.get('services');
  if (section?.status === 'no-systemd') return unknown('this host is not run by systemd');
  const read = good(sections, 'services', 'the state of services');
  return read.known ? known(readUnits(read.value.content)) : read;
}

export function parseServices(sections: Sections, interests: Interests): Record<string, Fact<ServiceFact>> {
  const units = unitsOf(sections);
  const one = (name: string): Fact<ServiceFact> => {
    if (!units.known) return units;
    const full = suffix.test(name) ? name : `${name}.service`;
    const unit = units.value.find(({ names }) => names.includes(full));
    if (!unit?.load || !unit.active) return unknown(`systemd said nothing about ${full}`);
    return known({ load: unit.load, active: unit.active, enabled: unit.enabled });
  };
  return Object.fromEntries(interests.services.map((name) => [name, one(name)]));
}

/** Takes the quotes of an os-release value away (os-release(5): shell-compatible assignments). */
function unquoted(value: string): string {
  const text = value.trim();
  const inner = /^"(.*)"$/s.exec(text)?.[1] ?? /^'(.*)'$/s.exec(text)?.[1] ?? text;
  return inner.replace(/\\(["$`\\])/g, '$1');
}

export function parseSystem(sections: Sections): Fact<SystemFacts> {
  const section = good(sections, 'system', 'the system');
  if (!section.known) return section;
  const loadable =
    sections.get('modules')?.status === 'none' ? undefined : good(sections, 'modules', 'the kernel modules', [0, 1]);
  if (loadable && !loadable.known) return loadable;
  const units = unitsOf(sections);
  if (!units.known && sections.get('services')?.status !== 'no-systemd') return units;

  const lines = linesOf(section.value.content).map((line) => ({
    key: line.split(' ', 1)[0] ?? '',
    value: line.slice(line.indexOf(' ') + 1).trim(),
  }));
  const first = (key: string) => lines.find((line) => line.key === key)?.value ?? '';
  const all = (key: string) => lines.filter((line) => line.key === key).map((line) => line.value);
  const os = new Map(
    all('os').map((line) => [line.split('=', 1)[0] ?? '', unquoted(line.slice(line.indexOf('=') + 1))]),
  );
  const [free, block] = first('disk').split(' ').map(Number);
  const numbers = {
    clock: Number(first('clock') || Number.NaN),
    uptimeSeconds: Number(first('up') || Number.NaN),
    memoryBytes: Number(first('memory') || Number.NaN) * 1024,
    diskFreeBytes: (free || Number.NaN) * (block || Number.NaN),
  };
  if (free === 0 && block) numbers.diskFreeBytes = 0;
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value)) return unknown(`the system could not be read: no ${name}`);
  }
  const texts = {
    hostname: first('hostname'),
    bootId: first('boot'),
    kernel: first('kernel'),
    architecture: first('arch'),
  };
  for (const [name, value] of Object.entries(texts)) {
    if (!value) return unknown(`the system could not be read: no ${name}`);
  }
  const format = first('format');
  const onDisk = loadable?.known ? linesOf(loadable.value.content).map(moduleName) : [];
  const has = new Set([...all('module'), ...onDisk]);
  const active = units.known
    ? units.value.filter((unit) => unit.active === 'active').flatMap((unit) => unit.names)
    : [];
  return known({
    ...texts,
    ...numbers,
    machineId: first('machine'),
    sshClient: first('client') || null,
    nameservers: all('nameserver'),
    osId: os.get('ID') ?? '',
    osLike: (os.get('ID_LIKE') ?? '').split(/\s+/).filter(Boolean),
    osVersion: os.get('VERSION_ID') ?? '',
    osName: os.get('PRETTY_NAME') ?? '',
    packageFormat: format === 'deb' || format === 'rpm' ? format : 'unknown',
    init: first('init') === 'systemd' ? 'systemd' : 'other',
    modules: modules.filter((name) => has.has(name)),
    actors: [...actorUnits.filter((name) => active.includes(`${name}.service`)), ...new Set(all('actor'))],
  });
}

/** `kernel/net/openvswitch/vport-gre.ko.xz: …` (modules.dep(5)) → `vport_gre`. */
function moduleName(line: string): string {
  const path = line.split(':', 1)[0] ?? '';
  return (path.split('/').at(-1) ?? '').replace(/\.ko.*$/, '').replaceAll('-', '_');
}
