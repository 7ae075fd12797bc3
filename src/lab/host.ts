import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeHostKey } from './access.js';
import type { HostPlaces, LabPlaces } from './names.js';
import { allProcesses, killAll, namespaceInode, type Process } from './processes.js';
import { writeFiles } from './root-files.js';
import { LabError, lastLines, type Result, type RunOptions, run, runAttached, runDetached } from './run.js';
import type { HostState } from './state.js';
import { supervisorCommand } from './supervisor.js';
import { hostFiles } from './units.js';

/** Makes a host's folder with all that is its own; a folder that is there is complete and kept. */
export async function prepareHost(host: HostPlaces, authorizedKey: string): Promise<void> {
  if (await stat(host.directory).catch(() => undefined)) return;
  const draft = `${host.directory}.draft`;
  await rm(draft, { recursive: true, force: true });
  for (const folder of ['upper', 'work', 'root', 'docker']) {
    await mkdir(join(draft, folder), { recursive: true, mode: 0o755 });
  }
  const upper = join(draft, 'upper');
  await writeFiles(upper, hostFiles({ ...host, machineId: randomBytes(16).toString('hex') }));
  await makeHostKey(draft, host.name);
  for (const [home, uid] of [
    ['root', 0],
    ['home/ops', 1000],
    ['home/opspw', 1001],
  ] as const) {
    await mkdir(join(upper, home, '.ssh'), { recursive: true, mode: 0o700 });
    await writeFiles(join(upper, home), [{ path: '.ssh/authorized_keys', mode: 0o600, text: authorizedKey }]);
    for (const path of ['', '.ssh', '.ssh/authorized_keys']) await chown(join(upper, home, path), uid, uid);
  }
  await rename(draft, host.directory);
}

/** What of a host is there now. */
export interface HostProcesses {
  readonly supervisor?: Process;
  /** The host's init; undefined while it is off or has not got that far. */
  readonly init?: Process;
  readonly all: readonly Process[];
}

export async function hostProcesses(lab: LabPlaces, host: HostPlaces): Promise<HostProcesses> {
  const inside = await namespaceInode(host.netns);
  const all = allProcesses().filter(
    ({ argv, netns }) =>
      (inside !== undefined && netns === inside) ||
      argv.includes(host.directory) ||
      argv.includes(`--machine=${host.machine}`) ||
      argv.includes(host.machine),
  );
  const supervisor = all.find(({ argv }) => argv.includes(lab.supervisorFile) && argv.includes(host.directory));
  const init = all.find(
    ({ netns, namespacePids }) => netns === inside && namespacePids.length === 2 && namespacePids[1] === 1,
  );
  return { all, ...(supervisor ? { supervisor } : {}), ...(init ? { init } : {}) };
}

/** Starts a host that is off; what a killed supervisor left of it is removed first. */
export async function startHost(lab: LabPlaces, host: HostPlaces, state: HostState): Promise<void> {
  const running = await hostProcesses(lab, host);
  if (running.supervisor) return;
  await cutPower(lab, host);
  await rm(host.consoleFile, { force: true });
  await runDetached(supervisorCommand(lab, host, state.lower), host.consoleFile);
}

/** Ends everything of a host at once, as a cut cable would, and takes its network away. */
export async function cutPower(lab: LabPlaces, host: HostPlaces): Promise<void> {
  const left = await killAll(async () => (await hostProcesses(lab, host)).all);
  if (left.length > 0) {
    throw new LabError(
      `processes of ${host.name} do not end: ${left.map(({ pid, argv }) => `${pid} ${argv[0]}`).join(', ')}`,
    );
  }
  const script = `
ip -n "$1" link delete "$2" 2>/dev/null
ip -n "$1" link delete "$3" 2>/dev/null
[ ! -e "/run/netns/$4" ] || ip netns delete "$4"
rm -rf "/run/systemd/nspawn/propagate/$5" "/run/systemd/nspawn/unix-export/$5"
# A group is busy until what was killed in it has been reaped.
tries=0
while [ "$tries" -lt 100 ]; do
  find /sys/fs/cgroup -depth -type d -path "*/$5*" -exec rmdir {} + 2>/dev/null
  [ -n "$(find /sys/fs/cgroup -type d -path "*/$5*" 2>/dev/null)" ] || exit 0
  tries=$((tries + 1))
  sleep 0.05
done
exit 0`;
  const args = [lab.laptop, host.wireLink, host.accessLink, host.netns, host.machine];
  await run(['sh', '-c', script, 'sh', ...args]);
}

/** The command line that runs a program inside of a host whose init is `pid`. */
export function insideHost(pid: number, argv: readonly string[]): string[] {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
  return ['nsenter', `--target=${pid}`, ...namespaces, '--', ...argv];
}

/** Runs a program inside of a host, not by SSH. @throws {LabError} when the host is off. */
export async function execInHost(
  lab: LabPlaces,
  host: HostPlaces,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return run(insideHost(await initOf(lab, host), argv), options);
}

/** Runs a program inside of a host on this process' own stdin, stdout and stderr; its exit code, 128 + n for a signal n. */
export async function execAttached(lab: LabPlaces, host: HostPlaces, argv: readonly string[]): Promise<number> {
  return runAttached(insideHost(await initOf(lab, host), argv));
}

async function initOf(lab: LabPlaces, host: HostPlaces): Promise<number> {
  const { init } = await hostProcesses(lab, host);
  if (init) return init.pid;
  throw new LabError(`${host.name} is off`, `mesh lab on ${host.name} --name ${lab.name}`);
}

export interface Readiness {
  /** Units that have to be active. */
  readonly units: readonly string[];
  readonly sshPort: number;
  readonly timeoutMs: number;
  /** Init of the boot before: readiness is that of a later one. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits until a host has finished booting: its init says so, the units are active and sshd greets on the loopback port.
 *
 * @throws {LabError} with what failed and the end of the host's journal or console.
 */
export async function untilReady(lab: LabPlaces, host: HostPlaces, wanted: Readiness): Promise<void> {
  const deadline = Date.now() + wanted.timeoutMs;
  let absent = 0;
  const limit = `within ${Math.round(wanted.timeoutMs / 1000)} s`;
  for (;;) {
    wanted.signal?.throwIfAborted();
    const { supervisor, init } = await hostProcesses(lab, host);
    absent = supervisor ? 0 : absent + 1;
    if (absent > 3) throw new LabError(`${host.name} went off while it was booting:\n${await consoleTail(host)}`);
    if (init && init.pid !== wanted.after) {
      const asked = await run(insideHost(init.pid, ['systemctl', 'is-system-running', '--wait']), {
        timeoutMs: Math.max(1, deadline - Date.now()),
        ...(wanted.signal ? { signal: wanted.signal } : {}),
      });
      const state = asked.stdout.trim();
      if (state === 'running' || state === 'degraded') {
        await requireActive(host, init.pid, wanted.units);
        if (await greets(wanted.sshPort)) return;
      }
    }
    if (Date.now() > deadline) {
      const tail = init ? await journalTail(init.pid) : await consoleTail(host);
      throw new LabError(`${host.name} was not ready ${limit}:\n${tail}`);
    }
    await delay(100);
  }
}

async function requireActive(host: HostPlaces, pid: number, units: readonly string[]): Promise<void> {
  if (units.length === 0) return;
  const { code, stdout } = await run(insideHost(pid, ['systemctl', 'is-active', '--', ...units]));
  if (code === 0) return;
  const states = stdout.trim().split('\n');
  const bad = units.flatMap((unit, index) => (states[index] === 'active' ? [] : [`${unit} is ${states[index]}`]));
  throw new LabError(`${host.name} booted, but ${bad.join(', ')}:\n${await journalTail(pid)}`);
}

/** Units that failed in a host, by `systemctl --failed`. */
export async function failedUnits(init: number): Promise<string[]> {
  const argv = ['systemctl', 'list-units', '--state=failed', '--plain', '--no-legend', '--no-pager'];
  const { stdout } = await run(insideHost(init, argv), { timeoutMs: 5000 });
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

async function journalTail(pid: number): Promise<string> {
  const { stdout } = await run(insideHost(pid, ['journalctl', '--no-pager', '--lines=20', '--output=cat']), {
    timeoutMs: 5000,
  });
  return lastLines(stdout.trim(), 20);
}

/** The end of what a host said on its console. */
export async function consoleTail(host: HostPlaces): Promise<string> {
  const text = await readFile(host.consoleFile, 'utf8').catch(() => '');
  return lastLines(text.trim(), 15);
}

/** Whether an SSH server sends its greeting on a port of loopback. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(3000, () => end(false));
    socket.once('data', (data) => end(data.toString('latin1').startsWith('SSH-')));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}
