import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { consoleTail, cutPower, hostProcesses } from './host.js';
import type { HostPlaces, LabPlaces } from './names.js';
import type { Process } from './processes.js';
import { writeFiles } from './root-files.js';
import { LabError, mustRun, mustScript, runDetached } from './run.js';
import type { HostState } from './state.js';
import { diskParts, imageParts, qemuCommand } from './vm-command.js';
import { networkFiles } from './vm-recipe.js';
import { runInVm } from './vm-shell.js';

/** How long a virtual machine may take from power-on to answering: a minute on an idle machine without KVM. */
export const vmBootTimeoutMs = 900_000;

/** Makes a virtual machine's disk on top of its image, and what is put on it at the first boot; a disk that is there is kept. */
export async function prepareDisk(host: HostPlaces, image: string): Promise<void> {
  const { disk, seed } = diskParts(host);
  if (await stat(disk).catch(() => undefined)) return;
  const upper = join(host.directory, 'upper');
  await writeFiles(upper, networkFiles(host));
  await mustRun(['tar', '--numeric-owner', '-C', upper, '-cf', seed, '.']);
  const draft = `${disk}.draft`;
  await rm(draft, { force: true });
  await mustRun(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', imageParts(image).root, draft]);
  await rename(draft, disk);
}

/** The process that is the virtual machine; undefined while it is off. */
export async function vmProcess(lab: LabPlaces, host: HostPlaces): Promise<Process | undefined> {
  return (await hostProcesses(lab, host)).all.find(({ argv }) => argv.includes(host.machine));
}

/** Starts a virtual machine that is off. */
export async function startVm(lab: LabPlaces, host: HostPlaces, vm: NonNullable<HostState['vm']>): Promise<void> {
  if (await vmProcess(lab, host)) return;
  await cutPower(lab, host);
  await rm(host.consoleFile, { force: true });
  await mustScript(
    `
plug() {
  ip -n "$1" tuntap add "$2" mode tap
  ip -n "$1" link set "$2" master "$3" up
}
plug "$1" "$2" wire
plug "$1" "$3" access
`,
    [lab.laptop, host.wireLink, host.accessLink],
  );
  await runDetached(qemuCommand(lab, host, vm), host.consoleFile);
}

/** Names one boot of a virtual machine. @throws {LabError} when it does not answer. */
export async function bootOf(lab: LabPlaces, host: HostPlaces): Promise<string> {
  const { code, stdout, stderr } = await runInVm(lab, host, ['cat', '/proc/sys/kernel/random/boot_id']);
  if (code !== 0) throw new LabError(`${host.name} does not answer: ${stderr.trim()}`);
  return stdout.trim();
}

/**
 * Waits until a virtual machine has finished booting and answers SSH, and the units are active.
 *
 * @param after the boot before, as `bootOf` named it: readiness is that of a later one.
 * @throws {LabError} with what failed and the end of its console.
 */
export async function untilVmReady(
  lab: LabPlaces,
  host: HostPlaces,
  wanted: { readonly units: readonly string[]; readonly after?: string; readonly signal?: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + vmBootTimeoutMs;
  for (;;) {
    wanted.signal?.throwIfAborted();
    if (!(await vmProcess(lab, host))) {
      throw new LabError(`${host.name} went off while it was booting:\n${await consoleTail(host)}`);
    }
    const asked = await runInVm(
      lab,
      host,
      ['sh', '-c', 'cat /proc/sys/kernel/random/boot_id; systemctl is-system-running --wait'],
      { timeoutMs: Math.max(1, deadline - Date.now()), ...(wanted.signal ? { signal: wanted.signal } : {}) },
    );
    const [boot = '', state = ''] = asked.stdout.trim().split('\n');
    if ((state === 'running' || state === 'degraded') && boot !== wanted.after) {
      return requireActive(lab, host, wanted.units);
    }
    if (Date.now() > deadline) {
      const limit = `within ${Math.round(vmBootTimeoutMs / 1000)} s`;
      throw new LabError(`${host.name} was not ready ${limit}:\n${await consoleTail(host)}`);
    }
    await delay(500);
  }
}

async function requireActive(lab: LabPlaces, host: HostPlaces, units: readonly string[]): Promise<void> {
  if (units.length === 0) return;
  const { code, stdout } = await runInVm(lab, host, ['systemctl', 'is-active', '--', ...units]);
  if (code === 0) return;
  const states = stdout.trim().split('\n');
  const bad = units.flatMap((unit, index) => (states[index] === 'active' ? [] : [`${unit} is ${states[index]}`]));
  throw new LabError(`${host.name} booted, but ${bad.join(', ')}`, `mesh lab exec ${host.name} -- journalctl -b`);
}

/** Asks a virtual machine to power off and waits for it, two minutes at most. */
export async function shutDownVm(lab: LabPlaces, host: HostPlaces): Promise<void> {
  if (!(await vmProcess(lab, host))) return;
  await runInVm(lab, host, ['systemctl', 'poweroff', '--no-block']);
  const deadline = Date.now() + 120_000;
  while ((await vmProcess(lab, host)) && Date.now() < deadline) await delay(200);
}

/** Reboots a virtual machine and waits until it answers again. */
export async function rebootVm(lab: LabPlaces, host: HostPlaces): Promise<void> {
  const after = await bootOf(lab, host);
  await runInVm(lab, host, ['systemctl', 'reboot', '--no-block']);
  await untilVmReady(lab, host, { units: [], after });
}

/** What `systemctl is-system-running` says, and the units that failed. */
export async function vmCondition(
  lab: LabPlaces,
  host: HostPlaces,
): Promise<{ state: 'off' | 'booting' | 'running' | 'degraded'; failedUnits: string[] }> {
  if (!(await vmProcess(lab, host))) return { state: 'off', failedUnits: [] };
  const look = 'systemctl is-system-running; systemctl list-units --state=failed --plain --no-legend --no-pager';
  const { stdout } = await runInVm(lab, host, ['sh', '-c', look], { timeoutMs: 15_000 });
  const [said = '', ...units] = stdout.trim().split('\n');
  if (said !== 'running' && said !== 'degraded') return { state: 'booting', failedUnits: [] };
  return { state: said, failedUnits: units.flatMap((unit) => unit.split(' ')[0] || []) };
}
