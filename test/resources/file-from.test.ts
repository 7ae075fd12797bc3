import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { file } from '../../src/resources/file.js';
import { applied, changesOf, complaints, hostFacts, plan, shellTexts } from './facts.js';
import { absent, inTemporaryDirectory, runStep, withFiles } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const bytes = Buffer.from([0, 1, 2, 255, 10, 0]);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const from = { host: 'docker41', path: '/root/it.bin', sha256 };
const there = { kind: 'file', mode: '0644', owner: 'root', group: 'root', size: 6, sha256, content: null } as const;

describe('a file that another host has', () => {
  it('says what must be there before its step, and from where', () => {
    const facts = withFiles(hostFacts(), { '/opt/it.bin': absent });
    const diff = plan(file, { path: '/opt/it.bin', from }, facts);
    const [change, ...more] = changesOf(diff);
    expect(more).toEqual([]);
    expect(change?.sentence).toBe('copy /opt/it.bin from docker41');
    expect(change?.needs).toEqual([
      { path: `/var/lib/mesh/incoming/${sha256}`, sha256, from: { host: 'docker41', path: '/root/it.bin' } },
    ]);
    expect(change?.undo).toEqual({ command: 'rm -f /opt/it.bin' });
    expect(change && syntaxErrors(shellTexts(change))).toBe('');
    expect(changesOf(plan(file, { path: '/opt/it.bin', from }, applied(diff, facts)))).toEqual([]);
  });

  it('needs nothing where it is there, only the right mode', () => {
    const facts = withFiles(hostFacts(), { '/opt/it.bin': there });
    expect(changesOf(plan(file, { path: '/opt/it.bin', from }, facts))).toEqual([]);
    const diff = plan(file, { path: '/opt/it.bin', from, mode: '0755' }, facts);
    expect(changesOf(diff)).toMatchObject([{ sentence: 'set mode 0755 and owner root:root of /opt/it.bin' }]);
    expect(changesOf(diff)[0]?.needs).toBeUndefined();
    expect(changesOf(plan(file, { path: '/opt/it.bin', from, mode: '0755' }, applied(diff, facts)))).toEqual([]);
  });

  it('may come from the laptop', () => {
    const facts = withFiles(hostFacts(), { '/opt/it.bin': absent });
    const [change] = changesOf(plan(file, { path: '/opt/it.bin', from: { laptop: 'it.bin', sha256 } }, facts));
    expect(change?.needs).toMatchObject([{ from: { laptop: 'it.bin' } }]);
    expect(change?.sentence).toBe('copy /opt/it.bin from this machine');
  });

  it('teaches what to write', () => {
    expect(complaints(file, { path: '/x', from: { host: 'a', path: '/y' } }).join()).toContain('sha256');
    expect(complaints(file, { path: '/x', from, content: 'a' })).toContain(
      'and `content` exclude each other: a file has one source',
    );
    expect(complaints(file, { path: '/x', from, state: 'absent' })).toContain('has no meaning with state: absent');
  });

  it('is put into its place once, and is safe to run again', () => {
    inTemporaryDirectory((folder) => {
      const path = join(folder, 'deep/it.bin');
      const facts = withFiles(hostFacts(), { [path]: absent });
      const [change] = changesOf(plan(file, { path, from, mode: '0600' }, facts));
      const incoming = join(folder, 'incoming');
      const command = (change?.command ?? '').replaceAll('/var/lib/mesh/incoming', incoming);
      expect(runStep(command).code).not.toBe(0);
      mkdirSync(incoming);
      writeFileSync(join(incoming, sha256), 'damaged');
      expect(runStep(command).code).not.toBe(0);
      expect(existsSync(path)).toBe(false);
      writeFileSync(join(incoming, sha256), bytes);
      for (const _ of [1, 2]) {
        expect(runStep(command).code).toBe(0);
        expect(readFileSync(path)).toEqual(bytes);
        expect(statSync(path).mode & 0o777).toBe(0o600);
        expect(existsSync(incoming)).toBe(false);
      }
    });
  });
});
