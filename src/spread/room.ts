import { posix } from 'node:path';

/** What a file system keeps besides, so that a host is never filled to the last byte. */
const MARGIN = 16 * 1024 * 1024;

/** The hosts on which files do not fit, with a sentence each. What is not known is not an obstacle. */
export function roomFor(
  files: readonly {
    readonly host: string;
    readonly path: string;
    readonly part: number;
    readonly free: number | null;
    readonly size: number;
  }[],
): ReadonlyMap<string, string> {
  const asked = new Map<string, { host: string; folder: string; bytes: number; free: number }>();
  for (const { host, path, part, free, size } of files) {
    if (free === null) continue;
    const folder = posix.dirname(path);
    const key = `${host}\n${folder}`;
    const bytes = (asked.get(key)?.bytes ?? 0) + Math.max(0, size - part);
    asked.set(key, { host, folder, bytes, free });
  }
  return new Map(
    [...asked.values()]
      .filter(({ bytes, free }) => bytes > 0 && bytes + MARGIN > free)
      .map(({ host, folder, bytes, free }) => [
        host,
        `${folder} needs room for ${megabytes(bytes + MARGIN)}, and ${megabytes(free)} are free; make room there (df -h ${folder})`,
      ]),
  );
}

function megabytes(n: number): string {
  return `${(n / 1_000_000).toFixed(1)} MB`;
}
