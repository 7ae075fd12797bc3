import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LabFile } from './units.js';

/** Writes files with their folders; an existing file is replaced. */
export async function writeFiles(root: string, files: readonly LabFile[]): Promise<void> {
  for (const file of files) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await rm(path, { force: true });
    await writeFile(path, file.text, { mode: file.mode });
    await chmod(path, file.mode);
  }
}
