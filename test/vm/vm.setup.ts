import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { labDown, labUp, removeOrphanedLabs } from '../../src/lab/index.js';

/**
 * Brings up two virtual machines, and removes them whatever happens. `MESH_VM_LAB` names a lab of virtual machines that is
 * there already: it is taken and left as it is, which saves the boots while one works on these tests.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeOrphanedLabs();
  const kept = process.env.MESH_VM_LAB;
  const name = kept ?? `vm-${process.pid}`;
  const folder = await mkdtemp(join(tmpdir(), 'mesh-vm-'));
  const remove = async () => {
    if (kept === undefined) await labDown(name);
    await rm(folder, { recursive: true, force: true });
  };
  const stop = new AbortController();
  const interrupted = () => {
    stop.abort();
    void remove().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const started = Date.now();
  const onProgress = ({ host, detail }: { host?: string; detail: string }) =>
    process.stderr.write(`${((Date.now() - started) / 1000).toFixed(0)} s  lab: ${host ? `${host}: ` : ''}${detail}\n`);
  try {
    await labUp({
      name,
      ...(kept === undefined ? { hosts: 2, vm: true, owned: true, inventoryFile: join(folder, 'lab.yml') } : {}),
      onProgress,
      signal: stop.signal,
    });
  } catch (error) {
    await remove();
    throw error;
  }
  project.provide('labName', name);
  project.provide('labFolder', folder);
  return async () => {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await remove();
  };
}
