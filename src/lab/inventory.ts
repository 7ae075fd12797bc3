import { stringify } from 'yaml';
import type { Family } from './family.js';
import type { HostPlaces, LabPlaces } from './names.js';
import { mirrorUrl, openvswitch } from './rpm/files.js';

/** Where a host's SSH port on loopback is. */
export function sshPort(portBase: number, host: { readonly number: number }): number {
  return portBase + host.number;
}

/**
 * An Ansible inventory by which the hosts are reached from the plain shell, with the lab's own key and known_hosts. A virtual
 * machine has the kernel's datapath; the other hosts live on a kernel that may have none.
 */
export function inventoryText(
  lab: LabPlaces,
  hosts: readonly (HostPlaces & { readonly family: Family; readonly vm?: boolean })[],
  portBase: number,
): string {
  const common = hosts.every(({ vm }) => vm) ? 'system' : 'netdev';
  const content = {
    mesh: {
      hosts: Object.fromEntries(
        hosts.map((host) => [
          host.name,
          {
            ansible_port: sshPort(portBase, host),
            mesh_underlay_address: host.underlayAddress,
            ...(host.family === 'rpm' ? rpmSettings : {}),
            ...(host.vm && common === 'netdev' ? { mesh_datapath: 'system' } : {}),
          },
        ]),
      ),
      vars: {
        ansible_host: '127.0.0.1',
        ansible_user: 'root',
        ansible_ssh_private_key_file: lab.keyFile,
        ansible_ssh_common_args: `-o UserKnownHostsFile=${lab.knownHostsFile}`,
        mesh_datapath: common,
      },
    },
  };
  const head = `# Hosts of the lab '${lab.name}', written by 'mesh lab up'. SSH goes by ports on loopback; tunnels end at mesh_underlay_address.\n`;
  return head + stringify(content, { lineWidth: 0 });
}

/** Where Open vSwitch comes from on a host whose family has no package of it. */
const rpmSettings = {
  mesh_ovs_version: openvswitch.version,
  mesh_ovs_url: `${mirrorUrl}/${openvswitch.file}`,
};

/** A configuration for the system's ssh: `ssh -F FILE docker41`. */
export function sshConfigText(lab: LabPlaces, hosts: readonly HostPlaces[], portBase: number): string {
  const blocks = hosts.map((host) => `Host ${host.name}\n  Port ${sshPort(portBase, host)}\n`);
  return `${blocks.join('\n')}
Host *
  HostName 127.0.0.1
  User root
  IdentityFile ${lab.keyFile}
  IdentitiesOnly yes
  UserKnownHostsFile ${lab.knownHostsFile}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
`;
}

/** A known_hosts file; a key is given as in the public key file: type, key, comment. */
export function knownHostsText(keys: readonly { readonly port: number; readonly publicKey: string }[]): string {
  return keys
    .map(({ port, publicKey }) => `[127.0.0.1]:${port} ${publicKey.trim().split(' ').slice(0, 2).join(' ')}\n`)
    .join('');
}

/** Whether a text was written by `inventoryText` for this lab: only then may the lab remove or replace it. */
export function isInventoryOf(text: string, name: string): boolean {
  return text.startsWith(`# Hosts of the lab '${name}', written by`);
}
