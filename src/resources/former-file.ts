import * as z from 'zod';
import type { FileFact, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setFile, textFile } from './facts-edit-host.js';
import { lines, MESH_HOME, ownership, parentsOf, writeFile } from './shell.js';

/** What was at a path before mesh: the whole of it, so that the very same bytes can be put back. */
export const formerFile = z.discriminatedUnion('kind', [
  /** `made`: the parent directories that had to be made for it, nearest first. */
  z.object({ kind: z.literal('absent'), made: z.array(z.string()).readonly() }),
  z.object({
    kind: z.literal('file'),
    mode: z.string(),
    owner: z.string(),
    group: z.string(),
    content: z.string(),
  }),
  /** Text that a record cannot hold (not UTF-8, or large) is copied beside the records, named by its sha256. */
  z.object({
    kind: z.literal('copy'),
    mode: z.string(),
    owner: z.string(),
    group: z.string(),
    size: z.number(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  z.object({ kind: z.literal('directory'), mode: z.string(), owner: z.string(), group: z.string() }),
]);

export type FormerFile = z.infer<typeof formerFile>;

/** Where copies of files lie that do not fit into a record. */
export const COPIES = `${MESH_HOME}/copies`;

/** The record of what is at `path` now; undefined for what mesh does not put back (a link, a device). */
export function toFormer(facts: HostFacts, path: string, fact: FileFact): FormerFile | undefined {
  if (fact.kind === 'other') return undefined;
  if (fact.kind === 'absent') return { kind: 'absent', made: [...missingParents(facts, path)] };
  if (fact.kind === 'directory') return { ...fact };
  const { mode, owner, group, size, sha256, content } = fact;
  return content === null
    ? { kind: 'copy', mode, owner, group, size, sha256 }
    : { kind: 'file', mode, owner, group, content };
}

/** The parents of a path that are known to be absent, nearest first. */
export function missingParents(facts: HostFacts, path: string): readonly string[] {
  return parentsOf(path).filter((parent) => {
    const fact = facts.files[parent];
    return fact?.known === true && fact.value.kind === 'absent';
  });
}

/** Shell text that must run before a file is overwritten whose text a record cannot hold; else undefined. */
export function keepCopy(path: string, was: FormerFile): string | undefined {
  if (was.kind !== 'copy') return undefined;
  const copy = `${COPIES}/${was.sha256}`;
  return lines(
    `mkdir -p -m 0700 ${COPIES}`,
    `[ -e ${copy} ] || { cp ${quote(path)} ${copy}.new && { sync ${copy}.new 2>/dev/null || sync; } && mv ${copy}.new ${copy}; }`,
  );
}

/** Shell text that makes `path` what it was. Safe to run twice. */
export function putBack(path: string, was: FormerFile): string {
  switch (was.kind) {
    case 'absent':
      return lines(
        `rm -f ${quote(path)}`,
        // Only while nobody else put something into them.
        ...was.made.map((parent) => `rmdir ${quote(parent)} 2>/dev/null || :`),
      );
    case 'file':
      return writeFile({ path, ...was });
    case 'copy':
      return lines(
        `new=$(mktemp ${quote(`${path}.mesh.XXXXXX`)})`,
        `trap 'rm -f "$new"' EXIT`,
        `cat ${COPIES}/${was.sha256} >"$new"`,
        `chown ${quote(ownership(was.owner, was.group) ?? 'root:root')} "$new"`,
        `chmod ${quote(was.mode)} "$new"`,
        'sync "$new" 2>/dev/null || sync',
        `mv -f "$new" ${quote(path)}`,
      );
    case 'directory':
      return lines(
        `chown ${quote(`${was.owner}:${was.group}`)} ${quote(path)}`,
        `chmod ${quote(was.mode)} ${quote(path)}`,
      );
  }
}

/** Whether `path` is what it was. */
export function isAsBefore(fact: FileFact, was: FormerFile): boolean {
  if (was.kind === 'absent') return fact.kind === 'absent';
  if (fact.kind === 'absent' || fact.kind === 'other') return false;
  if (fact.mode !== was.mode || fact.owner !== was.owner || fact.group !== was.group) return false;
  if (was.kind === 'directory' || fact.kind === 'directory') return was.kind === fact.kind;
  return was.kind === 'copy' ? fact.sha256 === was.sha256 : fact.content === was.content;
}

/** The facts once `path` is what it was. */
export function withFormer(facts: HostFacts, path: string, was: FormerFile): HostFacts {
  switch (was.kind) {
    case 'absent': {
      const gone = setFile(facts, path, { kind: 'absent' });
      return was.made.reduce((now, parent) => setFile(now, parent, { kind: 'absent' }), gone);
    }
    case 'file':
      return setFile(facts, path, textFile(was.content, was.mode, was.owner, was.group));
    case 'copy': {
      const { mode, owner, group, size, sha256 } = was;
      return setFile(facts, path, { kind: 'file', mode, owner, group, size, sha256, content: null });
    }
    case 'directory':
      return setFile(facts, path, { ...was });
  }
}

/** What `--diff` shows of a file: its text, or in one line why there is none. */
export function shown(fact: FileFact): string | undefined {
  if (fact.kind === 'absent') return undefined;
  if (fact.kind !== 'file') return fact.kind === 'other' ? `(${fact.what})` : '(a directory)';
  return fact.content ?? `(${fact.size} bytes, sha256 ${fact.sha256})`;
}
