import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run.js';

/**
 * Runs a POSIX-sh script with arguments in an overlay over `lower` (uppermost first) whose changes go to `upper`, in a mount
 * namespace of its own, so that a killed run leaves no mount behind.
 */
export async function inOverlay(
  lower: readonly string[],
  upper: string,
  script: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const work = `${upper}.work`;
  for (const folder of [upper, join(work, 'root'), join(work, 'work')]) await mkdir(folder, { recursive: true });
  const enter = `
mount -t overlay mesh-lab -o "lowerdir=$1,upperdir=$2,workdir=$3/work" "$3/root"
mount -t proc proc "$3/root/proc"
mount --bind /dev "$3/root/dev"
root=$3/root
script=$4
shift 4
exec chroot "$root" sh -c "$script" sh "$@"
`;
  await mustRun(
    ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', 'sh', '-euc', enter, 'sh']
      .concat([lower.join(':'), upper, work, script])
      .concat(args),
    signal ? { signal } : {},
  );
  await rm(work, { recursive: true, force: true });
}
