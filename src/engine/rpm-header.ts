/** Tags and the type of strings, from RPM's own file format (rpm-format, rpmtag.h). */
const TAGS = { name: 1000, version: 1001, release: 1002, architecture: 1022 } as const;
const STRING = 6;
const LEAD = 96;

export interface RpmHeader {
  readonly name: string;
  /** With its release: `3.1.0-1.el9`. */
  readonly version: string;
  readonly architecture: string;
}

/**
 * What the header of an RPM says. `bytes` is the file's beginning; undefined where that is no RPM, or its header does not
 * end within it.
 */
export function readRpmHeader(bytes: Buffer): RpmHeader | undefined {
  if (bytes.length < LEAD + 16 || bytes.readUInt32BE(0) !== 0xedabeedb) return undefined;
  const signature = extent(bytes, LEAD);
  if (!signature) return undefined;
  // The signature is padded to a multiple of eight bytes, the header after it is not.
  const header = extent(bytes, signature.end + ((8 - (signature.end % 8)) % 8));
  if (!header) return undefined;
  const text = (tag: number) => stringOf(bytes, header, tag);
  const [name, version, release, architecture] = [TAGS.name, TAGS.version, TAGS.release, TAGS.architecture].map(text);
  if (!name || !version || !release || !architecture) return undefined;
  return { name, version: `${version}-${release}`, architecture };
}

interface Extent {
  readonly index: number;
  readonly count: number;
  readonly store: number;
  readonly end: number;
}

function extent(bytes: Buffer, at: number): Extent | undefined {
  if (bytes.length < at + 16 || bytes.readUIntBE(at, 3) !== 0x8eade8) return undefined;
  const count = bytes.readUInt32BE(at + 8);
  const index = at + 16;
  const store = index + 16 * count;
  const end = store + bytes.readUInt32BE(at + 12);
  return end <= bytes.length ? { index, count, store, end } : undefined;
}

function stringOf(bytes: Buffer, { index, count, store, end }: Extent, tag: number): string | undefined {
  for (let entry = index; entry < index + 16 * count; entry += 16) {
    if (bytes.readUInt32BE(entry) !== tag || bytes.readUInt32BE(entry + 4) !== STRING) continue;
    const start = store + bytes.readUInt32BE(entry + 8);
    const stop = bytes.indexOf(0, start);
    return start < end && stop !== -1 && stop < end ? bytes.toString('utf8', start, stop) : undefined;
  }
  return undefined;
}
