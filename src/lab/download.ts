import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Reports how many megabytes of Debian packages have come into folders, every ten or so, until it is aborted. */
export async function countDownload(
  folders: readonly string[],
  signal: AbortSignal,
  report: (megabytes: number) => void,
): Promise<void> {
  const seen = new Map<string, number>();
  let last = 0;
  while (!signal.aborted) {
    for (const folder of folders) {
      for (const name of await readdir(folder).catch(() => [])) {
        const size = (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
        if (name.endsWith('.deb')) seen.set(name, Math.max(size, seen.get(name) ?? 0));
      }
    }
    const megabytes = Math.round([...seen.values()].reduce((sum, size) => sum + size, 0) / 1e6);
    if (megabytes >= last + 10) {
      last = megabytes;
      report(megabytes);
    }
    await delay(500, undefined, { signal }).catch(() => {});
  }
}
