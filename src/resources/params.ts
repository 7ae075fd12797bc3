import * as z from 'zod';
import type { Fact } from '../facts/types.js';
import type { Change, Diff, FormerRecord } from './types.js';

/** Pieces of schemas, with messages that say what to write. */

/** An absolute path without `.`/`..` parts and without a slash at its end. */
export const absolutePath = z
  .string({ error: 'a path, as text: /etc/motd' })
  .refine((path) => path.startsWith('/') && path.length > 1, 'must be an absolute path, like /etc/motd')
  .refine((path) => !path.includes('\0'), 'must not hold a NUL character')
  .refine(
    (path) => !/\/\.{1,2}(\/|$)|\/\/|.\/$/.test(path),
    'must not hold `.`, `..` or empty parts: write the path itself',
  );

/** Octal digits as text. A number is refused: YAML reads 0644 as 420 and 644 as six hundred and forty-four. */
export const fileMode = z
  .string({ error: "the mode in quotes: '0644' (without them YAML reads a number in another base)" })
  .regex(/^0?[0-7]{3,4}$/, "three or four octal digits in quotes: '0644'")
  .transform((mode) => mode.replace(/^0?([0-7]{3})$/, '0$1').slice(-4));

/** Text that a shell word can carry. */
export const shellText = z
  .string({ error: 'text' })
  .refine((text) => !text.includes('\0'), 'must not hold a NUL character: a shell cannot carry it');

/** The text of a file. It travels in one argument of a command, which Linux limits to 128 KiB (MAX_ARG_STRLEN, execve(2)). */
export const fileText = shellText.refine(
  (text) => Buffer.byteLength(text) + 3 * (text.split("'").length - 1) <= 100_000,
  'is larger than the 100000 bytes that a step can carry: bring the file onto the host by other means',
);

/** A user's or a group's name. */
export const account = z
  .string({ error: 'a name' })
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/, 'must be the name of a user or group');

/** A systemd unit's name: `docker`, `mesh-restore.service`, `getty@tty1.service`. */
export const unitName = z
  .string({ error: 'the name of a unit, as text' })
  .regex(
    /^[A-Za-z0-9_:@\\][A-Za-z0-9_.:@\\-]*$/,
    'must be the name of a systemd unit, like docker or mesh-restore.service',
  );

/** The fact of that name, or the diff that says that it is not known. */
export function need<T>(
  fact: Fact<T> | undefined,
  what: string,
): { readonly known: true; readonly value: T } | { readonly known: false; readonly diff: Diff } {
  if (fact === undefined) return { known: false, diff: { kind: 'unknown', what, why: 'it was not looked at' } };
  return fact.known ? fact : { known: false, diff: { kind: 'unknown', what, why: fact.why } };
}

/** A change's records, only where there are any: an empty list is left out. */
export function recording(records: readonly FormerRecord[]): Pick<Change, 'records'> | Record<never, never> {
  return records.length > 0 ? { records } : {};
}

/** What `--diff` shows, without the sides that there are not. */
export function sides(
  before: string | undefined,
  after: string | undefined,
): { readonly before?: string; readonly after?: string } {
  return { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}
