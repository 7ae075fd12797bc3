import { access, constants, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import type { OnProgress } from './progress.js';
import { run } from './run.js';

/** The programs that the lab runs on the machine itself, and the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  'systemd-socket-activate': 'systemd',
  mmdebstrap: 'mmdebstrap',
  'dpkg-scanpackages': 'dpkg-dev',
  nft: 'nftables',
  ip: 'iproute2',
  ethtool: 'ethtool',
  tcpdump: 'tcpdump',
  'ssh-keygen': 'openssh-client',
  nsenter: 'util-linux',
};

/** What virtual machines need beyond that. */
export const vmPrograms: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mke2fs: 'e2fsprogs',
  ssh: 'openssh-client',
};

const proxy = '/lib/systemd/systemd-socket-proxyd';

/** What there is to know about the machine before anything of it is touched. */
export interface Machine {
  readonly platform: string;
  readonly uid: number;
  readonly debian: boolean;
  readonly missingPackages: readonly string[];
}

/** Looks at the machine; changes nothing. */
export async function lookAtMachine(needed = programs): Promise<Machine> {
  const platform = process.platform;
  if (platform !== 'linux') return { platform, uid: -1, debian: false, missingPackages: [] };
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const missing = new Set<string>();
  for (const [program, owner] of Object.entries(needed)) if (!(await isInstalled(program))) missing.add(owner);
  if (!(await isExecutable(proxy))) missing.add('systemd');
  return {
    platform,
    uid: process.getuid?.() ?? -1,
    debian: /^ID(_LIKE)?=.*\bdebian\b/m.test(release),
    missingPackages: [...missing].sort(),
  };
}

/** The one sentence that says why no lab can be made here, or undefined if one can (perhaps after an installation). */
export function refusal(machine: Machine, what: string): { message: string; fix: string } | undefined {
  if (machine.platform !== 'linux') {
    return {
      message: `${what} needs Linux: its hosts are containers of systemd-nspawn, and this is ${machine.platform}`,
      fix: 'run it in a Debian 12 machine, or point mesh at hosts of your own with an inventory',
    };
  }
  if (machine.uid !== 0) {
    return {
      message: `${what} needs root: it makes network namespaces, mounts and containers`,
      fix: 'run the same command with sudo',
    };
  }
  if (machine.missingPackages.length > 0 && !machine.debian) {
    return {
      message: `${what} needs programs that are not installed: Debian's packages ${machine.missingPackages.join(', ')}`,
      fix: `install what your distribution calls them; on Debian: ${installCommand(machine.missingPackages)}`,
    };
  }
  return undefined;
}

/** The command that brings the missing packages, for people and for the lab itself. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
}

/** @throws {InputError} without root, off Linux, or off Debian with programs missing; nothing was touched then. */
export async function requireRoot(what: string, needed = programs): Promise<Machine> {
  const machine = await lookAtMachine(needed);
  const refused = refusal(machine, what);
  if (refused) throw InputError.of(refused.message, { fix: refused.fix });
  return machine;
}

/** Makes sure that the lab's programs are there, installing Debian's packages where root may. */
export async function prepareMachine(onProgress: OnProgress, signal?: AbortSignal, needed = programs): Promise<void> {
  const machine = await requireRoot('mesh lab up', needed);
  if (machine.missingPackages.length === 0) return;
  const command = installCommand(machine.missingPackages);
  onProgress({ phase: 'machine', detail: `this machine lacks ${machine.missingPackages.join(', ')}: ${command}` });
  const apt = (...args: string[]) =>
    run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], signal ? { signal } : {});
  const install = () => apt('install', '--yes', '--no-install-recommends', ...machine.missingPackages);
  let result = await install();
  if (result.code !== 0) {
    await apt('update');
    result = await install();
  }
  if (result.code !== 0) {
    throw InputError.of(
      `the lab needs ${machine.missingPackages.join(', ')}, and apt-get could not install them: ${result.stderr.trim().split('\n').at(-1)}`,
      { fix: `apt-get update && ${command}` },
    );
  }
}

/** Overlays cannot be stacked on an overlay: the lab's folders have to be on a plain file system. */
export async function requirePlainFileSystem(directory: string, variable: string): Promise<void> {
  const overlay = 0x794c7630; // OVERLAYFS_SUPER_MAGIC, statfs(2)
  const { type } = await statfs(directory);
  if (type === overlay) {
    throw InputError.of(`${directory} is on an overlay file system, which cannot hold the lab's own overlays`, {
      fix: `set ${variable} to a folder on a disk or a tmpfs`,
    });
  }
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin']) {
    if (await isExecutable(join(folder, program))) return true;
  }
  return false;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
