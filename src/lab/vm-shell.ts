import { quoteAll } from '../quote.js';
import type { HostPlaces, LabPlaces } from './names.js';
import { LabError, type Result, type RunOptions, run, runAttached } from './run.js';

/**
 * The command line that runs a program in a virtual machine as root. It goes by the lab's second network, which mesh does
 * not touch: there is no other way into a machine with a kernel of its own.
 */
export function vmShell(lab: LabPlaces, host: HostPlaces, argv: readonly string[], terminal = false): string[] {
  const ssh = [
    'ssh',
    '-F',
    lab.sshConfigFile,
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=10',
    '-o',
    'LogLevel=ERROR',
  ];
  return [...ssh, '-o', 'ServerAliveInterval=15', ...(terminal ? ['-t'] : []), host.name, quoteAll(argv)];
}

/** Runs a program in a virtual machine. A machine that does not answer gives the code 255, as ssh does. */
export function runInVm(
  lab: LabPlaces,
  host: HostPlaces,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  return run(vmShell(lab, host, argv), options);
}

/** Runs a program in a virtual machine. @throws {LabError} when it does not answer. */
export async function execInVm(
  lab: LabPlaces,
  host: HostPlaces,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  const result = await runInVm(lab, host, argv, options);
  if (result.code === 255 && (await runInVm(lab, host, ['true'])).code === 255) throw silent(lab, host);
  return result;
}

/** Runs a program in a virtual machine on this process' own terminal; its exit code, 128 + n for a signal n. */
export async function execAttachedInVm(lab: LabPlaces, host: HostPlaces, argv: readonly string[]): Promise<number> {
  if ((await runInVm(lab, host, ['true'])).code !== 0) throw silent(lab, host);
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  return runAttached(vmShell(lab, host, argv, terminal));
}

function silent(lab: LabPlaces, host: HostPlaces): LabError {
  return new LabError(`${host.name} is off or still booting`, `mesh lab on ${host.name} --name ${lab.name}`);
}
