import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { takeLock } from './lock.js';
import { requirePlainFileSystem } from './machine.js';
import type { OnProgress } from './progress.js';
import {
  downloadMegabytes,
  type Feature,
  features,
  fetchPackagesHook,
  finishScript,
  installScript,
  layerName,
  mmdebstrapOptions,
  recipeKey,
  suite,
} from './recipe.js';
import { mustRun, mustScript } from './run.js';
import { baseFiles, type LabFile } from './units.js';

export const defaultCache = '/var/cache/mesh-lab';

/** Where root file systems are kept: outside of every checkout, shared by all labs of the machine. */
export function cacheDirectory(): string {
  return process.env.MESH_LAB_CACHE || defaultCache;
}

interface CacheOptions {
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the cache holds the root file systems for hosts with these features left out, one entry each.
 *
 * @returns for every entry of `wanted` the folders for overlayfs' `lowerdir`, uppermost first. They are complete and never
 * change: they are made under another name and renamed, by one process at a time.
 */
export async function rootFileSystems(
  wanted: readonly (readonly Feature[])[],
  options: CacheOptions,
): Promise<string[][]> {
  const home = join(cacheDirectory(), recipeKey());
  const bare = join(home, 'bare');
  const lowers = wanted.map((without) => {
    const layer = layerName(without);
    return layer === 'bare' ? [bare] : [join(home, layer), bare];
  });
  if (await allExist(lowers.flat())) return lowers;
  const { onProgress, signal } = options;
  const lock = await takeLock(`cache${home}`, {
    onWait: (pid) =>
      onProgress({ phase: 'lock', detail: `process ${pid} is making the root file system: waiting for it` }),
    ...(signal ? { signal } : {}),
  });
  try {
    await mkdir(home, { recursive: true });
    await requirePlainFileSystem(home, 'MESH_LAB_CACHE');
    await removeLeftovers(home);
    if (!(await exists(bare))) await makeAtomically(bare, (draft) => makeBareRoot(draft, options));
    for (const without of wanted) {
      const layer = join(home, layerName(without));
      if (await exists(layer)) continue;
      const installed = Object.entries(features).flatMap(([feature, name]) =>
        without.some((left) => left === feature) ? [] : [name],
      );
      onProgress({ phase: 'root', detail: `installing ${installed.join(' and ')} in the hosts' root file system` });
      await makeAtomically(layer, (draft) => makeLayer(bare, draft, installed, signal));
    }
  } finally {
    await lock.release();
  }
  return lowers;
}

async function makeBareRoot(draft: string, { onProgress, signal }: CacheOptions): Promise<void> {
  const started = Date.now();
  const say = (detail: string, fraction: number) => onProgress({ phase: 'download', detail, fraction });
  say(`first run: downloading about ${downloadMegabytes} MB of Debian packages for the lab's hosts`, 0);
  const hook = `${draft}.hook`;
  await writeFile(hook, `#!/bin/sh\n${fetchPackagesHook}`, { mode: 0o700 });
  const counting = new AbortController();
  const counted = countDownload(draft, counting.signal, (megabytes) =>
    say(
      `downloaded ${megabytes} of about ${downloadMegabytes} MB`,
      Math.min(0.6, (megabytes / downloadMegabytes) * 0.6),
    ),
  );
  try {
    const argv = ['mmdebstrap', ...mmdebstrapOptions, `--customize-hook=${hook}`, suite, draft];
    await mustRun(['setpriv', '--pdeathsig', 'KILL', ...argv], {
      ...(signal ? { signal } : {}),
      onLine: (line) => {
        const step = steps.find(([text]) => line.includes(text));
        if (step) say(step[1], step[2]);
      },
    });
  } finally {
    counting.abort();
    await counted;
    await rm(hook, { force: true });
  }
  await writeFiles(draft, baseFiles());
  await mustRun(['chroot', draft, 'sh', '-c', finishScript], signal ? { signal } : {});
  say(`root file system made in ${Math.round((Date.now() - started) / 1000)} s`, 1);
}

/** Lines of mmdebstrap that tell how far it is. */
const steps: readonly (readonly [string, string, number])[] = [
  ['extracting archives', 'unpacking the essential packages', 0.35],
  ['installing essential packages', 'installing the essential packages', 0.4],
  ['installing remaining packages', 'installing the remaining packages', 0.5],
  ['running --customize-hook', 'fetching the packages of Docker and Open vSwitch', 0.75],
  ['cleaning package lists', 'tidying up', 0.95],
];

async function countDownload(root: string, signal: AbortSignal, report: (megabytes: number) => void): Promise<void> {
  const seen = new Map<string, number>();
  let last = 0;
  while (!signal.aborted) {
    for (const folder of ['var/cache/apt/archives', 'var/cache/apt/archives/partial']) {
      for (const name of await readdir(join(root, folder)).catch(() => [])) {
        const size = (await stat(join(root, folder, name)).catch(() => undefined))?.size ?? 0;
        if (name.endsWith('.deb')) seen.set(name, Math.max(size, seen.get(name) ?? 0));
      }
    }
    const megabytes = Math.round([...seen.values()].reduce((sum, size) => sum + size, 0) / 1e6);
    if (megabytes >= last + 10) {
      last = megabytes;
      report(megabytes);
    }
    await delay(500, undefined, { signal }).catch(() => {});
  }
}

/** An overlay over the bare root in a mount namespace of its own, so that a killed run leaves no mount behind. */
async function makeLayer(
  bare: string,
  draft: string,
  packages: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const work = `${draft}.work`;
  for (const folder of [draft, join(work, 'root'), join(work, 'work')]) await mkdir(folder, { recursive: true });
  const script = `
mount -t overlay mesh-lab -o "lowerdir=$1,upperdir=$2,workdir=$3/work" "$3/root"
mount -t proc proc "$3/root/proc"
mount --bind /dev "$3/root/dev"
root=$3/root
install=$4
shift 4
exec chroot "$root" sh -c "$install" sh "$@"
`;
  await mustRun(
    ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-euc', script, 'sh']
      .concat([bare, draft, work, installScript])
      .concat(packages),
    signal ? { signal } : {},
  );
  await rm(work, { recursive: true, force: true });
}

/** Writes files with their folders; an existing file is replaced. */
export async function writeFiles(root: string, files: readonly LabFile[]): Promise<void> {
  for (const file of files) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await rm(path, { force: true });
    await writeFile(path, file.text, { mode: file.mode });
    await chmod(path, file.mode);
  }
}

async function makeAtomically(path: string, make: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.draft-${process.pid}`;
  try {
    await make(draft);
    await mustScript('sync -f "$1"', [draft]);
    await rename(draft, path);
  } catch (error) {
    await removeLeftovers(dirname(path));
    throw error;
  }
}

/** Removes what a killed run left of a root that it had not finished. Only to be called under the lock. */
async function removeLeftovers(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (name.includes('.draft-')) await mustRun(['rm', '-rf', '--one-file-system', join(home, name)]);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function allExist(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map(exists));
  return found.every(Boolean);
}
