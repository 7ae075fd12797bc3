/**
 * A package of the RPM family whose content Debian's userland already holds: it brings the name, what other packages ask
 * for, and at most some links.
 */
export interface Stub {
  readonly name: string;
  /** The Debian package that really holds the content: its upstream version is the stub's. */
  readonly debian?: string;
  readonly provides?: readonly string[];
  /** Debian packages whose shared libraries it provides, as rpm names them: `libssl.so.3(OPENSSL_3.0.0)(64bit)`. */
  readonly libraries?: readonly string[];
  /** Links that it brings: path → target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Where the lab hides programs that a fresh host must not have; the packages that bring them link to here. */
export const hiddenFolder = '/usr/libexec/lab';

/** Programs that move to `hiddenFolder`, and links that go away, until a package brings them back. */
export const hidden = {
  programs: ['make', 'rpmbuild', 'rpmspec'],
  links: ['gcc', 'cc', 'g++', 'c++'],
} as const;

const bin = (name: string, target: string): Record<string, string> => ({ [`/usr/bin/${name}`]: target });
const shown = (name: string): Record<string, string> => bin(name, `${hiddenFolder}/${name}`);

/** What a minimal installation has: in the rpm database of every host. */
export const installedStubs: readonly Stub[] = [
  { name: 'redhat-release', provides: ['system-release = 9', 'system-release(releasever) = 9'] },
  { name: 'bash', debian: 'bash', provides: ['/bin/sh', '/usr/bin/sh', '/bin/bash', '/usr/bin/bash'] },
  { name: 'coreutils', debian: 'coreutils', provides: ['/usr/bin/env', '/bin/env', '/bin/cat'] },
  { name: 'sed', debian: 'sed', provides: ['/bin/sed', '/usr/bin/sed'] },
  { name: 'gawk', debian: 'mawk', provides: ['/bin/awk', '/usr/bin/awk'] },
  { name: 'grep', debian: 'grep', provides: ['/bin/grep', '/usr/bin/grep'] },
  { name: 'tar', debian: 'tar' },
  { name: 'gzip', debian: 'gzip' },
  { name: 'curl', debian: 'curl' },
  { name: 'dnf', debian: 'dnf' },
  { name: 'dnf-plugins-core', debian: 'dnf-plugins-core' },
  { name: 'rpm', debian: 'rpm' },
  {
    name: 'glibc',
    debian: 'libc6',
    provides: ['rtld(GNU_HASH)', '/sbin/ldconfig', '/usr/sbin/ldconfig'],
    libraries: ['libc6'],
  },
  { name: 'libgcc', debian: 'libgcc-s1', libraries: ['libgcc-s1'] },
  { name: 'systemd', debian: 'systemd', provides: ['systemd-units'], libraries: ['libsystemd0'] },
  { name: 'iproute', debian: 'iproute2', provides: ['/sbin/ip', '/usr/sbin/ip', '/sbin/tc'] },
  { name: 'hostname', debian: 'hostname' },
  { name: 'kmod', debian: 'kmod', provides: ['module-init-tools = 4.0-1'] },
  { name: 'shadow-utils', debian: 'passwd', provides: ['/usr/sbin/useradd', '/usr/sbin/groupadd'] },
  { name: 'procps-ng', debian: 'procps' },
  { name: 'openssl', debian: 'openssl' },
  { name: 'openssl-libs', debian: 'libssl3', libraries: ['libssl3'] },
  { name: 'libcap-ng', debian: 'libcap-ng0', libraries: ['libcap-ng0'] },
  {
    name: 'python3',
    debian: 'python3',
    provides: ['python(abi) = 3.11', '/usr/bin/python3', 'python3-libs'],
  },
];

/** What the repository has on top: all that building and running Open vSwitch asks for. */
export const offeredStubs: readonly Stub[] = [
  { name: 'rpm-build', debian: 'rpm', links: { ...shown('rpmbuild'), ...shown('rpmspec') } },
  { name: 'redhat-rpm-config' },
  { name: 'make', debian: 'make', links: shown('make') },
  { name: 'gcc', debian: 'gcc-12', links: { ...bin('gcc', 'gcc-12'), ...bin('cc', 'gcc-12') } },
  { name: 'gcc-c++', debian: 'g++-12', links: { ...bin('g++', 'g++-12'), ...bin('c++', 'g++-12') } },
  { name: 'autoconf', debian: 'autoconf' },
  { name: 'automake', debian: 'automake' },
  { name: 'libtool', debian: 'libtool' },
  { name: 'patch', debian: 'patch' },
  { name: 'bzip2', debian: 'bzip2' },
  { name: 'xz', debian: 'xz-utils' },
  { name: 'openssl-devel', debian: 'libssl-dev' },
  { name: 'python3-devel', debian: 'python3', provides: ['python3-devel(abi) = 3.11'] },
  { name: 'python3-sphinx', debian: 'python3-sphinx', links: bin('sphinx-build-3', 'sphinx-build') },
  { name: 'desktop-file-utils', debian: 'desktop-file-utils' },
  { name: 'groff', debian: 'groff-base' },
  { name: 'graphviz' },
  { name: 'checkpolicy', debian: 'checkpolicy' },
  { name: 'selinux-policy-devel', debian: 'selinux-policy-dev' },
  { name: 'selinux-policy-targeted', debian: 'selinux-policy-dev', provides: ['selinux-policy'] },
  { name: 'libcap-ng-devel', debian: 'libcap-ng-dev' },
  { name: 'numactl-libs', debian: 'libnuma1', libraries: ['libnuma1'] },
  { name: 'numactl-devel', debian: 'libnuma-dev' },
  { name: 'unbound', debian: 'libunbound8' },
  { name: 'unbound-libs', debian: 'libunbound8', libraries: ['libunbound8'] },
  { name: 'unbound-devel', debian: 'libunbound-dev' },
  { name: 'kernel-devel' },
  { name: 'kernel-headers', debian: 'linux-libc-dev' },
  { name: 'libreswan' },
  { name: 'network-scripts' },
  { name: 'bridge-utils', debian: 'bridge-utils' },
  { name: 'tcpdump', debian: 'tcpdump' },
];

/**
 * One spec that makes all stubs in one run. Versions and libraries are read from Debian's package database while rpmbuild
 * reads the spec: it has to run in the root that the stubs describe.
 */
export function stubSpec(stubs: readonly Stub[]): string {
  return [
    '%global __spec_install_post %{nil}',
    '%global debug_package %{nil}',
    // Provides that rpm would work out of the links are not those of a package that holds the files.
    'AutoReqProv: no',
    'Name: lab-stubs',
    'Version: 1',
    'Release: 1%{?dist}',
    'Summary: Packages whose content the userland of this lab host already holds',
    'License: MIT',
    '',
    '%description',
    'Names and provides only.',
    '',
    ...stubs.flatMap(packageSection),
    '%prep',
    '%build',
    '%install',
    ...stubs.flatMap(({ links = {} }) =>
      Object.entries(links).flatMap(([path, target]) => [
        `mkdir -p "$(dirname "%{buildroot}${path}")"`,
        `ln -s '${target}' "%{buildroot}${path}"`,
      ]),
    ),
    '',
    ...stubs.flatMap(({ name, links = {} }) => [`%files -n ${name}`, ...Object.keys(links)]),
    '',
  ].join('\n');
}

function packageSection({ name, debian, provides = [], libraries = [] }: Stub): string[] {
  return [
    `%package -n ${name}`,
    `Summary: ${name}, held by Debian's ${debian ?? 'nothing'}`,
    `Version: ${debian ? `%(dpkg-query -W -f '\${source:Upstream-Version}' ${debian} | tr -c 'A-Za-z0-9.' .)` : '1'}`,
    ...provides.map((provide) => `Provides: ${provide}`),
    ...(libraries.length > 0 ? [`Provides: %(lab-sonames ${libraries.join(' ')})`] : []),
    'AutoReqProv: no',
    `%description -n ${name}`,
    'Names and provides only.',
    '',
  ];
}

/** Prints what rpm says that the shared libraries of Debian packages provide, on one line. */
export const sonamesScript = `#!/bin/sh
set -eu
for package do
  dpkg -L "$package" | grep -E '^(/usr)?/lib/[^/]+/[^/]+[.]so([.][0-9.]+)?$' | while read -r library; do
    [ -h "$library" ] || [ ! -f "$library" ] || /usr/lib/rpm/elfdeps --provides "$library"
  done
done | sort -u | tr '\\n' ' '
`;
