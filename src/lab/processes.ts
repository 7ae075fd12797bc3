import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A process of the machine, as proc(5) tells. */
export interface Process {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Inode of its network namespace. */
  readonly netns: number;
  /** Its ids from the machine's namespace inwards; the init of a lab host is [n, 1]. */
  readonly namespacePids: readonly number[];
}

/**
 * Every process whose namespaces can be read. Processes that end meanwhile are left out.
 *
 * Read without waiting: the kernel makes these files as they are read, and some hundred of them take a few milliseconds,
 * by promises some hundred.
 */
export function allProcesses(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(name) ?? []);
}

function readProcess(name: string, attempts = 5): Process | undefined {
  try {
    const link = readlinkSync(`/proc/${name}/ns/net`);
    const cmdline = readFileSync(`/proc/${name}/cmdline`, 'utf8');
    const status = readFileSync(`/proc/${name}/status`, 'utf8');
    const state = /^State:\s+(\S)/m.exec(status)?.[1];
    if (state === 'Z' || state === 'X') return undefined;
    // A process that is just executing another program has no arguments for a moment; one of the kernel has no memory.
    if (cmdline === '' && /^VmSize:/m.test(status) && attempts > 1) return readProcess(name, attempts - 1);
    return {
      pid: Number(name),
      argv: cmdline.split('\0').slice(0, -1),
      netns: Number(/\[(\d+)\]/.exec(link)?.[1]),
      namespacePids: (/^NSpid:\s+(.*)$/m.exec(status)?.[1] ?? '').split(/\s+/).map(Number),
    };
  } catch {
    return undefined;
  }
}

/** Inode of a named network namespace; undefined if there is none of the name. */
export async function namespaceInode(name: string): Promise<number | undefined> {
  return stat(`/run/netns/${name}`).then(
    (found) => found.ino,
    () => undefined,
  );
}

/** When a process started, in clock ticks since boot (field 22 of proc(5) stat): with the id it names one process for good. */
export async function startTime(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

/** Kills what `find` finds until it finds nothing. Gives up after 20 s with the processes that would not go. */
export async function killAll(find: () => Promise<readonly Process[]>): Promise<readonly Process[]> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const processes = await find();
    if (processes.length === 0 || Date.now() > deadline) return processes;
    for (const { pid } of processes) signal(pid, 'SIGKILL');
    await delay(20);
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
