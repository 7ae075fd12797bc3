import { posix } from 'node:path';
import type { FileNeed } from '../resources/types.js';
import { copyWithin } from './copy-within.js';
import { laptopFile } from './laptop-file.js';
import { lookAt, sumsFrom } from './look.js';
import { roomFor } from './room.js';
import { spreadFile } from './spread.js';
import type { HostLook } from './tell.js';
import type { SpreadContext } from './types.js';

/** A need whose sum is known. */
interface Want {
  readonly host: string;
  readonly path: string;
  readonly sha256: string;
  readonly from: FileNeed['from'];
}

type Looks = ReadonlyMap<string, HostLook | string>;

/**
 * Brings the files that changes need onto their hosts, all copies of one file together; what is there already is not
 * copied again. Resolves to the hosts that lack something afterwards, each with a sentence that says what and why. A host
 * that fails does not stop the others. Never rejects.
 */
export async function fetchNeeds(
  needs: ReadonlyMap<string, readonly FileNeed[]>,
  context: SpreadContext,
): Promise<ReadonlyMap<string, string>> {
  const failed = new Map<string, string>();
  const fail = (host: string, why: string): void => {
    if (!failed.has(host)) failed.set(host, why);
  };
  const wants = await wantsOf(needs, context, fail);
  const looks = await lookAtAll(wants, context);
  for (const host of needs.keys()) {
    const look = looks.get(host);
    if (typeof look === 'string') fail(host, `it could not be looked at: ${look}`);
  }
  learnTools(looks, context);
  const sums = new Set(wants.map(({ sha256 }) => sha256));
  const files = await Promise.all([...sums].map((sha256) => gatherFile(sha256, wants, looks)));
  for (const [host, why] of roomFor(files.flatMap(({ missing, size }) => missing.map((one) => ({ ...one, size }))))) {
    fail(host, why);
  }
  for (const { sha256, name, size, holders, missing, laptop, absent } of files) {
    const open = missing.filter(({ host }) => !failed.has(host));
    const needers = new Map(
      open.filter(({ host }) => !holders.has(host)).map(({ host, path, part }) => [host, { path, part }] as const),
    );
    if (holders.size === 0 && laptop === undefined) {
      for (const host of needers.keys()) fail(host, absent);
      continue;
    }
    if (needers.size > 0) {
      const file = { name, sha256, size, holders, needers, ...(laptop !== undefined && { laptop }) };
      for (const [host, why] of await spreadFile(file, context)) fail(host, why);
    }
    await Promise.all(
      open.map(async ({ host, path }) => {
        const there = needers.get(host)?.path ?? holders.get(host);
        if (there === undefined || there === path || failed.has(host)) return;
        const why = await copyWithin(host, there, { path, sha256, size }, context);
        if (why !== undefined) fail(host, `${name} could not be put at ${path}: ${why}`);
      }),
    );
  }
  return failed;
}

async function wantsOf(
  needs: ReadonlyMap<string, readonly FileNeed[]>,
  context: SpreadContext,
  fail: (host: string, why: string) => void,
): Promise<readonly Want[]> {
  const wants = new Map<string, Want>();
  const add = (want: Want): void => {
    const key = `${want.host}\n${want.path}`;
    const other = wants.get(key);
    if (other && other.sha256 !== want.sha256) {
      fail(want.host, `${want.path} is to hold two different files (sha256 ${other.sha256} and ${want.sha256})`);
    }
    wants.set(key, want);
  };
  const later = new Map<string, { readonly host: string; readonly need: FileNeed; readonly path: string }[]>();
  for (const [host, list] of needs) {
    for (const need of list) {
      if (need.sha256 !== null) add({ host, path: need.path, sha256: need.sha256, from: need.from });
      else if ('host' in need.from && need.manifest !== undefined) {
        const asked = later.get(need.from.host) ?? [];
        later.set(need.from.host, [...asked, { host, need, path: need.from.path }]);
      } else fail(host, `nobody knows the sha256 of the file for ${need.path}`);
    }
  }
  await Promise.all(
    [...later].map(async ([source, asked]) => {
      const list = asked.map(({ need, path }) => ({ manifest: need.manifest ?? '', path }));
      const sums = await sumsFrom(source, list, context);
      for (const [index, { host, need }] of asked.entries()) {
        const sum = sums[index];
        if (typeof sum === 'string') add({ host, path: need.path, sha256: sum, from: need.from });
        else fail(host, sum?.why ?? `nobody knows the sha256 of the file for ${need.path}`);
      }
    }),
  );
  return [...wants.values()];
}

async function lookAtAll(wants: readonly Want[], context: SpreadContext): Promise<Looks> {
  const sources = (host: string) => sourcesOn(host, wants);
  const hosts = new Set(wants.flatMap(({ host, from }) => ('host' in from ? [host, from.host] : [host])));
  return new Map(
    await Promise.all(
      [...hosts].map(async (host) => {
        const wanted = wants.filter((want) => want.host === host);
        return [host, await lookAt(host, { sources: sources(host), wanted }, context)] as const;
      }),
    ),
  );
}

function sourcesOn(host: string, wants: readonly Want[]): readonly string[] {
  return [...new Set(wants.flatMap(({ from }) => ('host' in from && from.host === host ? [from.path] : [])))];
}

/** Which hosts can offer files to others, and which can fetch them, by the tools that they have. */
function learnTools(looks: Looks, context: SpreadContext): void {
  const having = (...tools: readonly string[]) =>
    [...looks].flatMap(([host, look]) =>
      typeof look !== 'string' && tools.every((tool) => look.tools.has(tool)) && context.address(host) !== undefined
        ? [host]
        : [],
    );
  const senders = new Set(having('systemd-socket-activate', 'timeout', 'proc'));
  const receivers = new Set(having('curl', 'timeout'));
  context.ways.reach = { ...context.ways.reach, senders, receivers };
}

interface GatheredFile {
  readonly sha256: string;
  readonly name: string;
  readonly size: number;
  readonly holders: ReadonlyMap<string, string>;
  readonly missing: readonly {
    readonly host: string;
    readonly path: string;
    readonly part: number;
    readonly free: number | null;
  }[];
  readonly laptop?: string;
  /** Why nobody has it, where nobody has. */
  readonly absent: string;
}

async function gatherFile(sha256: string, wants: readonly Want[], looks: Looks): Promise<GatheredFile> {
  const holders = new Map<string, string>();
  const missing: GatheredFile['missing'][number][] = [];
  let size = 0;
  let absent = '';
  let laptop: string | undefined;
  const have = (host: string, path: string, bytes: number): void => {
    size = bytes;
    if (!holders.has(host)) holders.set(host, path);
  };
  const here = wants.filter((want) => want.sha256 === sha256);
  // The named sources first: they are asked first.
  for (const { from } of here) {
    if ('laptop' in from) {
      const found = await laptopFile(from.laptop, sha256);
      if ('why' in found) absent ||= found.why;
      else {
        laptop = from.laptop;
        size = found.size;
      }
      continue;
    }
    const look = looks.get(from.host);
    if (look === undefined || typeof look === 'string') {
      absent ||= `${from.host}, which has ${from.path}, cannot be asked: ${look ?? 'it is not in this run'}`;
      continue;
    }
    const seen = look.files[sourcesOn(from.host, wants).indexOf(from.path)];
    if (seen?.sha256 === sha256) have(from.host, from.path, seen.size);
    else absent ||= sourceIsOther(from, seen?.sha256 ?? 'absent', sha256);
  }
  for (const want of here) {
    const look = looks.get(want.host);
    if (look === undefined || typeof look === 'string') continue;
    const own = wants.filter(({ host }) => host === want.host);
    const seen = look.files[sourcesOn(want.host, wants).length + own.indexOf(want)];
    if (seen?.sha256 === sha256) have(want.host, want.path, seen.size);
    else missing.push({ host: want.host, path: want.path, part: seen?.part ?? 0, free: seen?.free ?? null });
  }
  const source = here[0]?.from;
  const name = posix.basename(source === undefined ? sha256 : 'host' in source ? source.path : source.laptop);
  return { sha256, name, size, holders, missing, absent, ...(laptop !== undefined && { laptop }) };
}

function sourceIsOther(from: { readonly host: string; readonly path: string }, seen: string, sha256: string): string {
  if (seen === 'absent') return `${from.host} has no file ${from.path}`;
  if (seen === 'other') return `${from.path} on ${from.host} is not a file`;
  return `${from.path} on ${from.host} has sha256 ${seen}, not ${sha256}: it is not the file that the plan speaks of; look at it, or write the sum that it has`;
}
