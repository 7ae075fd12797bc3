import { quote, quoteAll } from '../../quote.js';
import { digest } from '../names.js';
import { recipeKey } from '../recipe.js';
import { openvswitch, rpmFiles } from './files.js';
import { hidden, hiddenFolder, installedStubs, offeredStubs, sonamesScript, stubSpec } from './stubs.js';

/** What a host of the RPM family has on top of the lab's Debian host with Docker: rpm, dnf, and what builds Open vSwitch. */
export const rpmPackages: readonly string[] = [
  'autoconf',
  'automake',
  'bzip2',
  'checkpolicy',
  'createrepo-c',
  'desktop-file-utils',
  'dnf',
  'dnf-plugins-core',
  'g++',
  'gcc',
  'groff-base',
  'gzip',
  'libcap-ng-dev',
  'libnuma-dev',
  'libssl-dev',
  'libtool',
  'libunbound-dev',
  'make',
  'patch',
  'python3',
  'python3-sphinx',
  'rpm',
  'selinux-policy-dev',
  'xz-utils',
];

/** Debian's package of Open vSwitch's whole source, which stands for the release tarball. */
const sourcePackage = 'openvswitch-source';

/** Measured for these packages on amd64; said to the person before the first download. */
export const rpmDownloadMegabytes = 141;

/** Where the layer's packages lie while it is made, under the draft of its root. */
export const downloadFolder = '/var/cache/lab-packages';
/** Where Open vSwitch's source package lies meanwhile. */
export const sourceFolder = '/var/cache/lab-source';
/** Where the layer's own dnf repository is made, to be moved out of it. */
export const repositoryFolder = '/var/cache/lab-repository';

/**
 * Fetches what the root of `status` (its dpkg database) lacks into folders of the root `upper`. Runs as a hook of
 * mmdebstrap that makes nothing, for its apt configuration that reaches the archive of the right suite.
 */
export function fetchHook(status: string, upper: string): string {
  return `#!/bin/sh
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
mkdir -p ${quote(`${upper}${downloadFolder}/partial`)} ${quote(`${upper}${sourceFolder}`)}
cd ${quote(`${upper}${sourceFolder}`)}
apt-get download ${sourcePackage}
apt-get --yes --no-install-recommends --download-only -o ${quote(`Dir::State::status=${status}`)} \\
  -o ${quote(`Dir::Cache::archives=${upper}${downloadFolder}`)} install ${quoteAll(rpmPackages)}
`;
}

/** Installs what was fetched in the new root, with no init running. */
export const installFetchedScript = `set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \\
  install ${downloadFolder}/*.deb
rm -rf /usr/sbin/policy-rc.d ${downloadFolder} /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id
`;

/**
 * Runs in the new root with its files in place: makes the stub packages and their repository, tells rpm's database what
 * is there, and hides what a fresh host of the RPM family has not got. dpkg goes last: nothing may ask it there.
 */
export const becomeRpmScript = `set -eu
ln -sf bash /usr/bin/sh
ln -sf dnf /usr/bin/yum
work=$(mktemp -d)
mkdir "$work/bin"
cat > "$work/bin/lab-sonames" <<'SCRIPT'
${sonamesScript}SCRIPT
chmod 755 "$work/bin/lab-sonames"
PATH=$PATH:$work/bin
build() {
  cat > "$work/$1.spec"
  rpmbuild -bb --quiet --define "_topdir $work/$1" "$work/$1.spec"
}
build installed <<'SPEC'
${stubSpec(installedStubs)}SPEC
build offered <<'SPEC'
${stubSpec(offeredStubs)}SPEC
mkdir -p ${repositoryFolder}
mv "$work"/installed/RPMS/*/*.rpm "$work"/offered/RPMS/*/*.rpm ${repositoryFolder}/
createrepo_c --quiet ${repositoryFolder}
rpm --initdb
cd ${repositoryFolder}
rpm --install --justdb --noscripts ${installedStubs.map(({ name }) => `${quote(name)}-[0-9]*.rpm`).join(' ')}
cd /
rm -rf "$work"
mkdir -p ${hiddenFolder}
for program in ${hidden.programs.join(' ')}; do mv "/usr/bin/$program" ${hiddenFolder}/; done
for link in ${hidden.links.join(' ')}; do rm "/usr/bin/$link"; done
rm -rf /srv/packages /usr/bin/apt* /usr/bin/dpkg* /etc/debian_version /etc/apt
`;

/**
 * Repacks Debian's source package ($1, the folder that holds it) as the release tarball ($2): the same bytes each time, for
 * its checksum goes into lock files.
 */
export const tarballScript = `set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb --fsys-tarfile "$1"/${sourcePackage}_*.deb | tar -x -O ./usr/src/openvswitch/openvswitch.tar.gz | tar -x -z -C "$work"
mv "$work/openvswitch" "$work/openvswitch-${openvswitch.version}"
tar --create --sort=name --owner=0 --group=0 --numeric-owner --format=gnu --directory="$work" \\
  openvswitch-${openvswitch.version} | gzip -n -6 > "$2"
`;

/** Changes whenever a root of the RPM family made earlier would differ: the key of its layer. */
export function rpmRecipeKey(): string {
  const parts = [recipeKey(), fetchHook('', ''), installFetchedScript, becomeRpmScript, tarballScript, rpmFiles()];
  return digest(JSON.stringify(parts)).slice(0, 16);
}
