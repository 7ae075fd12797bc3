import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { sharedLab } from './lab.js';
import { lastingFacts, mesh, meshEvents, promised, sentences } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'deploy.yml');
  await copyFile(lab.inventoryFile, inventory);
  // A dockerd that was restarted once tells its bridge's gateway, a fresh one does not: compare like with like.
  await Promise.all(lab.hosts.map(({ name }) => lab.exec(name, ['systemctl', 'restart', 'docker'])));
});

describe('mesh deploy', () => {
  it('makes the mesh, proves it, changes nothing the second time, and takes everything back', async () => {
    const before = await lastingFacts(inventory);
    const planned = await promised(inventory);
    expect(await lastingFacts(inventory)).toEqual(before);

    const first = await meshEvents('deploy', inventory, '--yes');
    expect(first.code).toBe(0);
    expect(sentences(first.events)).toEqual(planned);
    const probes = first.events.filter((event) => event.kind === 'probe');
    expect(probes.filter(({ state }) => state !== 'pass')).toEqual([]);
    expect(new Set(probes.map(({ check }) => check))).toEqual(
      new Set(['docker0 ping', 'docker0 tcp', 'container ping', 'full-size DF', 'counters']),
    );
    expect(new Set(probes.map(({ from, to }) => `${from} ${to}`)).size).toBe(6);

    const second = await meshEvents('deploy', inventory, '--yes');
    expect(second.code).toBe(0);
    expect(second.events.at(-1)).toMatchObject({ kind: 'run.ended', changed: 0 });
    expect(second.events.filter((event) => event.kind === 'probe' && event.check === 'tunnel ping')).toHaveLength(6);
    expect(await readFile(join(lab.folder, 'deploy.lock'), 'utf8')).toContain('docker41: 172.17.41.0/24');

    const teardown = await mesh('teardown', inventory, '--yes');
    expect(teardown.code, teardown.stderr).toBe(0);
    expect(await lastingFacts(inventory)).toEqual(before);
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
