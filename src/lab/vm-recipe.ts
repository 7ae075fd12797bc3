import { digest } from './names.js';
import type { LabFile } from './units.js';

/** What a virtual machine has beyond a lab host of the same packages: a kernel of its own, and what boots it. */
export const kernelPackages: readonly string[] = ['linux-image-cloud-amd64', 'initramfs-tools'];

/** Measured for these packages and the package lists that they are found by; said to the person before the download. */
export const kernelDownloadMegabytes = 37;

/** The size of a virtual machine's disk; the image holds only what is written to it. */
export const diskGigabytes = 6;

/** Bytes of memory of a virtual machine, in mebibytes. dockerd, Open vSwitch and a few containers use half of it. */
export const memoryMebibytes = 1024;

/** Units that a lab host cannot or need not run, and that a machine with a kernel of its own cannot do without. */
const unmasked: readonly string[] = [
  'systemd-modules-load.service',
  'systemd-networkd.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
  'systemd-udevd-control.socket',
  'systemd-udevd-kernel.socket',
];

/** Where the image keeps that a host's own files were put in. */
const seeded = '/etc/lab/seeded';

/**
 * Puts a host's own files (a tar on the second disk) into its root before its first init runs: machine-id, host keys and
 * network settings are read too early for a unit of its own.
 */
const seedScript = `#!/bin/sh
case $1 in prereqs) exit 0 ;; esac
[ ! -e "$rootmnt${seeded}" ] || exit 0
chroot "$rootmnt" tar --numeric-owner -xf - -C / < /dev/vdb && : > "$rootmnt${seeded}"
`;

/** The files of every virtual machine. */
export function vmFiles(): LabFile[] {
  return [
    { path: '/etc/initramfs-tools/scripts/local-bottom/lab-seed', mode: 0o755, text: seedScript },
    { path: '/etc/initramfs-tools/conf.d/lab', mode: 0o644, text: 'MODULES=list\nCOMPRESS=gzip\n' },
    { path: '/etc/initramfs-tools/modules', mode: 0o644, text: 'virtio_pci\nvirtio_blk\next4\n' },
  ];
}

/**
 * Runs outside of the empty root that mmdebstrap made ($1), whose apt reaches the Debian archive: fetches what the root
 * with the package state $STATUS lacks of a kernel.
 */
export const fetchKernelHook = `#!/bin/sh
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get --yes --no-install-recommends --download-only -o "Dir::State::status=$STATUS" install ${kernelPackages.join(' ')}
`;

/** Runs in the root: the kernel is installed, and the root no longer lives on the kernel of the machine around it. */
export const kernelScript = `set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
systemctl unmask ${unmasked.join(' ')}
systemctl disable lab-cgroups.service
systemctl enable systemd-networkd.service
rm -f /etc/systemd/system/*/lab-underlay.service /etc/systemd/system/lab-underlay.service /usr/local/sbin/lab-underlay
rm -f /etc/systemd/system/lab-cgroups.service /usr/local/sbin/lab-cgroups
rm -f /etc/sysctl.d/50-default.conf /etc/sysctl.d/50-pid-max.conf /etc/sysctl.d/99-protect-links.conf
DEBIAN_FRONTEND=noninteractive dpkg --install /kernel/*.deb
rm -rf /usr/sbin/policy-rc.d /kernel /var/log/apt /var/log/dpkg.log
`;

/** Runs around the root ($1, its folder) with the result's folder as $2: takes the kernel out, and writes the image. */
export const imageScript = `set -eu
mv "$1"/boot/vmlinuz-* "$2/vmlinuz"
mv "$1"/boot/initrd.img-* "$2/initrd"
truncate --size=${diskGigabytes}G "$2/root.img"
mke2fs -q -t ext4 -L lab-root -d "$1" "$2/root.img"
`;

/** Names the image made of a root file system (the folders of its layers); another name whenever it would differ. */
export function imageName(lower: readonly string[]): string {
  const parts = { lower, files: vmFiles(), fetchKernelHook, kernelScript, imageScript };
  return `vm-${digest(JSON.stringify(parts)).slice(0, 16)}`;
}

/** What is one virtual machine's own beside the files that every lab host has of its own: its two network cards. */
export function networkFiles(host: {
  underlayAddress: string;
  accessAddress: string;
  wireMac: string;
  accessMac: string;
}): LabFile[] {
  const card = (name: string, mac: string, address: string): LabFile[] => [
    {
      path: `/etc/systemd/network/10-${name}.link`,
      mode: 0o644,
      text: `[Match]\nMACAddress=${mac}\n\n[Link]\nName=${name}\n`,
    },
    {
      path: `/etc/systemd/network/10-${name}.network`,
      mode: 0o644,
      text: `[Match]\nMACAddress=${mac}\n\n[Network]\nAddress=${address}/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n`,
    },
  ];
  return [...card('eth0', host.wireMac, host.underlayAddress), ...card('mgmt0', host.accessMac, host.accessAddress)];
}
