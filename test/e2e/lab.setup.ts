import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { labDown, labNames, labUp, removeOrphanedLabs } from '../../src/lab/index.js';

/** Tests give the labs that they make themselves a name that ends with their process's id. */
const OF_TEST = /^(?:cut|install|life|one|ovs|rpm|two)-(\d+)$/;

/** Removes the labs of test processes that are gone, or that belong to this run. */
async function removeLabsOfTests(): Promise<void> {
  for (const name of await labNames()) {
    const pid = OF_TEST.exec(name)?.[1];
    if (pid === undefined) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (status === '' || status.includes(`\nPPid:\t${process.pid}\n`)) await labDown(name);
  }
}

/** Brings up the tests' own lab, and removes it whatever happens; labs of test runs that were killed go first. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeOrphanedLabs();
  await removeLabsOfTests();
  const name = `test-${process.pid}`;
  const folder = await mkdtemp(join(tmpdir(), 'mesh-test-'));
  // What the tests write goes with the run, also when it is interrupted.
  process.env.TMPDIR = folder;
  const remove = async () => {
    await removeLabsOfTests();
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
