import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allProcesses, killAll, startTime } from '../../src/lab/processes.js';

describe.runIf(process.platform === 'linux')('processes', () => {
  it('finds this process with its arguments and its network namespace', () => {
    const self = allProcesses().find(({ pid }) => pid === process.pid);
    expect(readlinkSync('/proc/self/ns/net')).toBe(`net:[${self?.netns}]`);
    expect(self?.namespacePids[0]).toBe(process.pid);
  });

  it('kills until nothing is found', async () => {
    const mark = `mesh-lab-test-${process.pid}`;
    const child = spawn('sh', ['-c', 'read -r _', mark], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    const left = await killAll(async () => allProcesses().filter(({ argv }) => argv.at(-1) === mark));
    expect(left).toEqual([]);
    if (child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
  });

  it('tells one process from a later one of the same id by when it started', async () => {
    expect(await startTime(process.pid)).toMatch(/^\d+$/);
    expect(await startTime(2 ** 30)).toBeUndefined();
  });
});
