import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../../src/lab/index.js';
import { pings, shell } from './hosts.js';
import { sharedLab } from './lab.js';
import { mesh, meshEvents, promised, sentences } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'types.yml');
});
afterAll(async () => {
  const { code, stderr } = await mesh('teardown', inventory, '--yes');
  expect(code, stderr).toBe(0);
});

describe.each([
  ['vxlan', 4789],
  ['geneve', 6081],
])('a mesh of %s tunnels', (type, port) => {
  it(`is proven over UDP ${port}, with room for its headers, and not changed the second time`, async () => {
    await writeFile(inventory, `${await readFile(lab.inventoryFile, 'utf8')}    mesh_tunnel_type: ${type}\n`);
    const planned = await promised(inventory);
    const first = await meshEvents('deploy', inventory, '--yes');
    expect(sentences(first.events)).toEqual(planned);
    expect(first.events.filter((event) => event.kind === 'probe' && event.state !== 'pass')).toEqual([]);
    expect(first.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0 });
    const ports = (await shell(lab, 'docker41', 'ovs-vsctl list-ports br0')).trim().split('\n').sort();
    expect(ports).toEqual([`${type}-docker42`, `${type}-docker43`]);
    expect(await shell(lab, 'docker41', 'ip -o link show dev docker0')).toContain(' mtu 1450 ');

    const capture = await lab.capture(`udp port ${port} or proto gre`);
    expect(await pings(lab, 'docker41', '172.17.42.1')).toBe(3);
    const lines = await capture.stop();
    expect(lines.filter((line) => line.includes(`192.168.199.42.${port}: `)).length).toBeGreaterThanOrEqual(3);
    expect(lines.filter((line) => line.includes('GREv0'))).toEqual([]);

    const second = await meshEvents('deploy', inventory, '--yes');
    expect(second.events.at(-1)).toMatchObject({ kind: 'run.ended', exitCode: 0, changed: 0 });
  });
});
