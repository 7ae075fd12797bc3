import { describe, expect, it } from 'vitest';
import { readArrival } from '../../src/spread/direct.js';
import { roomFor } from '../../src/spread/room.js';
import { copyScript, fetchScript, lookScript, offerScript, partPath, procAddresses } from '../../src/spread/scripts.js';
import { arrivalReader, readLook, sumInManifest } from '../../src/spread/tell.js';
import type { Outcome } from '../../src/ssh/types.js';
import { syntaxErrors } from '../resources/shell-syntax.js';

const sum = 'ab'.repeat(32);
const none = Buffer.alloc(0);
const exited = (code: number, stderr = ''): Outcome => ({
  kind: 'exited',
  code,
  stdout: none,
  stderr: Buffer.from(stderr),
});

function told(...lines: readonly string[]) {
  const reader = arrivalReader(() => undefined);
  for (const line of lines) reader.line(line);
  return reader.told();
}

describe('what a host has', () => {
  it('is read whole or not at all', () => {
    const text = `C curl timeout\nF ${sum} 12 0 1000\nF - - 5 -\nF other - 0 7\n`;
    expect(readLook(text, 3)).toEqual({
      tools: new Set(['curl', 'timeout']),
      files: [
        { sha256: sum, size: 12, part: 0, free: 1_024_000 },
        { sha256: 'absent', size: 0, part: 5, free: null },
        { sha256: 'other', size: 0, part: 0, free: 7168 },
      ],
    });
    expect(readLook(text, 4)).toBeUndefined();
    expect(readLook('', 0)).toBeUndefined();
  });

  it('must leave room for what is to come', () => {
    const file = { host: 'a', path: '/opt/x', part: 0, free: 30_000_000, size: 10_000_000 };
    expect(roomFor([file])).toEqual(new Map());
    expect(roomFor([file, { ...file, path: '/opt/y' }]).get('a')).toMatch(
      /^\/opt needs room for 36\.8 MB, and 30\.0 MB/,
    );
    expect(roomFor([file, { ...file, path: '/opt/y', part: 9_000_000 }])).toEqual(new Map());
    expect(roomFor([{ ...file, free: null, size: 1e12 }])).toEqual(new Map());
    expect(roomFor([{ ...file, free: 0, part: 10_000_000 }])).toEqual(new Map());
  });
});

describe('how an arrival ended', () => {
  it("is the way's fault, the sender's, or its own", () => {
    expect(readArrival(exited(0), told('T 0.001', 'R 0', 'D 0'))).toEqual({ kind: 'done', resumed: 0 });
    expect(readArrival(exited(0), told('T 0.001', 'R 18', 'S 7'))).toMatchObject({
      kind: 'broke',
      answered: true,
      part: 7,
    });
    expect(readArrival(exited(0, 'curl: (28) Connection timed out'), told('T 0.000', 'R 28', 'S 0'))).toEqual({
      kind: 'broke',
      answered: false,
      part: 0,
      why: 'curl: (28) Connection timed out',
    });
    expect(readArrival(exited(0), told('T 0.1', `R 0`, `W ${sum} 9 4`))).toEqual({
      kind: 'wrong',
      sum,
      size: 9,
      resumed: 4,
    });
    expect(readArrival(exited(0, 'no space left'), told('T 0.1', 'R 23', 'S 9'))).toEqual({
      kind: 'refused',
      why: 'no space left',
    });
    expect(readArrival(exited(73, 'it is a directory'), told())).toEqual({ kind: 'refused', why: 'it is a directory' });
    expect(readArrival({ kind: 'lost', reason: 'gone', stdout: none, stderr: none }, told('D 0'))).toMatchObject({
      kind: 'lost',
    });
  });
});

it('finds a file in a manifest by its place, not by its name', () => {
  const text = `${sum}  RPMS/a.rpm\n${'cd'.repeat(32)} *./b.rpm\n${'EF'.repeat(32)}  /srv/c.rpm\nnonsense\n`;
  const find = (path: string) => sumInManifest(text, '/var/builds/manifest', path);
  expect(find('/var/builds/RPMS/a.rpm')).toBe(sum);
  expect(find('/var/builds/b.rpm')).toBe('cd'.repeat(32));
  expect(find('/srv/c.rpm')).toBe('ef'.repeat(32));
  expect(find('/var/builds/a.rpm')).toBeUndefined();
});

it('writes scripts that any sh can read, whatever the paths are', () => {
  const path = `/opt/it's a "$(path)" \`x\`/f;*.bin`;
  const arrival = { path, sha256: sum, size: 10 };
  const look = { sources: [path], wanted: [{ path, sha256: sum }] };
  const offer = { path, size: 1, address: '192.0.2.1', peer: '192.0.2.2', port: 40_000, tokenSha256: sum };
  const way = { from: '192.0.2.1', port: 40_000, own: '192.0.2.2' };
  const texts = [lookScript(look), offerScript(offer), fetchScript(arrival, way), copyScript(arrival, path)];
  expect(syntaxErrors(texts)).toBe('');
});

it('names a part after its file and sum, within what a file system takes', () => {
  expect(partPath('/opt/x.rpm', sum)).toBe('/opt/.x.rpm.abababababababab.mesh-part');
  const name = partPath(`/opt/${'ü'.repeat(127)}`, sum).slice('/opt/'.length);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
});

it('knows an address as the kernel shows it', () => {
  expect(procAddresses('192.168.199.41')).toEqual(['29C7A8C0', 'C0A8C729']);
});
