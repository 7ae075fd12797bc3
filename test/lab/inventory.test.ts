import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inventoryText, isInventoryOf, knownHostsText, sshConfigText } from '../../src/lab/inventory.js';
import { hostPlaces, labPlaces } from '../../src/lab/names.js';

const lab = labPlaces('demo', '/var/lib/mesh-lab');
const hosts = [41, 42].map((number) => ({ ...hostPlaces(lab, number), family: 'deb' as const }));

describe('inventoryText', () => {
  it('is an Ansible inventory that reaches the hosts over loopback and ends tunnels at the underlay', () => {
    expect(parse(inventoryText(lab, hosts, 22_000))).toEqual({
      mesh: {
        hosts: {
          docker41: { ansible_port: 22_041, mesh_underlay_address: '192.168.199.41' },
          docker42: { ansible_port: 22_042, mesh_underlay_address: '192.168.199.42' },
        },
        vars: {
          ansible_host: '127.0.0.1',
          ansible_user: 'root',
          ansible_ssh_private_key_file: '/var/lib/mesh-lab/demo/id_ed25519',
          ansible_ssh_common_args: '-o UserKnownHostsFile=/var/lib/mesh-lab/demo/known_hosts',
          mesh_datapath: 'netdev',
        },
      },
    });
  });

  it('says of an RPM host where Open vSwitch comes from', () => {
    const mixed = hosts.map((host) => (host.number === 42 ? { ...host, family: 'rpm' as const } : host));
    const { mesh } = parse(inventoryText(lab, mixed, 22_000));
    expect(Object.keys(mesh.hosts.docker41)).toEqual(['ansible_port', 'mesh_underlay_address']);
    expect(mesh.hosts.docker42).toMatchObject({
      mesh_ovs_version: '3.1.0',
      mesh_ovs_url: 'http://192.168.199.1/openvswitch-3.1.0.tar.gz',
    });
  });

  it('is known again as the lab’s own, and not as another one’s', () => {
    const text = inventoryText(lab, hosts, 22_000);
    expect(isInventoryOf(text, 'demo')).toBe(true);
    expect(isInventoryOf(text, 'dem')).toBe(false);
    expect(isInventoryOf('mesh:\n  hosts: {}\n', 'demo')).toBe(false);
  });
});

describe('sshConfigText', () => {
  it('trusts the lab’s own known_hosts alone', () => {
    const text = sshConfigText(lab, hosts, 23_000);
    expect(text).toContain('Host docker42\n  Port 23042\n');
    expect(text).toContain('UserKnownHostsFile /var/lib/mesh-lab/demo/known_hosts\n');
    expect(text).toContain('GlobalKnownHostsFile /dev/null\n');
    expect(text).toContain('StrictHostKeyChecking yes\n');
  });
});

describe('knownHostsText', () => {
  it('writes address and port in brackets and leaves out comments', () => {
    const text = knownHostsText([{ port: 22_041, publicKey: 'ssh-ed25519 AAAAC3 root@docker41\n' }]);
    expect(text).toBe('[127.0.0.1]:22041 ssh-ed25519 AAAAC3\n');
  });
});
