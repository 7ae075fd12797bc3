import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { labDown, labUp, removeOrphanedLabs } from '../../src/lab/index.js';

/** Brings up the tests' own lab, and removes it whatever happens; labs of test runs that were killed go first. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeOrphanedLabs();
  const name = `test-${process.pid}`;
  const folder = await mkdtemp(join(tmpdir(), 'mesh-test-'));
  const remove = async () => {
    await labDown(name);
    await rm(folder, { recursive: true, force: true });
  };
  const stop = new AbortController();
  const interrupted = () => {
    stop.abort();
    void remove().finally(() => process.exit(130));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const onProgress = ({ host, detail }: { host?: string; detail: string }) =>
      process.stderr.write(`lab: ${host ? `${host}: ` : ''}${detail}\n`);
    await labUp({
      name,
      hosts: 3,
      inventoryFile: join(folder, 'lab.yml'),
      owned: true,
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
