import { createHash } from 'node:crypto';
import type * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { MESH_HOME } from './shell.js';
import type { Diff, FormerRecord } from './types.js';

/** Where the records lie on a host: one file a key, each holding one JSON value. */
export const RECORDS = `${MESH_HOME}/record`;

/**
 * The key of a record: `kind/name` with every character of the name that a path could stumble over percent-encoded and
 * a leading slash left out. Names above 180 characters end in a hash: a file name holds at most 255 bytes.
 */
export function recordKey(kind: string, name: string): string {
  const safe = encodeName(name.replace(/^\//, ''));
  if (safe.length <= 180) return `${kind}/${safe}`;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${kind}/${safe.slice(0, 160).replace(/%.?$/, '')}-${hash}`;
}

/** A name as one file name: only letters, digits, `_`, `.`, `-`, and `%XX` for all the rest; never `.` or `..`. */
export function encodeName(name: string): string {
  const safe = [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  return safe.replace(/^\.+/, (dots) => '%2E'.repeat(dots.length)) || '%';
}

/** What a record holds: `none` if mesh never changed the thing here; `unknown` where it could not be read or understood. */
export type Former<T> =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'unknown'; readonly diff: Diff };

/** Reads a record out of the facts. What an older or newer mesh wrote in another shape is unknown, not absent. */
export function former<T>(facts: HostFacts, key: string, schema: z.ZodType<T>): Former<T> {
  const what = `the record ${RECORDS}/${key}`;
  if (!facts.mesh.known) return { kind: 'unknown', diff: { kind: 'unknown', what, why: facts.mesh.why } };
  const records = facts.mesh.value.records;
  if (!Object.hasOwn(records, key)) return { kind: 'none' };
  const parsed = schema.safeParse(records[key]);
  if (parsed.success) return { kind: 'value', value: parsed.data };
  const why = `it does not have the shape that this version of mesh writes (${parsed.error.issues[0]?.message ?? ''})`;
  return { kind: 'unknown', diff: { kind: 'unknown', what, why } };
}

/** The records of `wanted` that the host does not have yet: a former value is recorded once and then never again. */
export function newRecords(facts: HostFacts, ...wanted: readonly FormerRecord[]): readonly FormerRecord[] {
  if (!facts.mesh.known) return wanted;
  const records = facts.mesh.value.records;
  return wanted.filter((record) => !Object.hasOwn(records, record.key));
}

/** The facts once `records` were written. */
export function withRecords(facts: HostFacts, records: readonly FormerRecord[]): HostFacts {
  if (!facts.mesh.known || records.length === 0) return facts;
  const added = newRecords(facts, ...records).map((record) => [record.key, record.value] as const);
  const all = { ...facts.mesh.value.records, ...Object.fromEntries(added) };
  return { ...facts, mesh: { known: true, value: { ...facts.mesh.value, records: all } } };
}
