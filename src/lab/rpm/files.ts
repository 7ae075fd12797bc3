import type { LabFile } from '../units.js';

/** Where hosts of the RPM family find packages and sources: in the laptop's namespace, on the wire. */
export const mirrorUrl = 'http://192.168.199.1';

/** What the tarball that the mirror serves is; Debian's package openvswitch-source holds this version. */
export const openvswitch = { version: '3.1.0', file: 'openvswitch-3.1.0.tar.gz' } as const;

const release = 'Mesh Lab Enterprise Linux release 9.4';

// ID_LIKE is how a rebuild of RHEL says what it is compatible with: os-release(5).
const osRelease = `NAME="Mesh Lab Enterprise Linux"
ID="meshlab"
ID_LIKE="rhel fedora"
VERSION="9.4"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Mesh Lab Enterprise Linux 9.4"
`;

/** What redhat-rpm-config, python-rpm-macros and systemd-rpm-macros bring; Debian's rpm has none of them. */
const macros = `%rhel 9
%el9 1
%dist .el9
%_dbpath /var/lib/rpm
%_rundir /run
%_sharedstatedir /var/lib
%_unitdir /usr/lib/systemd/system
%_udevrulesdir /usr/lib/udev/rules.d
%__python3 /usr/bin/python3
%python3_sitelib /usr/lib/python3/dist-packages
%systemd_post() if [ $1 -eq 1 ]; then systemctl preset %{?*} >/dev/null 2>&1 || :; fi
%systemd_preun() if [ $1 -eq 0 ]; then systemctl disable --now %{?*} >/dev/null 2>&1 || :; fi
%systemd_postun() systemctl daemon-reload >/dev/null 2>&1 || :
%systemd_postun_with_restart() systemctl daemon-reload >/dev/null 2>&1 || :; if [ $1 -ge 1 ]; then systemctl try-restart %{?*} >/dev/null 2>&1 || :; fi
`;

const repository = `[lab]
name=Packages of the lab
baseurl=${mirrorUrl}/repository
enabled=1
gpgcheck=0
`;

/** The files that make a Debian root look like a host of the RPM family, the same in every such host. */
export function rpmFiles(): LabFile[] {
  const file = (path: string, text: string, mode = 0o644): LabFile => ({ path, mode, text });
  return [
    file('/usr/lib/os-release', osRelease),
    file('/etc/redhat-release', `${release}\n`),
    file('/etc/system-release', `${release}\n`),
    file('/etc/rpm/macros.lab', macros),
    file('/etc/yum.repos.d/lab.repo', repository),
    // dnf-plugins-core brings a plugin that looks for a repository of the host's own, which is not there.
    file('/etc/dnf/plugins/local.conf', '[main]\nenabled = 0\n'),
    // RHEL's rule: a package that brings a service does not start it.
    file('/usr/lib/systemd/system-preset/99-default-disable.preset', 'disable *\n'),
  ];
}
