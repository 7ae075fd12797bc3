import { stat } from 'node:fs/promises';
import type { Family } from './family.js';
import { failedUnits, hostProcesses, insideHost } from './host.js';
import { sshPort } from './inventory.js';
import { hostPlaces, labPlaces } from './names.js';
import { run } from './run.js';
import { type HostState, type LabState, labNames, readState } from './state.js';
import { vmCondition } from './vm.js';

export interface HostStatus {
  readonly name: string;
  /** `booting` until its init says that it has finished; `degraded` when a unit failed; `broken` when its supervisor is gone. */
  readonly state: 'off' | 'booting' | 'running' | 'degraded' | 'broken';
  readonly family: Family;
  readonly underlayAddress: string;
  readonly sshPort: number;
  readonly without: readonly string[];
  /** A virtual machine with a kernel of its own. */
  readonly vm: boolean;
  /** Units of systemd that failed: why a host is degraded. */
  readonly failedUnits: readonly string[];
}

export interface LabStatus {
  readonly name: string;
  readonly inventoryFile: string;
  readonly sshConfigFile: string;
  readonly hosts: readonly HostStatus[];
  /** Something about the lab as a whole that a person should know. */
  readonly note?: string;
}

/** Looks at one lab, or at all labs of the machine; changes nothing. A lab whose state cannot be read has no hosts. */
export async function labStatus(name?: string): Promise<LabStatus[]> {
  const names = name === undefined ? await labNames() : [name];
  const found = await Promise.all(names.map(statusOf));
  return found.filter((status) => status !== undefined);
}

async function statusOf(name: string): Promise<LabStatus | undefined> {
  const lab = labPlaces(name);
  const places = { name, inventoryFile: '', sshConfigFile: lab.sshConfigFile };
  let state: LabState | undefined;
  try {
    state = await readState(lab);
  } catch (error) {
    return { ...places, hosts: [], note: error instanceof Error ? error.message : String(error) };
  }
  if (!state)
    return (await stat(lab.directory).catch(() => undefined)) && { ...places, hosts: [], note: halfMade(name) };
  const hosts = await Promise.all(
    state.hosts.map(async (hostState: HostState): Promise<HostStatus> => {
      const host = hostPlaces(lab, hostState.number);
      const { supervisor, init } = await hostProcesses(lab, host);
      return {
        name: host.name,
        family: hostState.family,
        ...(await (hostState.vm ? vmCondition(lab, host) : conditionOf(supervisor !== undefined, init?.pid))),
        underlayAddress: host.underlayAddress,
        sshPort: sshPort(state.portBase, host),
        without: hostState.without,
        vm: hostState.vm !== undefined,
      };
    }),
  );
  return { name, inventoryFile: state.inventoryFile, sshConfigFile: lab.sshConfigFile, hosts };
}

const halfMade = (name: string): string =>
  `half made: 'mesh lab up --name ${name}' goes on with it, 'mesh lab down --name ${name}' removes it`;

async function conditionOf(
  supervised: boolean,
  init: number | undefined,
): Promise<Pick<HostStatus, 'state' | 'failedUnits'>> {
  if (init === undefined) return { state: supervised ? 'booting' : 'off', failedUnits: [] };
  if (!supervised) return { state: 'broken', failedUnits: [] };
  const { stdout } = await run(insideHost(init, ['systemctl', 'is-system-running']), { timeoutMs: 5000 });
  const said = stdout.trim();
  if (said !== 'degraded') return { state: said === 'running' ? said : 'booting', failedUnits: [] };
  return { state: said, failedUnits: await failedUnits(init) };
}
