import type { HostFacts } from '../../facts/types.js';
import { type Platform, platformOf } from './platform.js';

/** A file of /etc/yum.repos.d that is added first. */
export interface Repository {
  readonly path: string;
  readonly content: string;
}

/** How a distribution offers Open vSwitch. */
export interface Offer {
  readonly packages: readonly string[];
  /** Packages that bring a repository, installed before the others. */
  readonly releasePackages: readonly string[];
  readonly repositories: readonly Repository[];
  /** For people: `the CentOS NFV SIG's repository`. */
  readonly from: string;
}

const NFV = 'centos-release-nfv-openvswitch';

/** CentOS 7 is at its end of life: what its mirrors held is in the vault, and this part of it never gets an update. */
function vault(architecture: string): Repository {
  return {
    path: '/etc/yum.repos.d/mesh-nfv-vault.repo',
    content: [
      '# Written by mesh (mesh_ovs_source: distro).',
      '[mesh-nfv-vault]',
      'name=CentOS 7 NFV SIG, Open vSwitch (vault)',
      `baseurl=https://vault.centos.org/7.9.2009/nfv/${architecture}/openvswitch-2/`,
      'enabled=1',
      'gpgcheck=1',
      'gpgkey=https://www.centos.org/keys/RPM-GPG-KEY-CentOS-SIG-NFV',
      '',
    ].join('\n'),
  };
}

function plain(name: string, from: string): Offer {
  return { packages: [name], releasePackages: [], repositories: [], from };
}

/** What a host's distribution offers, or undefined where mesh knows of nothing. */
export function offerFor(facts: HostFacts): Offer | undefined {
  if (!facts.system.known) return undefined;
  if (facts.system.value.packageFormat === 'deb') return plain('openvswitch-switch', 'its own repositories');
  const platform = platformOf(facts);
  return platform && rpmOffer(platform);
}

function rpmOffer({ release, architecture }: Platform): Offer | undefined {
  if (release.startsWith('fc')) return plain('openvswitch', "Fedora's repositories");
  if (release === 'el7') {
    return {
      packages: ['openvswitch'],
      releasePackages: [],
      repositories: [vault(architecture)],
      from: "the CentOS 7 NFV SIG's repository in the vault, which mesh adds",
    };
  }
  if (release === 'el8' || release === 'el9') {
    return {
      packages: [release === 'el8' ? 'openvswitch2.17' : 'openvswitch3.3'],
      releasePackages: [NFV],
      repositories: [],
      from: `the CentOS NFV SIG's repository, which mesh adds (${NFV})`,
    };
  }
  return undefined;
}

/** Every package that `distro` could ask for, for the time before it is known what a host runs. */
export const POSSIBLE_PACKAGES: readonly string[] = [
  ...['openvswitch-switch', 'openvswitch', 'openvswitch2.17', 'openvswitch3.3'],
  NFV,
];

/** The same for files of repositories; what they hold does not matter then. */
export const POSSIBLE_REPOSITORIES: readonly Repository[] = [vault('x86_64')];
