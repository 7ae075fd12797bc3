import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { countDownload } from './download.js';
import type { Family } from './family.js';
import { takeLock } from './lock.js';
import { requirePlainFileSystem } from './machine.js';
import { inOverlay } from './overlay.js';
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
import { writeFiles } from './root-files.js';
import { rpmRecipeKey } from './rpm/recipe.js';
import { makeRpmLayer, rpmParts } from './rpm/root.js';
import { mustRun, mustScript } from './run.js';
import { baseFiles } from './units.js';

export const defaultCache = '/var/cache/mesh-lab';

/** Where root file systems are kept: outside of every checkout, shared by all labs of the machine. */
export function cacheDirectory(): string {
  return process.env.MESH_LAB_CACHE || defaultCache;
}

interface CacheOptions {
  readonly onProgress: OnProgress;
  readonly signal?: AbortSignal;
}

/** What a host is to be made of. A host of the RPM family is made without Open vSwitch and with Docker. */
export interface WantedRoot {
  readonly family: Family;
  readonly without: readonly Feature[];
}

export interface RootFileSystem {
  /** Folders for overlayfs' `lowerdir`, uppermost first. */
  readonly lower: readonly string[];
  /** What the lab's mirror has to serve for such a host. */
  readonly mirror?: string;
}

/**
 * Makes sure that the cache holds the root file systems for these hosts; what only RPM hosts need is made when there is one.
 *
 * @returns one for every entry of `wanted`. They are complete and never change: they are made under another name and
 * renamed, by one process at a time.
 */
export async function rootFileSystems(wanted: readonly WantedRoot[], options: CacheOptions): Promise<RootFileSystem[]> {
  const home = join(cacheDirectory(), recipeKey());
  const bare = join(home, 'bare');
  const roots = wanted.map(({ family, without }): RootFileSystem => {
    const layer = layerName(without);
    const debian = layer === 'bare' ? [bare] : [join(home, layer), bare];
    if (family === 'deb') return { lower: debian };
    const rpm = rpmLayer(home);
    return { lower: [join(rpm, rpmParts.root), ...debian], mirror: join(rpm, rpmParts.mirror) };
  });
  if (await allExist(roots.flatMap(({ lower }) => lower))) return roots;
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
    for (const { family, without } of wanted) {
      const layer = join(home, layerName(without));
      if (!(await exists(layer))) {
        const installed = Object.entries(features).flatMap(([feature, name]) =>
          without.some((left) => left === feature) ? [] : [name],
        );
        onProgress({ phase: 'root', detail: `installing ${installed.join(' and ')} in the hosts' root file system` });
        await makeAtomically(layer, (draft) => inOverlay([bare], draft, installScript, installed, signal));
      }
      const rpm = rpmLayer(home);
      if (family === 'deb' || (await exists(rpm))) continue;
      await makeAtomically(rpm, (draft) => makeRpmLayer([layer, bare], draft, options));
    }
  } finally {
    await lock.release();
  }
  return roots;
}

const rpmLayer = (home: string): string => join(home, `rpm-${rpmRecipeKey()}`);

async function makeBareRoot(draft: string, { onProgress, signal }: CacheOptions): Promise<void> {
  const started = Date.now();
  const say = (detail: string, fraction: number) => onProgress({ phase: 'download', detail, fraction });
  say(`first run: downloading about ${downloadMegabytes} MB of Debian packages for the lab's hosts`, 0);
  const hook = `${draft}.hook`;
  await writeFile(hook, `#!/bin/sh\n${fetchPackagesHook}`, { mode: 0o700 });
  const counting = new AbortController();
  const folders = ['var/cache/apt/archives', 'var/cache/apt/archives/partial'].map((folder) => join(draft, folder));
  const counted = countDownload(folders, counting.signal, (megabytes) =>
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

/** Makes a folder under another name, which gets its own when it is complete and on the disk. Only to be called under a lock. */
export async function makeAtomically(path: string, make: (draft: string) => Promise<void>): Promise<void> {
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
