/** What the scripts print, read back. */

export interface HostLook {
  readonly tools: ReadonlySet<string>;
  /** For every path, in the order in which they were asked for. */
  readonly files: readonly FileLook[];
}

export interface FileLook {
  /** `absent`, `other` (a directory, a device), or the sha256 of the file's content. */
  readonly sha256: string;
  readonly size: number;
  /** Bytes that an earlier transfer left. */
  readonly part: number;
  /** Bytes free in the folder; `null`: not known. */
  readonly free: number | null;
}

const LOOK = /^F ([0-9a-f]{64}|-|other) (\d+|-) (\d+) (\d+|-)$/;

/** The output of `lookScript`; `undefined` if it is not whole. */
export function readLook(text: string, files: number): HostLook | undefined {
  const [tools = '', ...lines] = text.trimEnd().split('\n');
  const seen = lines.flatMap((line): FileLook[] => {
    const match = LOOK.exec(line);
    if (!match) return [];
    const [, sum = '-', size, part, free] = match;
    return [
      {
        sha256: sum === '-' ? 'absent' : sum,
        size: Number(size) || 0,
        part: Number(part),
        free: free === '-' ? null : Number(free) * 1024,
      },
    ];
  });
  if (!tools.startsWith('C') || seen.length !== files) return undefined;
  return { tools: new Set(tools.split(' ').slice(1)), files: seen };
}

/** How the arrival of a file ended, as its host tells it. */
export interface ArrivalTold {
  readonly end: 'done' | 'short' | 'wrong' | 'nothing';
  /** The sum of what arrived, where it was the wrong one. */
  readonly sum?: string;
  readonly size?: number;
  /** Bytes that were there before. */
  readonly resumed: number;
  /** curl's exit code. */
  readonly code?: number;
  /** Whether a connection to the sender came to be. */
  readonly connected: boolean;
}

/** Reads the lines of an arriving file; `onProgress` gets its length whenever that is told. */
export function arrivalReader(onProgress: (bytes: number) => void) {
  let told: ArrivalTold = { end: 'nothing', resumed: 0, connected: false };
  const line = (text: string): void => {
    const [word, first = '', second = '', third = ''] = text.split(' ');
    if (word === 'P' && first !== '') onProgress(Number(first));
    else if (word === 'R') told = { ...told, code: Number(first) };
    else if (word === 'T') told = { ...told, connected: Number(first) > 0 };
    else if (word === 'S') told = { ...told, end: 'short', size: Number(first) };
    else if (word === 'W') told = { ...told, end: 'wrong', sum: first, size: Number(second), resumed: Number(third) };
    else if (word === 'D') told = { ...told, end: 'done', resumed: Number(first) };
  };
  return { line, told: () => told };
}

/** The sum that a manifest (sha256sum(1)) has for a file. Its names count from the manifest's own folder. */
export function sumInManifest(text: string, manifest: string, path: string): string | undefined {
  const folder = manifest.slice(0, manifest.lastIndexOf('/'));
  for (const line of text.split('\n')) {
    const match = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line.trimEnd());
    const name = match?.[2]?.replace(/^(\.\/)+/, '');
    if (name !== undefined && (name.startsWith('/') ? name : `${folder}/${name}`) === path) {
      return match?.[1]?.toLowerCase();
    }
  }
  return undefined;
}
