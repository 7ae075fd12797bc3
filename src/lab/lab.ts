import { readdir } from 'node:fs/promises';
import { InputError } from '../errors.js';
import type { Family } from './family.js';
import { cutPower, execAttached, execInHost, hostProcesses, startHost, untilReady } from './host.js';
import { sshPort } from './inventory.js';
import { type HostPlaces, hostPlaces, type LabPlaces, labPlaces } from './names.js';
import type { OnProgress } from './progress.js';
import type { Feature } from './recipe.js';
import { mirrorRequests } from './rpm/mirror.js';
import { LabError, type Result, type RunOptions } from './run.js';
import { type HostState, type LabState, readState } from './state.js';
import { rebootVm, shutDownVm, startVm, untilVmReady } from './vm.js';
import { execAttachedInVm, execInVm } from './vm-shell.js';
import { blockGre, type Capture, capture, unblockGre } from './wire.js';

/** How long a host may take from power-on to answering. */
export const bootTimeoutMs = 180_000;

export interface LabHost {
  readonly name: string;
  /** 41, 42, … */
  readonly number: number;
  readonly underlayAddress: string;
  /** Port on 127.0.0.1 that leads to the host's sshd. */
  readonly sshPort: number;
  readonly family: Family;
  readonly without: readonly Feature[];
}

/** A lab that was made. Every method takes a host by its name and rejects with LabError or InputError. */
export interface Lab {
  readonly name: string;
  readonly hosts: readonly LabHost[];
  readonly inventoryFile: string;
  readonly sshConfigFile: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** Network namespace that holds the wire. */
  readonly laptop: string;
  /** What hosts asked the lab's mirror for: one line `METHOD /path status` each, oldest first, from earlier times too. */
  mirrorRequests(): Promise<string[]>;
  /** Network namespace of a host that is on; a virtual machine has none. */
  netns(host: string): string;
  /** Runs a program in a host as root, not by SSH; in a virtual machine by SSH over a network of the lab's own. */
  exec(host: string, argv: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs a program in a host on this process' own terminal; its exit code. */
  execAttached(host: string, argv: readonly string[]): Promise<number>;
  /** Switches a host off: `cut` at once, as a pulled plug; otherwise by its init. A host that is off stays off. */
  powerOff(host: string, options?: { cut?: boolean }): Promise<void>;
  /** Switches a host on and waits until it answers. */
  powerOn(host: string): Promise<void>;
  /** Reboots a host and waits until it answers again. */
  reboot(host: string): Promise<void>;
  /** Drops GRE on the wire in one direction of one pair. */
  blockGre(from: string, to: string): Promise<void>;
  unblockGre(from: string, to: string): Promise<void>;
  /** Catches packets on the wire (pcap-filter(7)). */
  capture(filter: string): Promise<Capture>;
  /** Removes the lab. */
  down(onProgress?: OnProgress): Promise<void>;
}

/** The lab of a name. @throws {InputError} if there is none. */
export async function openLab(name: string): Promise<Lab> {
  const places = labPlaces(name);
  const state = await readState(places);
  if (!state) {
    throw InputError.of(`there is no lab '${name}' on this machine`, { fix: `mesh lab up --name ${name}` });
  }
  return labOf(places, state);
}

export function labOf(lab: LabPlaces, state: LabState): Lab {
  const find = (name: string): [HostPlaces, HostState] => {
    const found = state.hosts.find(({ number }) => hostPlaces(lab, number).name === name);
    if (found) return [hostPlaces(lab, found.number), found];
    const names = state.hosts.map(({ number }) => hostPlaces(lab, number).name).join(', ');
    throw InputError.of(`lab '${lab.name}' has no host '${name}'`, { fix: `its hosts are ${names}` });
  };
  const place = (name: string): HostPlaces => find(name)[0];
  const isVm = (name: string): boolean => find(name)[1].vm !== undefined;
  const ready = (host: HostPlaces, after?: number) =>
    untilReady(lab, host, {
      units: [],
      sshPort: sshPort(state.portBase, host),
      timeoutMs: bootTimeoutMs,
      ...(after === undefined ? {} : { after }),
    });
  return {
    name: lab.name,
    hosts: state.hosts.map(({ number, family, without }) => {
      const { name, underlayAddress } = hostPlaces(lab, number);
      return { name, number, underlayAddress, sshPort: sshPort(state.portBase, { number }), family, without };
    }),
    inventoryFile: state.inventoryFile,
    sshConfigFile: lab.sshConfigFile,
    keyFile: lab.keyFile,
    knownHostsFile: lab.knownHostsFile,
    laptop: lab.laptop,
    mirrorRequests: () => mirrorRequests(lab),
    netns: (name) => place(name).netns,
    exec: async (name, argv, options) => (isVm(name) ? execInVm : execInHost)(lab, place(name), argv, options),
    execAttached: async (name, argv) => (isVm(name) ? execAttachedInVm : execAttached)(lab, place(name), argv),
    async powerOff(name, options = {}) {
      const host = place(name);
      if (!options.cut) await (isVm(name) ? shutDownVm : shutDown)(lab, host);
      await cutPower(lab, host);
    },
    async powerOn(name) {
      const [host, hostState] = find(name);
      if (hostState.vm) {
        await startVm(lab, host, hostState.vm);
        return untilVmReady(lab, host, { units: [] });
      }
      await startHost(lab, host, hostState);
      await ready(host);
    },
    async reboot(name) {
      const host = place(name);
      if (isVm(name)) return rebootVm(lab, host);
      const { init } = await hostProcesses(lab, host);
      if (!init) throw new LabError(`${name} is off`, `mesh lab on ${name} --name ${lab.name}`);
      await execInHost(lab, host, ['systemctl', 'reboot', '--no-block']);
      await ready(host, init.pid);
    },
    blockGre: async (from, to) => blockGre(lab, place(from), place(to)),
    unblockGre: async (from, to) => unblockGre(lab, place(from), place(to)),
    capture: (filter) => capture(lab, filter),
    async down(onProgress) {
      const { labDown } = await import('./down.js');
      await labDown(lab.name, onProgress ? { onProgress } : {});
    },
  };
}

/** Asks a host's init to power off and waits for it, a minute at most. */
async function shutDown(lab: LabPlaces, host: HostPlaces): Promise<void> {
  const deadline = Date.now() + 60_000;
  const { init } = await hostProcesses(lab, host);
  if (!init) return;
  await execInHost(lab, host, ['systemctl', 'poweroff', '--no-block']);
  while ((await hostProcesses(lab, host)).supervisor && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Names of the network namespaces of a lab that exist. */
export async function labNamespaces(lab: LabPlaces): Promise<string[]> {
  const names = await readdir('/run/netns').catch(() => []);
  return names.filter((name) => name.startsWith(`mesh.${lab.tag}.`));
}
