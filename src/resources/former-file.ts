import * as z from 'zod';
import type { FileFact, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setFile, sha256, textFile } from './facts-edit-host.js';
import { RECORDS } from './records.js';
import { lines, MESH_HOME, ownership, parentsOf, writeFile } from './shell.js';
import type { FormerRecord } from './types.js';

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

/** What a file is, as far as a plan has to find it again: its sha256, or `absent`. */
function mark(file: FileFact | FormerFile): string {
  if (file.kind === 'file') return 'sha256' in file ? file.sha256 : sha256(file.content);
  return file.kind === 'copy' ? file.sha256 : file.kind;
}

/**
 * Shell text that comes before a file is written: it fails where the file is neither what the plan saw nor already what
 * the step makes of it, so that nobody's edit is lost. What the step noted as former is forgotten then. A file that was
 * not there and came with a package is no edit.
 */
export function asPlanned(
  path: string,
  now: FileFact,
  then: FileFact | FormerFile,
  records: readonly FormerRecord[] = [],
): string {
  const at = quote(path);
  const notes = records.map(({ key }) => quote(`${RECORDS}/${key}`));
  const packaged = `dpkg -S ${at} >/dev/null 2>&1 || rpm -qf ${at} >/dev/null 2>&1`;
  return lines(
    `seen=absent; if [ -e ${at} ] || [ -L ${at} ]; then seen=$(sha256sum 2>/dev/null <${at} || echo other); fi`,
    'case ${seen%% *} in',
    `${[...new Set([mark(now), mark(then)])].join(' | ')}) ;;`,
    '*)',
    `  ${now.kind === 'absent' ? `${packaged} || ` : ''}{`,
    `    echo ${quote(`${path} was changed after the plan was made, and is left as it is: run the same command again for a new plan`)} >&2`,
    notes.length > 0 && `    rm -f ${notes.join(' ')}`,
    '    exit 1',
    '  }',
    '  ;;',
    'esac',
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
