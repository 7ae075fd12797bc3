import { join } from 'node:path';
import type { HostPlaces, LabPlaces } from './names.js';
import { memoryMebibytes } from './vm-recipe.js';
import { inNetns } from './wire.js';

/** How the processor of a virtual machine is made: by the machine's own, or translated. */
export type Accelerator = 'kvm' | 'tcg';

/** Where an image's parts are. */
export function imageParts(folder: string): { root: string; kernel: string; initrd: string } {
  return { root: join(folder, 'root.img'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd') };
}

/** Where a virtual machine's own disk and the files to put on it are. */
export function diskParts(host: HostPlaces): { disk: string; seed: string } {
  return { disk: join(host.directory, 'disk.qcow2'), seed: join(host.directory, 'seed.tar') };
}

const accelerated = (accelerator: Accelerator): string[] =>
  accelerator === 'kvm' ? ['-accel', 'kvm'] : ['-accel', 'tcg,thread=multi'];

const bare = ['-cpu', 'max', '-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none'];

/**
 * The program that is a virtual machine, in the laptop's network namespace, where its cables are. `-name` is the host's
 * machine name, by which its process is found again.
 */
export function qemuCommand(
  lab: LabPlaces,
  host: HostPlaces,
  vm: { readonly image: string; readonly accelerator: Accelerator },
): string[] {
  const { kernel, initrd } = imageParts(vm.image);
  const { disk, seed } = diskParts(host);
  const card = (id: string, tap: string, mac: string) => [
    '-netdev',
    `tap,id=${id},ifname=${tap},script=no,downscript=no`,
    '-device',
    `virtio-net-pci,netdev=${id},mac=${mac}`,
  ];
  return inNetns(lab.laptop, [
    'qemu-system-x86_64',
    '-name',
    host.machine,
    ...accelerated(vm.accelerator),
    ...bare,
    ...['-machine', 'q35', '-smp', '1', '-m', String(memoryMebibytes)],
    ...['-serial', 'stdio'],
    ...['-drive', `file=${disk},format=qcow2,if=virtio,cache=unsafe`],
    ...['-drive', `file=${seed},format=raw,if=virtio,readonly=on`],
    ...card('wire', host.wireLink, host.wireMac),
    ...card('access', host.accessLink, host.accessMac),
    ...['-device', 'virtio-rng-pci'],
    ...['-kernel', kernel, '-initrd', initrd],
    ...['-append', 'console=ttyS0 root=/dev/vda rw net.ifnames=0 fsck.mode=skip panic=5 quiet'],
  ]);
}

/** A machine that only starts the kernel, which ends it as there is no disk: whether an accelerator really runs one. */
export function trialCommand(kernel: string, accelerator: Accelerator): string[] {
  return ['qemu-system-x86_64', ...accelerated(accelerator), ...bare].concat(
    ['-m', '256', '-serial', 'none', '-no-reboot', '-kernel', kernel],
    ['-append', 'panic=-1 quiet'],
  );
}
