import { digest } from './names.js';
import { baseFiles, maskedUnits } from './units.js';

/** What can be left out of a host, and the Debian package that brings it. */
export const features = { openvswitch: 'openvswitch-switch', docker: 'docker.io' } as const;
export type Feature = keyof typeof features;
export const featureNames = Object.keys(features).sort() as Feature[];

/** A Debian host before Docker and Open vSwitch are installed: what an administrator's minimal installation holds. */
export const barePackages: readonly string[] = [
  'apparmor',
  'bridge-utils',
  'ca-certificates',
  'curl',
  'dbus',
  'ethtool',
  'iproute2',
  'iputils-ping',
  'kmod',
  'nftables',
  'openssh-server',
  'procps',
  'sudo',
  'systemd',
  'systemd-sysv',
  'tcpdump',
  'udev',
];

export const suite = 'bookworm';

/** Where a host keeps the packages that it can install without a network. */
export const packageFolder = '/srv/packages';

/** Measured for this package list on amd64; said to the person before the first download. */
export const downloadMegabytes = 135;

export const mmdebstrapOptions: readonly string[] = [
  '--variant=minbase',
  '--format=directory',
  `--include=${barePackages.join(',')}`,
  '--aptopt=Acquire::Languages "none"',
  '--dpkgopt=force-unsafe-io',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-exclude=/usr/share/info/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--dpkgopt=path-exclude=/usr/share/lintian/*',
  '--skip=cleanup/apt',
];

/**
 * Runs outside of the new root ($1) while mmdebstrap's own apt configuration still reaches the Debian archive: fetches what
 * the root lacks of Docker and Open vSwitch and makes it an apt repository of files.
 */
export const fetchPackagesHook = `set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
rm -f "$1"/var/cache/apt/archives/*.deb
apt-get --yes --no-install-recommends --download-only install ${Object.values(features).join(' ')}
mkdir -p "$1${packageFolder}"
mv "$1"/var/cache/apt/archives/*.deb "$1${packageFolder}/"
cd "$1${packageFolder}"
dpkg-scanpackages --multiversion . > Packages
{
  printf 'Date: %s\\nSHA256:\\n' "$(date -Ru)"
  printf ' %s %s Packages\\n' "$(sha256sum Packages | cut -d ' ' -f 1)" "$(wc -c < Packages)"
} > Release
`;

/** Runs in the new root: users, what must be each host's own, and the offline package list. */
export const finishScript = `set -eu
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
rm -f /etc/apt/sources.list.d/*
apt-get update
useradd --create-home --uid 1000 --shell /bin/bash ops
useradd --create-home --uid 1001 --shell /bin/bash opspw
echo 'opspw:mesh-lab' | chpasswd
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/hostname /etc/resolv.conf
systemctl mask ${maskedUnits.join(' ')}
systemctl enable lab-cgroups.service
for unit in openvswitch-switch ovs-vswitchd; do
  mkdir -p "/etc/systemd/system/$unit.service.wants"
  ln -sf /etc/systemd/system/lab-underlay.service "/etc/systemd/system/$unit.service.wants/lab-underlay.service"
done
`;

/** Installs packages in a root with no init running, as a person would, then removes what must be each host's own. */
export const installScript = `set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive apt-get --yes install "$@"
rm -f /usr/sbin/policy-rc.d /etc/openvswitch/conf.db /etc/openvswitch/.conf.db.~lock~ /etc/openvswitch/system-id.conf
rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/log/openvswitch/*.log /var/cache/apt/*.bin
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id
`;

/** Changes whenever a root file system made earlier would differ: the key of the cache. */
export function recipeKey(): string {
  const parts = { suite, mmdebstrapOptions, fetchPackagesHook, finishScript, installScript, files: baseFiles() };
  return digest(JSON.stringify(parts)).slice(0, 16);
}

/** The features that a host has, as the name of a layer: `docker+openvswitch`, `docker`, or `bare` for none. */
export function layerName(without: readonly Feature[]): string {
  return featureNames.filter((feature) => !without.includes(feature)).join('+') || 'bare';
}
