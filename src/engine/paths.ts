/** Where mesh keeps what it needs on a host. */
export const HOST_STATE = '/var/lib/mesh';
export const HOST_RUNS = `${HOST_STATE}/runs`;
export const HOST_RECORDS = `${HOST_STATE}/record`;
export const HOST_LAST_RUN = `${HOST_STATE}/last-run`;
/** On a tmpfs: a reboot frees it. */
export const HOST_LOCK_DIRECTORY = '/run/mesh';
export const HOST_LOCK = `${HOST_LOCK_DIRECTORY}/lock`;

/** The folder of one run's play on a host. */
export function playDirectory(run: string, play: number): string {
  return `${HOST_RUNS}/${run}/${play}`;
}

/** A run's stop file: while it is there no program of the run begins another step, whichever play it belongs to. */
export function stopFile(run: string): string {
  return `${HOST_RUNS}/${run}/stop`;
}
