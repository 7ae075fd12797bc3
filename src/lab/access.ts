import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { inventoryText, isInventoryOf, knownHostsText, sshConfigText, sshPort } from './inventory.js';
import { defaultName, type HostPlaces, hostPlaces, type LabPlaces, labPlaces } from './names.js';
import type { Process } from './processes.js';
import { LabError, mustRun, runDetached } from './run.js';
import { type LabState, labNames, readState, writeAtomically } from './state.js';
import { inNetns } from './wire.js';

const hostKey = 'upper/etc/ssh/ssh_host_ed25519_key';

/** Makes an ed25519 key pair at a path, or keeps the one that is there. Returns the public key's line. */
export async function makeKey(path: string, comment: string): Promise<string> {
  const complete = await readFile(`${path}.pub`, 'utf8').catch(() => undefined);
  if (complete?.endsWith('\n') && (await stat(path).catch(() => undefined))) return complete;
  await rm(path, { force: true });
  await rm(`${path}.pub`, { force: true });
  await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  await chmod(path, 0o600);
  return readFile(`${path}.pub`, 'utf8');
}

/** Makes the host's own SSH key in its root, which nobody sees running yet. */
export async function makeHostKey(directory: string, name: string): Promise<void> {
  await mkdir(join(directory, 'upper/etc/ssh'), { recursive: true });
  await makeKey(join(directory, hostKey), `root@${name}`);
}

/** Writes known_hosts, ssh_config and the inventory for all hosts of a lab. */
export async function writeAccessFiles(lab: LabPlaces, state: LabState): Promise<void> {
  const hosts = state.hosts.map(({ number, family, vm }) => ({
    ...hostPlaces(lab, number),
    family,
    vm: vm !== undefined,
  }));
  const keys = await Promise.all(
    hosts.map(async (host) => ({
      port: sshPort(state.portBase, host),
      publicKey: await readFile(join(host.directory, `${hostKey}.pub`), 'utf8'),
    })),
  );
  await writeAtomically(lab.knownHostsFile, knownHostsText(keys), 0o644);
  await writeAtomically(lab.sshConfigFile, sshConfigText(lab, hosts, state.portBase), 0o644);
  await writeAtomically(state.inventoryFile, inventoryText(lab, hosts, state.portBase), 0o644);
}

/** Whether the lab may write its inventory there: no file yet, or one that it wrote itself. */
export async function mayWriteInventory(path: string, name: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined || isInventoryOf(text, name);
}

/** Removes the inventory if it is still the one that the lab wrote. */
export async function removeInventory(path: string, name: string): Promise<void> {
  if (await mayWriteInventory(path, name)) await rm(path, { force: true });
}

/**
 * Finds a number that, added to the number of each host, gives a free port on loopback. The default lab has 22000 where it
 * can; others get a range below the ports that the kernel hands out by itself (ip_local_port_range starts at 32768).
 * To be called, and the result written down, under the lock `ports`.
 */
export async function freePortBase(name: string, numbers: readonly number[]): Promise<number> {
  const taken = new Set<number>();
  for (const other of await labNames()) {
    const state = await readState(labPlaces(other)).catch(() => undefined);
    if (state) taken.add(state.portBase);
  }
  const others = Array.from({ length: 36 }, (_, index) => 23_000 + index * 256);
  for (const base of name === defaultName ? [22_000, ...others] : others) {
    if (!taken.has(base) && (await allFree(numbers.map((number) => base + number)))) return base;
  }
  throw new LabError('no range of free ports on 127.0.0.1 was found for the SSH ports of the lab (22000 to 32400)');
}

async function allFree(ports: readonly number[]): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return false;
  return true;
}

/** Whether a port of 127.0.0.1 can be listened on right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

const listenerTarget = (host: HostPlaces): string => `${host.accessAddress}:22`;

/** Whether a process is the listener of a host, before or after its first connection. */
export function isListener(process: Process, laptop: number | undefined, lab: LabPlaces, host: HostPlaces): boolean {
  if (process.argv.at(-1) !== listenerTarget(host)) return false;
  return process.netns === laptop || process.argv.includes(`--net=/run/netns/${lab.laptop}`);
}

/**
 * Starts what takes connections on a host's loopback port into the lab. The socket is made in the machine's network
 * namespace, the process that serves it enters the laptop's: a socket keeps the namespace that it was made in.
 */
export async function startListener(lab: LabPlaces, host: HostPlaces, port: number): Promise<void> {
  const proxy = inNetns(lab.laptop, ['/lib/systemd/systemd-socket-proxyd', listenerTarget(host)]);
  await runDetached(
    ['systemd-socket-activate', `--listen=127.0.0.1:${port}`, ...proxy],
    join(host.directory, 'listener.log'),
  );
}
