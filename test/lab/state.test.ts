import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labPlaces } from '../../src/lab/names.js';
import { type LabState, labNames, readState, writeState } from '../../src/lab/state.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mesh-lab-state-'));
});
afterEach(() => rm(directory, { recursive: true }));

const firstHost = {
  number: 41,
  family: 'deb',
  without: ['docker'],
  lower: ['/cache/openvswitch', '/cache/bare'],
} as const;
const state: LabState = {
  version: 1,
  name: 'demo',
  portBase: 22_000,
  inventoryFile: '/somewhere/lab.yml',
  hosts: [firstHost],
};

describe('state', () => {
  it('is read as it was written, with nothing beside it', async () => {
    const lab = labPlaces('demo', directory);
    await writeState(lab, state);
    expect(await readState(lab)).toEqual(state);
    expect(await readdir(lab.directory)).toEqual(['lab.json']);
    expect(await labNames(directory)).toEqual(['demo']);
  });

  it('keeps the process that a lab belongs to', async () => {
    const lab = labPlaces('demo', directory);
    const owned = { ...state, owner: { pid: 12, startTime: '3456' } };
    await writeState(lab, owned);
    expect(await readState(lab)).toEqual(owned);
  });

  it('keeps what the mirror serves', async () => {
    const lab = labPlaces('demo', directory);
    const mirrored: LabState = { ...state, mirror: '/cache/mirror', hosts: [{ ...firstHost, family: 'rpm' }] };
    await writeState(lab, mirrored);
    expect(await readState(lab)).toEqual(mirrored);
  });

  it('keeps what a virtual machine is made of', async () => {
    const lab = labPlaces('demo', directory);
    const vm = { image: '/cache/vm', accelerator: 'tcg' as const };
    const virtual: LabState = { ...state, hosts: [firstHost, { ...firstHost, number: 42, vm }] };
    await writeState(lab, virtual);
    expect(await readState(lab)).toEqual(virtual);
  });

  it('reads a lab from before there were families as one of Debian hosts', async () => {
    const lab = labPlaces('demo', directory);
    await writeState(lab, state);
    const { family: _, ...old } = firstHost;
    await writeFile(lab.stateFile, JSON.stringify({ ...state, hosts: [old] }));
    expect(await readState(lab)).toEqual(state);
  });

  it('is undefined where there is no lab', async () => {
    expect(await readState(labPlaces('none', directory))).toBeUndefined();
    expect(await labNames(join(directory, 'nowhere'))).toEqual([]);
  });

  it.each(['', '{', '{"version": 2}', '[]'])('refuses %j and says how to get rid of the lab', async (text) => {
    const lab = labPlaces('demo', directory);
    await writeState(lab, state);
    await writeFile(lab.stateFile, text);
    await expect(readState(lab)).rejects.toThrow(/mesh lab down --name demo/);
  });
});
