import type { Platform } from './platform.js';

/** What is built where the inventory names no version. */
export const DEFAULT_VERSION = '3.3.4';

/** The first release whose ports have the column `protected`, by which a full mesh of more than two hosts has no loop (NEWS). */
export const FIRST_WITH_PROTECTED = '2.7.0';

/** Less, equal or greater than zero, as `one` is older than, the same as, or newer than `other`. A release or epoch counts not. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [numbers(one), numbers(other)];
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): readonly number[] {
  const [upstream = ''] = version.replace(/^\d+:/, '').split(/[-~+]/);
  return upstream.split('.').map((part) => Number.parseInt(part, 10) || 0);
}

/** `2:3.1.0-1.el9` → `3.1.0`. */
export function upstreamVersion(version: string): string {
  return version.replace(/^\d+:/, '').split('-')[0] ?? version;
}

export function releaseUrl(version: string): string {
  return `https://www.openvswitch.org/releases/${sourceName(version)}`;
}

/** The name that the spec's `Source:` has, whatever the URL calls it. */
export function sourceName(version: string): string {
  return `openvswitch-${version}.tar.gz`;
}

export interface SpecChoice {
  readonly spec: string;
  /** Words for rpmbuild. */
  readonly options: readonly string[];
  /** What has to be installed to build, where the spec cannot be asked. */
  readonly requires: readonly string[];
}

const COMMON = ['gcc', 'make', 'autoconf', 'automake', 'libtool', 'openssl-devel', 'graphviz'];

/**
 * Which of the two spec files builds a release. rhel/openvswitch.spec makes a SysV service and is what 2.4 was packaged
 * with; from 2.5 on, and on everything newer than RHEL 6, rhel/openvswitch-fedora.spec is upstream's choice, and the only
 * one that is left in 4.0.
 */
export function specFor(version: string, platform: Platform): SpecChoice {
  if (compareVersions(version, '2.5') < 0 || platform.release === 'el6') {
    return {
      spec: 'rhel/openvswitch.spec',
      options: ['--without', 'check'],
      requires: [...COMMON, 'python-devel', 'kernel-devel'],
    };
  }
  return {
    spec: 'rhel/openvswitch-fedora.spec',
    options: ['--without', 'check', '--without', 'dpdk', '--without', 'afxdp'],
    requires: [
      ...COMMON,
      ...['gcc-c++', 'systemd-units', 'openssl', 'python3-devel', 'desktop-file-utils', 'groff', 'checkpolicy'],
      ...['selinux-policy-devel', '/usr/bin/sphinx-build-3', 'procps-ng', 'libcap-ng', 'libcap-ng-devel'],
      ...['unbound', 'unbound-devel'],
    ],
  };
}

/** The sub-package with the SELinux policy came with 2.6, in the newer spec only. */
export function hasPolicyPackage(version: string, spec: string): boolean {
  return spec === 'rhel/openvswitch-fedora.spec' && compareVersions(version, '2.6') >= 0;
}
