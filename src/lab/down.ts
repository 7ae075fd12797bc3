import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { removeInventory } from './access.js';
import { cutPower } from './host.js';
import { labNamespaces } from './lab.js';
import { takeLock } from './lock.js';
import { requireRoot } from './machine.js';
import { defaultInventory, hostPlaces, type LabPlaces, labPlaces } from './names.js';
import { allProcesses, killAll, namespaceInode, type Process, startTime } from './processes.js';
import type { OnProgress } from './progress.js';
import { LabError, mustRun, run } from './run.js';
import { labNames, readState } from './state.js';

export interface DownOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/**
 * Removes a lab, whatever state it is in: processes, network namespaces, mounts, control groups, files, its inventory.
 * The cache of root file systems stays.
 *
 * @returns false if there was nothing of it.
 */
export async function labDown(name: string, options: DownOptions = {}): Promise<boolean> {
  await requireRoot('mesh lab down');
  const lab = labPlaces(name);
  const onProgress = options.onProgress ?? (() => {});
  const lock = await takeLock(`lab/${lab.tag}`, {
    onWait: (pid) => onProgress({ phase: 'lock', detail: `process ${pid} works on lab '${name}': waiting for it` }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    return await remove(lab, onProgress);
  } finally {
    await lock.release();
  }
}

async function remove(lab: LabPlaces, onProgress: OnProgress): Promise<boolean> {
  const [folder, namespaces, processes] = await Promise.all([
    stat(lab.directory).catch(() => undefined),
    labNamespaces(lab),
    labProcesses(lab),
  ]);
  if (!folder && namespaces.length === 0 && processes.length === 0) return false;
  const state = await readState(lab).catch(() => undefined);
  onProgress({ phase: 'remove', detail: `lab '${lab.name}': ending ${processes.length} processes` });
  // Supervisors first, or they would boot again what is killed under them.
  const supervisors = async () => (await labProcesses(lab)).filter(({ argv }) => argv.includes(lab.supervisorFile));
  await killAll(supervisors);
  const left = await killAll(() => labProcesses(lab));
  if (left.length > 0) {
    throw new LabError(`processes of lab '${lab.name}' do not end: ${left.map(({ pid }) => pid).join(', ')}`);
  }
  for (const number of await hostNumbersOf(lab)) await cutPower(lab, hostPlaces(lab, number));
  for (const netns of await labNamespaces(lab)) await run(['ip', 'netns', 'delete', netns]);
  // Where the state cannot be read any more the inventory is looked for where it is by default.
  await removeInventory(state?.inventoryFile ?? resolve(defaultInventory), lab.name);
  if (folder) {
    // The state goes last: as long as anything else is there, the lab is known.
    for (const entry of await readdir(lab.directory)) {
      const path = join(lab.directory, entry);
      if (path !== lab.stateFile) await mustRun(['rm', '-rf', '--one-file-system', path]);
    }
    await rm(lab.directory, { recursive: true, force: true });
    await rmdir(dirname(lab.directory)).catch(() => {});
  }
  onProgress({ phase: 'remove', detail: `lab '${lab.name}' is gone` });
  return true;
}

async function hostNumbersOf(lab: LabPlaces): Promise<number[]> {
  const names = await readdir(join(lab.directory, 'hosts')).catch(() => []);
  return names.flatMap((name) => /^docker(\d+)(?:\.draft)?$/.exec(name)?.[1] ?? []).map(Number);
}

/** Every process of a lab: in one of its namespaces, about to enter one, or working on one of its folders. */
async function labProcesses(lab: LabPlaces): Promise<Process[]> {
  const namespaces = await labNamespaces(lab);
  const inodes = new Set(await Promise.all(namespaces.map(namespaceInode)));
  const entry = `--net=/run/netns/${lab.laptop}`;
  return allProcesses().filter(
    ({ netns, argv }) =>
      inodes.has(netns) ||
      argv.includes(entry) ||
      argv.includes(lab.supervisorFile) ||
      argv.some((word) => word.startsWith(`--machine=mesh.${lab.tag}.docker`)),
  );
}

/** Removes every lab whose owner process is gone: those of interrupted test runs. Returns their names. */
export async function removeOrphanedLabs(options: DownOptions = {}): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await labNames()) {
    const { owner } = (await readState(labPlaces(name)).catch(() => undefined)) ?? {};
    if (!owner || (await startTime(owner.pid)) === owner.startTime) continue;
    if (await labDown(name, options)) removed.push(name);
  }
  return removed;
}
