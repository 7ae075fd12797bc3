import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRpmHeader } from '../../src/engine/rpm-header.js';

/** An RPM's beginning as rpm(8) writes it: the lead, a signature of `signatureBytes`, and a header with these strings. */
function rpm(strings: ReadonlyMap<number, string>, signatureBytes = 5): Buffer {
  const lead = Buffer.alloc(96);
  lead.writeUInt32BE(0xedabeedb);
  const section = (entries: ReadonlyMap<number, string>, padding: number) => {
    const store = Buffer.from(`${[...entries.values()].map((text) => `${text}\0`).join('')}${'\0'.repeat(padding)}`);
    const head = Buffer.alloc(16);
    head.writeUInt32BE(0x8eade801);
    head.writeUInt32BE(entries.size, 8);
    head.writeUInt32BE(store.length, 12);
    let offset = 0;
    const index = [...entries].map(([tag, text]) => {
      const entry = Buffer.alloc(16);
      for (const [at, number] of [tag, 6, offset, 1].entries()) entry.writeUInt32BE(number, 4 * at);
      offset += Buffer.byteLength(text) + 1;
      return entry;
    });
    return Buffer.concat([head, ...index, store]);
  };
  const signature = section(new Map(), signatureBytes);
  const gap = Buffer.alloc((8 - ((96 + signature.length) % 8)) % 8);
  return Buffer.concat([lead, signature, gap, section(strings, 0), Buffer.from('payload')]);
}

const openvswitch = new Map([
  [1000, 'openvswitch'],
  [1001, '3.1.0'],
  [1002, '1.el9'],
  [1022, 'x86_64'],
]);

describe('the header of an RPM', () => {
  it.each([0, 1, 5, 8, 33])('is found behind a signature of %i bytes', (bytes) => {
    expect(readRpmHeader(rpm(openvswitch, bytes))).toEqual({
      name: 'openvswitch',
      version: '3.1.0-1.el9',
      architecture: 'x86_64',
    });
  });

  it('is not found in other files, or in the first half of it', () => {
    expect(readRpmHeader(Buffer.from('#!/bin/sh\n'.repeat(50)))).toBeUndefined();
    expect(readRpmHeader(rpm(openvswitch).subarray(0, 150))).toBeUndefined();
    expect(readRpmHeader(rpm(new Map([[1000, 'openvswitch']])))).toBeUndefined();
  });

  it('never breaks on broken bytes', () => {
    const good = rpm(openvswitch);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 12 }), (edits) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        readRpmHeader(bytes);
      }),
    );
  });
});
