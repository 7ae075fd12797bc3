import { posix } from 'node:path';
import { quote } from '../quote.js';

/** Where mesh keeps on a host what it must know at its next visit. */
export const MESH_HOME = '/var/lib/mesh';

/** A file as it shall be. Owner and group are named only where they are not what a new file of root has. */
export interface FileText {
  readonly path: string;
  readonly content: string;
  /** Octal digits: `0644`. */
  readonly mode: string;
  readonly owner?: string;
  readonly group?: string;
}

/** Joins lines of shell text, leaving out what is empty. */
export function lines(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter(Boolean).join('\n');
}

/** `owner:group` for chown, or undefined where neither is named. */
export function ownership(owner: string | undefined, group: string | undefined): string | undefined {
  if (owner === undefined && group === undefined) return undefined;
  return `${owner ?? ''}${group === undefined ? '' : `:${group}`}`;
}

const BODY = 'printf %s ';
const BODY_END = ' >"$new"';
/** What {@link writeFile} puts between the two: a word made by `quote`. */
const BODIES = /(?<=printf %s )(?:'[^']*'(?:\\''[^']*')*|[^\s']+)(?= >"\$new")/g;

/**
 * A command's text as it may be told to people and written into logs: without what {@link writeFile} writes, which may
 * hold what is nobody's business (a proxy's password in daemon.json).
 */
export function withoutBodies(command: string): string {
  return command.replace(BODIES, (body) => (body === "''" ? body : `'… ${body.length} characters …'`));
}

/**
 * Shell text that puts `file` in its place in one step: a reader sees the old text or the new one, never a part, and a
 * power cut leaves one of the two (rename(2) on one file system, after the new text was synced).
 * Missing parent directories are made with mode 0755. Needs mktemp, as POSIX has no safe way to name a temporary file.
 *
 * @throws {Error} for a NUL in path or content.
 */
export function writeFile(file: FileText): string {
  const directory = posix.dirname(file.path);
  const owner = ownership(file.owner, file.group);
  return lines(
    'umask 022',
    `mkdir -p ${quote(directory)}`,
    `new=$(mktemp ${quote(posix.join(directory, '.mesh.XXXXXX'))})`,
    `trap 'rm -f "$new"' EXIT`,
    `${BODY}${quote(file.content)}${BODY_END}`,
    owner !== undefined && `chown ${quote(owner)} "$new"`,
    `chmod ${quote(file.mode)} "$new"`,
    // Not every sync takes a file name (coreutils before 8.24); a plain one does more than is needed.
    'sync "$new" 2>/dev/null || sync',
    `mv -f "$new" ${quote(file.path)}`,
  );
}

/** Every directory above an absolute path, nearest first, without the root. */
export function parentsOf(path: string): readonly string[] {
  const parents: string[] = [];
  for (let dir = posix.dirname(path); dir !== '/' && dir !== '.'; dir = posix.dirname(dir)) parents.push(dir);
  return parents;
}
