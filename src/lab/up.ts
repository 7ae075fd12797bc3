import { mkdir, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import pLimit from 'p-limit';
import { InputError } from '../errors.js';
import {
  freePortBase,
  isListener,
  makeKey,
  mayWriteInventory,
  removeInventory,
  startListener,
  writeAccessFiles,
} from './access.js';
import { rootFileSystems } from './cache.js';
import { type Family, familyOf } from './family.js';
import { hostProcesses, prepareHost, startHost, untilReady } from './host.js';
import { sshPort } from './inventory.js';
import { bootTimeoutMs, type Lab, labOf } from './lab.js';
import { takeLock } from './lock.js';
import { prepareMachine, requirePlainFileSystem, vmPrograms } from './machine.js';
import {
  defaultInventory,
  defaultName,
  hostName,
  hostNumbers,
  hostPlaces,
  type LabPlaces,
  labPlaces,
} from './names.js';
import { allProcesses, namespaceInode, startTime } from './processes.js';
import type { OnProgress } from './progress.js';
import type { Feature } from './recipe.js';
import { isMirror, startMirror } from './rpm/mirror.js';
import { LabError } from './run.js';
import { type HostState, type LabState, readState, writeState } from './state.js';
import { supervisorScript } from './supervisor.js';
import { prepareDisk, startVm, untilVmReady, vmProcess } from './vm.js';
import { virtualMachines } from './vm-image.js';
import { makeWire } from './wire.js';

export interface UpOptions {
  /** Default `default`. */
  readonly name?: string;
  /** Hosts that there are to be at least; default 3 for a new lab, those it has for one that exists. */
  readonly hosts?: number;
  /** One family for all hosts, or one each in their order; default `deb` for a host that is made. */
  readonly family?: readonly Family[];
  /** What a host is made without, by the host's name. An RPM host never has Open vSwitch: mesh builds it there. */
  readonly without?: Readonly<Record<string, readonly Feature[]>>;
  /** Hosts that are added are virtual machines with a kernel of their own. */
  readonly vm?: boolean;
  /** Where the inventory is written; default inventory/lab.yml, or where it is for a lab that exists. */
  readonly inventoryFile?: string;
  /** The lab belongs to this process: `removeOrphanedLabs` removes it when the process is gone. */
  readonly owned?: boolean;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Boots run at the same time: more would only wait for each other's processor. */
const bootsAtOnce = 6;

/**
 * Makes a lab, or starts what is missing of it; what runs is left alone. Resolves when every host has booted and answers.
 *
 * Interrupted or killed at any point it leaves a lab that the next `labUp` completes and `labDown` removes.
 *
 * @throws {InputError} when the machine, a name or an option will not do; nothing was made then.
 * @throws {LabError} when something did not work.
 */
export async function labUp(options: UpOptions = {}): Promise<Lab> {
  const onProgress = options.onProgress ?? (() => {});
  const lab = labPlaces(options.name ?? defaultName);
  if (options.hosts !== undefined) hostNumbers(options.hosts);
  await prepareMachine(onProgress, options.signal);
  const lock = await takeLock(`lab/${lab.tag}`, {
    onWait: (pid) => onProgress({ phase: 'lock', detail: `process ${pid} works on lab '${lab.name}': waiting for it` }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    const state = await wantedState(lab, options, onProgress);
    await bringUp(lab, state, onProgress, options.signal);
    return labOf(lab, state);
  } finally {
    await lock.release();
  }
}

/** What the lab is to be: what it was, and what is asked for on top. Written down before anything is made. */
async function wantedState(lab: LabPlaces, options: UpOptions, onProgress: OnProgress): Promise<LabState> {
  const before = await readState(lab);
  const inventoryFile = resolve(options.inventoryFile ?? before?.inventoryFile ?? defaultInventory);
  if (!(await mayWriteInventory(inventoryFile, lab.name))) {
    throw InputError.of(`${inventoryFile} was not written by lab '${lab.name}' and is not overwritten`, {
      fix: 'choose another file with --inventory, or remove this one',
    });
  }
  const existing = before?.hosts ?? [];
  const asked = options.family ?? [];
  const count = Math.max(options.hosts ?? (before ? 1 : asked.length > 1 ? asked.length : 3), existing.length);
  const numbers = hostNumbers(count);
  const added = numbers.filter((number) => !existing.some((host) => host.number === number));
  checkWithout(lab, options.without ?? {}, existing, added);
  const family = familyOf(asked, numbers);
  checkFamilies(lab, family, existing);
  const wanted = added.map((number) =>
    wantedHost(number, family(number) ?? 'deb', options.without?.[hostName(number)]),
  );
  await mkdir(lab.directory, { recursive: true, mode: 0o711 });
  await requirePlainFileSystem(lab.directory, 'MESH_LAB_DIR');
  if (options.vm || existing.some(({ vm }) => vm)) await prepareMachine(onProgress, options.signal, vmPrograms);
  await checkRoots(lab, [
    ...existing.flatMap(({ lower, vm }) => (vm ? [vm.image] : lower)),
    ...(before?.mirror ? [before.mirror] : []),
  ]);
  const roots = await rootFileSystems(wanted, {
    onProgress,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const fresh = wanted.map((host, index) => ({ ...host, lower: roots[index]?.lower ?? [] }));
  const how = { onProgress, ...(options.signal ? { signal: options.signal } : {}) };
  const hosts: HostState[] = [...existing, ...(options.vm ? await virtualMachines(fresh, how) : fresh)];
  const mirror = roots.find((root) => root.mirror)?.mirror ?? before?.mirror;
  const started = await startTime(process.pid);
  const owner = options.owned && started ? { pid: process.pid, startTime: started } : before?.owner;
  const ports = await takeLock('ports', options.signal ? { signal: options.signal } : {});
  try {
    const portBase =
      before?.portBase ??
      (await freePortBase(
        lab.name,
        hosts.map(({ number }) => number),
      ));
    const state: LabState = {
      version: 1,
      name: lab.name,
      portBase,
      inventoryFile,
      hosts,
      ...(owner ? { owner } : {}),
      ...(mirror ? { mirror } : {}),
    };
    await writeState(lab, state);
    if (before && before.inventoryFile !== inventoryFile) await removeInventory(before.inventoryFile, lab.name);
    return state;
  } finally {
    await ports.release();
  }
}

function checkWithout(
  lab: LabPlaces,
  without: Readonly<Record<string, readonly Feature[]>>,
  existing: readonly HostState[],
  added: readonly number[],
): void {
  for (const [name, features] of Object.entries(without)) {
    const there = existing.find(({ number }) => hostName(number) === name);
    if (there && [...there.without].sort().join() !== [...features].sort().join()) {
      throw InputError.of(`${name} of lab '${lab.name}' was made with other packages and is not made anew`, {
        fix: `mesh lab down --name ${lab.name}, then up again`,
      });
    }
    if (!there && !added.some((number) => hostName(number) === name)) {
      throw InputError.of(`--without names ${name}, which is no host of lab '${lab.name}'`, {
        fix: `name one of ${[...existing.map(({ number }) => number), ...added].map(hostName).join(', ')}`,
      });
    }
  }
}

function checkFamilies(
  lab: LabPlaces,
  family: (number: number) => Family | undefined,
  existing: readonly HostState[],
): void {
  for (const host of existing) {
    const asked = family(host.number);
    if (asked === undefined || asked === host.family) continue;
    throw InputError.of(`${hostName(host.number)} of lab '${lab.name}' is a host of the ${host.family} family`, {
      fix: `mesh lab down --name ${lab.name}, then up again`,
    });
  }
}

/** @throws {InputError} for an RPM host without Docker: the lab has no RPM of Docker that could be installed there. */
function wantedHost(
  number: number,
  family: Family,
  without: readonly Feature[] = [],
): Pick<HostState, 'number' | 'family' | 'without'> {
  if (family === 'deb') return { number, family, without };
  if (!without.includes('docker')) return { number, family, without: ['openvswitch'] };
  throw InputError.of(`${hostName(number)} cannot be made without Docker: RPM hosts come with it`, {
    fix: 'leave Docker out of a host of the deb family',
  });
}

async function checkRoots(lab: LabPlaces, folders: readonly string[]): Promise<void> {
  for (const folder of new Set(folders)) {
    if (await stat(folder).catch(() => undefined)) continue;
    throw new LabError(
      `the root file system ${folder} of lab '${lab.name}' is gone from the cache`,
      `mesh lab down --name ${lab.name}, then up again`,
    );
  }
}

async function bringUp(
  lab: LabPlaces,
  state: LabState,
  onProgress: OnProgress,
  signal: AbortSignal | undefined,
): Promise<void> {
  const publicKey = await makeKey(lab.keyFile, `mesh-lab-${lab.name}`);
  await writeFile(lab.supervisorFile, supervisorScript, { mode: 0o755 });
  onProgress({ phase: 'network', detail: `the wire of lab '${lab.name}'` });
  await makeWire(lab);
  await mkdir(`${lab.directory}/hosts`, { recursive: true, mode: 0o711 });
  const limit = pLimit(bootsAtOnce);
  const laptop = await namespaceInode(lab.laptop);
  const processes = allProcesses();
  if (state.mirror && !processes.some((process) => isMirror(process, laptop, lab)))
    await startMirror(lab, state.mirror);
  const prepared = await settled(
    state.hosts.map(async ({ number, vm }) => {
      const host = hostPlaces(lab, number);
      await prepareHost(host, publicKey);
      if (vm) await prepareDisk(host, vm.image);
      if (!processes.some((process) => isListener(process, laptop, lab, host))) {
        await startListener(lab, host, sshPort(state.portBase, host));
      }
    }),
  );
  if (prepared) throw prepared;
  await writeAccessFiles(lab, state);
  let ready = 0;
  const failed = await settled(
    state.hosts.map((hostState) =>
      limit(async () => {
        signal?.throwIfAborted();
        const host = hostPlaces(lab, hostState.number);
        const { vm } = hostState;
        const on = vm ? await vmProcess(lab, host) : (await hostProcesses(lab, host)).init;
        if (!on) onProgress({ host: host.name, phase: 'boot', detail: 'booting' });
        const started = Date.now();
        const wanted = { units: on ? [] : unitsOf(hostState), ...(signal ? { signal } : {}) };
        if (vm) {
          await startVm(lab, host, vm);
          await untilVmReady(lab, host, wanted);
        } else {
          await startHost(lab, host, hostState);
          await untilReady(lab, host, {
            ...wanted,
            sshPort: sshPort(state.portBase, host),
            timeoutMs: bootTimeoutMs,
          });
        }
        ready += 1;
        const took = on ? 'was on' : `ready after ${((Date.now() - started) / 1000).toFixed(1)} s`;
        onProgress({ host: host.name, phase: 'ready', detail: took, fraction: ready / state.hosts.length });
      }),
    ),
  );
  if (failed) throw failed;
}

/** Waits for all, so that nothing goes on behind the caller's back; the first failure, if any. */
async function settled(tasks: readonly Promise<void>[]): Promise<unknown> {
  const results = await Promise.allSettled(tasks);
  return results.find((result) => result.status === 'rejected')?.reason;
}

function unitsOf({ without, vm }: HostState): string[] {
  const units = ['ssh.service'];
  if (!without.includes('docker')) units.push('docker.service');
  if (!without.includes('openvswitch')) {
    units.push('openvswitch-switch.service', ...(vm ? [] : ['lab-underlay.service']));
  }
  return units;
}
