/** A file of a host's root file system. */
export interface LabFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** Units that cost time at boot or would touch the machine that the lab runs on; nothing in a lab host needs them. */
export const maskedUnits: readonly string[] = [
  'apparmor.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'console-getty.service',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty.target',
  'logrotate.timer',
  'systemd-firstboot.service',
  'systemd-logind.service',
  'systemd-modules-load.service',
  'systemd-networkd.service',
  'systemd-networkd-wait-online.service',
  'systemd-pstore.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
];

/**
 * Gives a host the underlay that its kernel cannot: the userspace datapath does GRE only over a NIC that is a port of one
 * of its own bridges (Open vSwitch's documentation, 'Connecting VMs Using Tunnels (Userspace)').
 *
 * The kernel goes on seeing every frame on eth0. So br-phy takes the NIC's address, and eth0 one that nobody sends to and
 * for which it answers no ARP: else each packet would be answered twice, by br-phy and by the kernel behind eth0.
 */
const underlayScript = `#!/bin/sh
set -eu
. /etc/lab/underlay
case $1 in
start)
  ip link set dev eth0 address "$PORT_MAC" arp off
  ovs-vsctl --timeout=30 -- --may-exist add-br br-phy \\
    -- set bridge br-phy datapath_type=netdev "other-config:hwaddr=\\"$MAC\\"" \\
    -- --may-exist add-port br-phy eth0
  ip address flush dev eth0
  ip link set br-phy up
  ip address replace "$ADDRESS" dev br-phy
  ;;
stop)
  # br-phy goes away with Open vSwitch; a host's own address must not.
  ip address flush dev br-phy 2>/dev/null || :
  ip link set dev eth0 address "$MAC" arp on
  ip address replace "$ADDRESS" dev eth0
  ;;
esac
`;

const underlayUnit = `[Unit]
Description=Underlay of this lab host as a bridge of the userspace datapath
After=openvswitch-switch.service ovs-vswitchd.service ovsdb-server.service
PartOf=openvswitch-switch.service ovs-vswitchd.service
ConditionPathExists=/usr/bin/ovs-vsctl

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-underlay start
ExecStop=/usr/local/sbin/lab-underlay stop
`;

/** systemd-nspawn mounts control groups read-only; containers need to make their own. */
const cgroupsScript = `#!/bin/sh
mount -o remount,rw,bind /sys/fs/cgroup
while read -r _ target type _; do
  case $type in cgroup | cgroup2) mount -o remount,rw,bind "$target" ;; esac
done < /proc/mounts
exit 0
`;

const cgroupsUnit = `[Unit]
Description=Writable control groups for containers
DefaultDependencies=no
After=local-fs.target
Before=docker.service containerd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-cgroups

[Install]
WantedBy=sysinit.target
`;

const sshdSettings = `UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
`;

/** The files that make a Debian root a lab host, the same in every host. */
export function baseFiles(): LabFile[] {
  const file = (path: string, text: string, mode = 0o644): LabFile => ({ path, mode, text });
  return [
    file('/etc/apt/sources.list', 'deb [trusted=yes] file:/srv/packages ./\n'),
    file('/etc/ssh/sshd_config.d/lab.conf', sshdSettings),
    file('/etc/sudoers.d/lab', 'ops ALL=(ALL:ALL) NOPASSWD: ALL\nopspw ALL=(ALL:ALL) ALL\n', 0o440),
    file('/etc/systemd/journald.conf.d/lab.conf', '[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\n'),
    file('/etc/systemd/system.conf.d/lab.conf', '[Manager]\nDefaultTimeoutStopSec=20s\n'),
    file('/etc/systemd/system/lab-underlay.service', underlayUnit),
    file('/usr/local/sbin/lab-underlay', underlayScript, 0o755),
    file('/etc/systemd/system/lab-cgroups.service', cgroupsUnit),
    file('/usr/local/sbin/lab-cgroups', cgroupsScript, 0o755),
    // The kernel is the machine's: only what belongs to a network namespace may be set from a host.
    ...['50-default.conf', '50-pid-max.conf', '99-protect-links.conf'].map((name) =>
      file(`/etc/sysctl.d/${name}`, '# emptied: these settings are the whole kernel’s\n'),
    ),
    file('/etc/fstab', ''),
  ];
}

/** What is one host's own. Host keys and authorized keys come beside it. */
export function hostFiles(host: {
  name: string;
  underlayAddress: string;
  wireMac: string;
  portMac: string;
  machineId: string;
}): LabFile[] {
  const file = (path: string, text: string, mode = 0o644): LabFile => ({ path, mode, text });
  return [
    file('/etc/hostname', `${host.name}\n`),
    file('/etc/machine-id', `${host.machineId}\n`, 0o444),
    file('/etc/hosts', `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${host.underlayAddress} ${host.name}\n`),
    file('/etc/lab/underlay', `ADDRESS=${host.underlayAddress}/24\nMAC=${host.wireMac}\nPORT_MAC=${host.portMac}\n`),
  ];
}
