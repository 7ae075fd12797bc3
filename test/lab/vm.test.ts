import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { inventoryText } from '../../src/lab/inventory.js';
import { hostPlaces, labPlaces } from '../../src/lab/names.js';
import { qemuCommand, trialCommand } from '../../src/lab/vm-command.js';
import { virtualMachines } from '../../src/lab/vm-image.js';
import { imageName, networkFiles, vmFiles } from '../../src/lab/vm-recipe.js';
import { vmShell } from '../../src/lab/vm-shell.js';

const lab = labPlaces('demo', '/var/lib/mesh-lab');
const [one, two] = [41, 42].map((number) => hostPlaces(lab, number));
if (!one || !two) throw new Error('two hosts are wanted');

describe('qemuCommand', () => {
  const vm = { image: '/cache/vm', accelerator: 'tcg' as const };

  it('is found again by its machine name, and lives where its cables are', () => {
    const command = qemuCommand(lab, one, vm);
    expect(command.slice(0, 2)).toEqual(['nsenter', '--net=/run/netns/mesh.demo.laptop']);
    expect(command[command.indexOf('-name') + 1]).toBe('mesh.demo.docker41');
  });

  it('boots the image’s kernel from a disk of the host’s own, with a card on each network', () => {
    const text = qemuCommand(lab, one, vm).join(' ');
    expect(text).toContain('file=/var/lib/mesh-lab/demo/hosts/docker41/disk.qcow2,format=qcow2');
    expect(text).toContain('-kernel /cache/vm/vmlinuz -initrd /cache/vm/initrd');
    expect(text).toContain(
      'ifname=wire41,script=no,downscript=no -device virtio-net-pci,netdev=wire,mac=52:54:00:c7:00:29',
    );
    expect(text).toContain(
      'ifname=access41,script=no,downscript=no -device virtio-net-pci,netdev=access,mac=52:54:00:c6:00:29',
    );
  });

  it('says which processor makes it', () => {
    expect(qemuCommand(lab, one, vm)).toContain('tcg,thread=multi');
    expect(qemuCommand(lab, one, { ...vm, accelerator: 'kvm' })).toContain('kvm');
    expect(trialCommand('/cache/vm/vmlinuz', 'kvm')).toContain('-no-reboot');
  });
});

describe('the image', () => {
  it('has another name for every root file system', () => {
    const names = [['/cache/docker', '/cache/bare'], ['/cache/openvswitch', '/cache/bare'], ['/cache/bare']];
    expect(new Set(names.map(imageName)).size).toBe(3);
    expect(imageName(['/cache/bare'])).toMatch(/^vm-[0-9a-f]{16}$/);
  });

  it('is not made for hosts whose kernel it cannot be', async () => {
    const host = { number: 41, family: 'rpm' as const, without: [], lower: [] };
    await expect(virtualMachines([host], { onProgress: () => {} })).rejects.toThrow(/RPM family|amd64/);
  });

  it('puts a host’s own files in before its init runs, once', () => {
    const seed = vmFiles().find(({ path }) => path.includes('local-bottom'));
    expect(seed?.mode).toBe(0o755);
    expect(seed?.text).toContain('[ ! -e "$rootmnt/etc/lab/seeded" ] || exit 0');
  });

  it('gives each card its name and address by its MAC', () => {
    const files = new Map(networkFiles(one).map(({ path, text }) => [path, text]));
    expect(files.get('/etc/systemd/network/10-eth0.network')).toContain('MACAddress=52:54:00:c7:00:29');
    expect(files.get('/etc/systemd/network/10-eth0.network')).toContain('Address=192.168.199.41/24');
    expect(files.get('/etc/systemd/network/10-mgmt0.link')).toContain('Name=mgmt0');
    expect(files.get('/etc/systemd/network/10-mgmt0.network')).toContain('Address=192.168.198.41/24');
  });
});

describe('vmShell', () => {
  it('quotes a program and its arguments for the shell at the other end', () => {
    expect(vmShell(lab, one, ['sh', '-c', 'echo "$1"', 'sh', "it's"]).slice(-2)).toEqual([
      'docker41',
      `sh -c 'echo "$1"' sh 'it'\\''s'`,
    ]);
  });
});

describe('the inventory of a lab with virtual machines', () => {
  const datapaths = (vms: readonly number[]) => {
    const hosts = [one, two].map((host) => ({ ...host, family: 'deb' as const, vm: vms.includes(host.number) }));
    const { mesh } = parse(inventoryText(lab, hosts, 22_000));
    return [mesh.vars.mesh_datapath, mesh.hosts.docker41.mesh_datapath, mesh.hosts.docker42.mesh_datapath];
  };

  it('names the kernel’s datapath for them, and for them alone', () => {
    expect(datapaths([])).toEqual(['netdev', undefined, undefined]);
    expect(datapaths([41, 42])).toEqual(['system', undefined, undefined]);
    expect(datapaths([42])).toEqual(['netdev', undefined, 'system']);
  });
});
