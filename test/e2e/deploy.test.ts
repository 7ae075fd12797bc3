import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Event } from '../../src/events/types.js';
import type { Lab } from '../../src/lab/index.js';
import { sharedLab } from './lab.js';
import { mesh } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'deploy.yml');
  await copyFile(lab.inventoryFile, inventory);
  // A dockerd that was restarted once tells its bridge's gateway, a fresh one does not: compare like with like.
  await Promise.all(lab.hosts.map(({ name }) => lab.exec(name, ['systemctl', 'restart', 'docker'])));
});

/** What must be the same before a deploy and after a teardown; what changes by itself is left out. */
async function facts(): Promise<unknown> {
  const { stdout } = await mesh('facts', '-i', inventory, '--json');
  const { hosts } = JSON.parse(stdout);
  const changing = /^(tookMs|clock|uptimeSeconds|diskFreeBytes|memoryBytes|lastRun|index|mac)$/;
  return JSON.parse(
    JSON.stringify(hosts, (key, value) => {
      if (changing.test(key)) return undefined;
      // The kernel gives docker0 a link-local address as soon as anything was ever plugged into it.
      return key === 'addresses'
        ? { ...value, value: value.value.filter(({ scope }: { scope: string }) => scope !== 'link') }
        : value;
    }),
  );
}

async function events(...args: readonly string[]): Promise<{ code: number | null; events: Event[] }> {
  const { code, stdout } = await mesh(...args, '--output', 'jsonl');
  return {
    code,
    events: stdout
      .trim()
      .split('\n')
      .map((line): Event => JSON.parse(line)),
  };
}

function sentences(list: readonly Event[]): string[] {
  return list.flatMap((event) => (event.kind === 'step.ended' ? [`${event.host}: ${event.sentence}`] : [])).sort();
}

describe('mesh deploy', () => {
  it('makes the mesh, proves it, changes nothing the second time, and takes everything back', async () => {
    const before = await facts();

    const planned = await mesh('plan', inventory, '--json');
    expect(planned.code, planned.stderr).toBe(0);
    const { plan } = JSON.parse(planned.stdout);
    const promised: string[] = [];
    for (const host of plan.hosts) {
      for (const play of host.plays) {
        for (const task of play.tasks)
          for (const change of task.changes) promised.push(`${host.host}: ${change.sentence}`);
      }
    }
    expect(await facts()).toEqual(before);

    const first = await events('deploy', inventory, '--yes');
    expect(first.code).toBe(0);
    expect(sentences(first.events)).toEqual(promised.sort());
    const probes = first.events.filter((event) => event.kind === 'probe');
    expect(probes.filter(({ state }) => state !== 'pass')).toEqual([]);
    expect(new Set(probes.map(({ check }) => check))).toEqual(
      new Set(['docker0 ping', 'docker0 tcp', 'container ping', 'full-size DF', 'counters']),
    );
    expect(new Set(probes.map(({ from, to }) => `${from} ${to}`)).size).toBe(6);

    const second = await events('deploy', inventory, '--yes');
    expect(second.code).toBe(0);
    expect(second.events.at(-1)).toMatchObject({ kind: 'run.ended', changed: 0 });
    expect(second.events.filter((event) => event.kind === 'probe' && event.check === 'tunnel ping')).toHaveLength(6);
    expect(await readFile(join(lab.folder, 'deploy.lock'), 'utf8')).toContain('docker41: 172.17.41.0/24');

    const teardown = await mesh('teardown', inventory, '--yes');
    expect(teardown.code, teardown.stderr).toBe(0);
    expect(await facts()).toEqual(before);
  });

  it('meshes two hosts while the third is off, and completes the mesh when it is back', async () => {
    await lab.powerOff('docker43');
    const without = await mesh('deploy', inventory, '--yes');
    expect(without.code, without.stdout + without.stderr).toBe(4);
    expect(without.stdout).toMatch(/docker43 +unreachable/);
    expect(without.stdout).toContain(`mesh deploy ${inventory}`);
    await lab.powerOn('docker43');
    const complete = await mesh('deploy', inventory, '--yes');
    expect(complete.code, complete.stdout + complete.stderr).toBe(0);
    expect(complete.stdout).toMatch(/All 6 pairs pass/);
    const teardown = await mesh('teardown', inventory, '--yes');
    expect(teardown.code, teardown.stdout + teardown.stderr).toBe(0);
  });
});
