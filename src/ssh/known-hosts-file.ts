import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type KnownHost, parseKnownHosts } from './known-hosts.js';

/** Reads every file in order. A file that does not exist counts as empty; one that cannot be read is an error. */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const entries = await Promise.all(
    files.map(async (file) => {
      try {
        return parseKnownHosts(await readFile(file, 'utf8'), file);
      } catch (error) {
        if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
          return [];
        throw error;
      }
    }),
  );
  return entries.flat();
}

/**
 * Adds one line at the end of a known_hosts file; makes the file (0600) and its folder (0700) where they are missing.
 * The line goes out in one write to a file opened for appending, so that another program's line cannot get into it, and
 * starts with a newline where the file's last line lacks one.
 */
export async function appendKnownHost(file: string, line: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    const gap = size > 0 && last[0] !== 0x0a ? '\n' : '';
    await handle.write(`${gap}${line}\n`);
  } finally {
    await handle.close();
  }
}
