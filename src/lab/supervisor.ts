import { accessPrefix, type HostPlaces, type LabPlaces, underlayPrefix } from './names.js';

/**
 * The program that keeps one host running. It lives in the laptop's network namespace, by which it is found again.
 *
 * Every boot gets a new network namespace: what a host keeps over a reboot is on its disk, never in the kernel. The root is
 * mounted in a mount namespace of its own, so that no mount outlives the host.
 */
export const supervisorScript = `#!/bin/sh
# usage: supervise FOLDER LOWER MACHINE HOST NETNS LAPTOP NUMBER WIRE-MAC ACCESS-MAC
set -u
folder=$1 lower=$2 machine=$3 host=$4 netns=$5 laptop=$6 number=$7 wiremac=$8 accessmac=$9

inside() { nsenter --net="/run/netns/$netns" "$@"; }

unplug() {
  ip link delete "wire$number" 2>/dev/null
  ip link delete "access$number" 2>/dev/null
  ip netns delete "$netns" 2>/dev/null
}

plug() {
  ip netns add "$netns" &&
  ip link add "wire$number" type veth peer name eth0 address "$wiremac" netns "$netns" &&
  ip link add "access$number" type veth peer name mgmt0 address "$accessmac" netns "$netns" &&
  # The userspace datapath would send frames with unfinished checksums.
  ethtool -K "wire$number" tx off >/dev/null &&
  inside ethtool -K eth0 tx off >/dev/null &&
  ip link set "wire$number" master wire up &&
  ip link set "access$number" master access up &&
  inside ip link set lo up &&
  inside ip address add "${underlayPrefix}.$number/24" dev eth0 &&
  inside ip address add "${accessPrefix}.$number/24" dev mgmt0 &&
  inside ip link set eth0 up &&
  inside ip link set mgmt0 up
}

# With one hierarchy of control groups a host needs a group that has no other processes in it.
group=/sys/fs/cgroup/$machine
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "$group" && echo $$ > "$group/cgroup.procs"
else
  # Where hosts shared a group, they would start and end each other's units: groups go by the units' names.
  for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -d "$hierarchy" ]; then mkdir -p "$hierarchy/$machine" && echo $$ > "$hierarchy/$machine/cgroup.procs"; fi
  done
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0
fi
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes SYSTEMD_NSPAWN_LOCK=no

boot() {
  unshare --mount sh -euc '
    folder=$1 lower=$2
    shift 2
    mount -t overlay mesh-lab -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    exec systemd-nspawn "$@"
  ' sh "$folder" "$lower" --quiet --settings=no --register=no --keep-unit --boot --directory="$folder/root" \\
    --machine="$machine" --hostname="$host" --network-namespace-path="/run/netns/$netns" \\
    --capability=all --system-call-filter='@keyring bpf' --link-journal=no --timezone=off --resolv-conf=off \\
    --console=read-only --bind="$folder/docker:/var/lib/docker"
}

# nspawn(1): 133 means that the container asked to be booted again.
code=133
while [ "$code" = 133 ]; do
  unplug
  plug || { unplug; echo "supervise: the host's cables could not be made"; exit 1; }
  boot
  code=$?
  echo "supervise: the host ended with $code"
done
unplug
exit "$code"
`;

/** The command that starts the supervisor of a host. */
export function supervisorCommand(lab: LabPlaces, host: HostPlaces, lower: readonly string[]): string[] {
  return [
    'nsenter',
    `--net=/run/netns/${lab.laptop}`,
    'sh',
    lab.supervisorFile,
    host.directory,
    lower.join(':'),
    host.machine,
    host.name,
    host.netns,
    lab.laptop,
    String(host.number),
    host.wireMac,
    host.accessMac,
  ];
}
