/** Finds the marker line in a stream that comes in pieces of any size. */
export interface MarkerSearch {
  /** What comes after the marker in this piece; undefined as long as the marker has not come. */
  feed(chunk: Buffer): Buffer | undefined;
  readonly found: boolean;
  /** What came before the marker: at most its last 64 KiB. */
  readonly preamble: Buffer;
}

const KEPT = 64 * 1024;

export function markerSearch(marker: string): MarkerSearch {
  const line = Buffer.from(`${marker}\n`);
  let before = Buffer.alloc(0);
  let found = false;
  return {
    get found() {
      return found;
    },
    get preamble() {
      return before;
    },
    feed(chunk) {
      if (found) return chunk;
      const all = Buffer.concat([before, chunk]);
      const start = all.indexOf(line);
      if (start < 0) {
        before = all.subarray(Math.max(0, all.length - KEPT));
        return undefined;
      }
      found = true;
      before = all.subarray(Math.max(0, start - KEPT), start);
      return all.subarray(start + line.length);
    },
  };
}
