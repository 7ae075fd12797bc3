import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../errors.js';
import { cacheDirectory, makeAtomically } from './cache.js';
import { takeLock } from './lock.js';
import type { OnProgress } from './progress.js';
import { suite } from './recipe.js';
import { writeFiles } from './root-files.js';
import { mustRun, run } from './run.js';
import type { HostState } from './state.js';
import { type Accelerator, imageParts, trialCommand } from './vm-command.js';
import {
  fetchKernelHook,
  imageName,
  imageScript,
  kernelDownloadMegabytes,
  kernelScript,
  vmFiles,
} from './vm-recipe.js';

interface ImageOptions {
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Makes virtual machines of hosts that are to be made: each with the image of its root file system.
 *
 * @throws {InputError} off amd64, and for a host of the RPM family; nothing was downloaded then.
 */
export async function virtualMachines(hosts: readonly HostState[], options: ImageOptions): Promise<HostState[]> {
  if (process.arch !== 'x64') {
    throw InputError.of(`virtual machines are made for amd64 only, and this machine is ${process.arch}`, {
      fix: 'leave --vm out: containers are made here as well',
    });
  }
  if (hosts.some(({ family }) => family !== 'deb')) {
    throw InputError.of('a host of the RPM family cannot be a virtual machine: the kernel comes as a Debian package', {
      fix: 'leave out --vm or --family rpm',
    });
  }
  const made: HostState[] = [];
  for (const host of hosts) {
    const image = await vmImage(host.lower, options);
    const how = made[0]?.vm?.accelerator ?? (await accelerator(image, options.signal));
    if (made.length === 0 && how === 'tcg') {
      const detail = 'KVM does not work here: a boot takes a minute, and many on a busy machine';
      options.onProgress({ phase: 'machine', detail });
    }
    made.push({ ...host, vm: { image, accelerator: how } });
  }
  return made;
}

/** `kvm` where a guest really runs by it; a /dev/kvm alone does not say so. */
async function accelerator(image: string, signal?: AbortSignal): Promise<Accelerator> {
  if (!(await exists('/dev/kvm'))) return 'tcg';
  const trial = await run(['timeout', '--signal=KILL', '10', ...trialCommand(imageParts(image).kernel, 'kvm')], {
    ...(signal ? { signal } : {}),
  });
  return trial.code === 0 ? 'kvm' : 'tcg';
}

/**
 * Makes sure that the cache holds a disk image made of a root file system of the lab's (the folders of its layers, uppermost
 * first) and Debian's kernel for clouds.
 *
 * @returns its folder: complete, and never changed again.
 */
async function vmImage(lowers: readonly string[], options: ImageOptions): Promise<string> {
  const folder = join(cacheDirectory(), imageName(lowers));
  if (await exists(folder)) return folder;
  const { onProgress, signal } = options;
  const lock = await takeLock(`cache${folder}`, {
    onWait: (pid) =>
      onProgress({ phase: 'lock', detail: `process ${pid} is making the virtual machines' image: waiting for it` }),
    ...(signal ? { signal } : {}),
  });
  try {
    if (!(await exists(folder))) {
      await mkdir(dirname(folder), { recursive: true });
      await makeAtomically(folder, (draft) => makeImage(lowers, draft, options));
    }
  } finally {
    await lock.release();
  }
  return folder;
}

async function makeImage(
  lowers: readonly string[],
  draft: string,
  { onProgress, signal }: ImageOptions,
): Promise<void> {
  const started = Date.now();
  const aborting = signal ? { signal } : {};
  const work = join(draft, 'work');
  await mkdir(work, { recursive: true });
  onProgress({
    phase: 'download',
    detail: `first virtual machine: downloading about ${kernelDownloadMegabytes} MB of Debian packages for its kernel`,
  });
  const hook = join(work, 'hook');
  await writeFile(hook, fetchKernelHook, { mode: 0o700 });
  const fetched = join(work, 'fetched');
  const mmdebstrap = [
    '--variant=custom',
    '--format=directory',
    '--skip=cleanup/apt',
    '--aptopt=Acquire::Languages "none"',
  ];
  await mustRun(
    [
      'setpriv',
      '--pdeathsig',
      'KILL',
      'env',
      `STATUS=${await packageState(lowers)}`,
      'mmdebstrap',
      ...mmdebstrap,
    ].concat([`--customize-hook=${hook}`, suite, fetched]),
    aborting,
  );
  const upper = join(work, 'upper');
  await writeFiles(upper, vmFiles());
  for (const made of ['root', 'overlay']) await mkdir(join(work, made));
  await mkdir(join(upper, 'kernel'));
  const archives = join(fetched, 'var/cache/apt/archives');
  for (const name of await readdir(archives)) {
    if (name.endsWith('.deb')) await mustRun(['mv', join(archives, name), join(upper, 'kernel')]);
  }
  onProgress({ phase: 'root', detail: "installing the kernel and writing the virtual machines' disk image" });
  // In a mount namespace of its own, so that a killed run leaves no mount behind.
  const script = `
mount -t overlay mesh-lab -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/overlay" "$2/root"
mount -t proc proc "$2/root/proc"
mount --bind /dev "$2/root/dev"
chroot "$2/root" sh -c "$4"
umount "$2/root/dev" "$2/root/proc"
exec sh -c "$5" sh "$2/root" "$3"
`;
  await mustRun(
    ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-euc', script, 'sh'].concat([
      lowers.join(':'),
      work,
      draft,
      kernelScript,
      imageScript,
    ]),
    aborting,
  );
  await rm(work, { recursive: true, force: true });
  onProgress({ phase: 'root', detail: `disk image made in ${Math.round((Date.now() - started) / 1000)} s` });
}

/** The list of installed packages that the uppermost of these folders holds. */
async function packageState(lowers: readonly string[]): Promise<string> {
  for (const folder of lowers) {
    const path = join(folder, 'var/lib/dpkg/status');
    if (await exists(path)) return path;
  }
  throw new Error(`no root file system among ${lowers.join(', ')}`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
