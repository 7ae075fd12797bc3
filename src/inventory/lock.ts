import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod/mini';
import { type Fault, InputError, type Position } from '../errors.js';
import { parseCidr } from '../network/address.js';
import { excerpt } from './excerpt.js';
import { didYouMean } from './nearest.js';
import { describeNode, toValue } from './values.js';
import { readYaml, type YamlMap, type YamlNode } from './yaml.js';

const cidr = z
  .string()
  .check(z.refine((text) => parseCidr(text) !== undefined, 'must be a network such as 172.17.41.0/24'));
const retired = z.strictObject({
  slice: cidr,
  host: z.string().check(z.minLength(1)),
  since: z.string().check(z.regex(/^\d{4}-\d\d-\d\d$/, 'must be a day such as 2026-01-31')),
});
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/, 'must be a sha256: 64 hexadecimal digits'));
const build = z.strictObject({
  version: z.string(),
  source: sha256,
  spec: z.string(),
  options: z.string(),
  platform: z.string(),
  rpms: z.record(z.string(), sha256),
});
const schema = z.strictObject({
  version: z.literal(1),
  slices: z.record(z.string(), cidr),
  retired: z.array(retired),
  mtu: z.optional(z.int().check(z.gte(576), z.lte(65_535))),
  sources: z.record(z.string(), sha256),
  builds: z.record(
    z.string().check(z.regex(/^[0-9a-f]{16}$/, 'must be the key of a build: 16 hexadecimal digits')),
    build,
  ),
});

/** A slice that was given up, by which host, and on which day (`2026-01-31`). */
export interface RetiredSlice {
  readonly slice: string;
  readonly host: string;
  readonly since: string;
}

/** What a build was made of, and what came out of it. */
export interface LockedBuild {
  /** Of Open vSwitch: `3.3.4`. */
  readonly version: string;
  /** The source's sha256 in hexadecimal. */
  readonly source: string;
  /** The spec file within the source: `rhel/openvswitch-fedora.spec`. */
  readonly spec: string;
  /** What rpmbuild was told beside the spec. */
  readonly options: string;
  /** `el9-x86_64`: hosts of the same platform share a build. */
  readonly platform: string;
  /** File name → its sha256 in hexadecimal. */
  readonly rpms: Readonly<Record<string, string>>;
}

/** What must not change by itself from one deploy to the next. */
export interface Lock {
  readonly version: 1;
  /** Host name → slice in CIDR notation. */
  readonly slices: Readonly<Record<string, string>>;
  readonly retired: readonly RetiredSlice[];
  /** The mesh's MTU in bytes, once computed. */
  readonly mtu?: number;
  /** What was fetched (a URL, or a path as the inventory has it) → its sha256 in hexadecimal. */
  readonly sources: Readonly<Record<string, string>>;
  /** Key of a build → what it was made of. */
  readonly builds: Readonly<Record<string, LockedBuild>>;
}

export const EMPTY_LOCK: Lock = { version: 1, slices: {}, retired: [], sources: {}, builds: {} };

/** The lock's name: the inventory's with `.lock` in place of its extension. */
export function lockFileOf(inventory: string): string {
  return join(dirname(inventory), `${basename(inventory, extname(inventory))}.lock`);
}

/** @throws {InputError} with positions, if the text is not a lock file of version 1. */
export function parseLock(text: string, file: string): Lock {
  const { root, faults } = readYaml(text, file);
  const at: Position = { file, line: 1, column: 1 };
  const remove = 'restore the file from version control; without it, mesh reads the slices from the hosts';
  if (faults[0]) throw new InputError([faults[0], ...faults.slice(1)]);
  if (!root) throw InputError.of('the lock file is empty', { at, fix: remove });
  if (root.kind !== 'map') {
    throw InputError.of(`a lock file is a mapping, and this is ${describeNode(root)}`, {
      at,
      excerpt: excerpt(text, at),
      fix: remove,
    });
  }
  refuseOtherVersion(root, text);
  const parsed = schema.safeParse({ slices: {}, retired: [], sources: {}, builds: {}, ...dropNulls(root) });
  if (parsed.success) {
    const { mtu, ...rest } = parsed.data;
    return mtu === undefined ? rest : { ...rest, mtu };
  }
  const [first, ...rest] = parsed.error.issues.flatMap((issue) => issueFaults(issue, root, text, remove));
  throw new InputError(first ? [first, ...rest] : [{ message: 'not a lock file', at, fix: remove }]);
}

/** The lock as YAML: keys in a fixed order, hosts sorted, so that a change is a small diff. */
export function serializeLock(lock: Lock): string {
  const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).sort(([a], [b]) => order(a, b)));
  const builds = Object.entries(sorted(lock.builds)).map(
    ([key, { version, source, spec, options, platform, rpms }]) => [
      key,
      { version, source, spec, options, platform, rpms: sorted(rpms) },
    ],
  );
  const body = {
    version: lock.version,
    slices: sorted(lock.slices),
    retired: lock.retired.map(({ slice, host, since }) => ({ slice, host, since })),
    ...(lock.mtu === undefined ? {} : { mtu: lock.mtu }),
    sources: sorted(lock.sources),
    // Left out while there is none: a mesh without builds keeps the file that it has.
    ...(builds.length === 0 ? {} : { builds: Object.fromEntries(builds) }),
  };
  const note =
    '# Written by mesh; commit it with the inventory. It keeps every host on its slice of the container network.\n';
  return note + stringify(body, { version: '1.1', lineWidth: 0 });
}

/** The lock beside an inventory; an empty one if there is none yet. */
export async function readLock(inventory: string): Promise<Lock> {
  const file = lockFileOf(inventory);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY_LOCK;
    const why = error instanceof Error ? error.message : String(error);
    throw InputError.of(`the lock file ${file} cannot be read: ${why}`, { fix: 'make it readable for you' });
  }
  return parseLock(text, file);
}

/** Replaces the lock beside an inventory, whole or not at all, and on the disk when this returns. True: it has changed. */
export async function writeLock(inventory: string, lock: Lock): Promise<boolean> {
  const file = lockFileOf(inventory);
  const text = serializeLock(lock);
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return false;
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}`);
  try {
    const handle = await open(temporary, 'w', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(file));
  return true;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined);
  // Some file systems refuse to sync a directory; the file itself is safe by then.
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function refuseOtherVersion(root: YamlMap, text: string): void {
  const version = root.entries.find((entry) => entry.name === 'version');
  const value = version && toValue(version.value);
  if (value === 1) return;
  const at = version?.value.at ?? root.at;
  const fix = 'use the version of mesh that wrote it, or a newer one';
  const message = version
    ? `this lock file has version ${String(value)}; this mesh reads version 1`
    : 'the lock file does not say its version';
  throw InputError.of(message, { at, excerpt: excerpt(text, at), fix: version ? fix : 'write "version: 1"' });
}

function dropNulls(root: YamlMap): { [name: string]: unknown } {
  const entries = root.entries.map((entry) => [entry.name, toValue(entry.value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

function issueFaults(issue: z.core.$ZodIssue, root: YamlMap, text: string, fix: string): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const at = placeOf(root, [...issue.path, key], true);
      // A name that belongs elsewhere in the file is no help here.
      const known = didYouMean(
        key,
        KEYS.filter((one) => one !== key),
      );
      return { message: `"${key}" does not belong here`, at, excerpt: excerpt(text, at), fix: known ?? 'remove it' };
    });
  }
  const at = placeOf(root, issue.path, false);
  const kind = issue.code === 'invalid_type' ? `must be ${KINDS[issue.expected] ?? issue.expected}` : issue.message;
  const message = `${issue.path.join('.')} ${kind}`;
  return [{ message, at, excerpt: excerpt(text, at), fix }];
}

const KEYS = [
  ...['version', 'slices', 'retired', 'mtu', 'sources', 'builds', 'slice', 'host', 'since'],
  ...['source', 'spec', 'options', 'platform', 'rpms'],
];

const KINDS: { readonly [expected: string]: string } = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  array: 'a list',
  record: 'a mapping',
  object: 'a mapping',
};

/** The place of the value (or the key) at a path; of the nearest thing above it where the path ends early. */
function placeOf(root: YamlNode, path: readonly PropertyKey[], key: boolean): Position {
  let node = root;
  let at = root.at;
  for (const step of path) {
    if (node.kind === 'list') {
      const item: YamlNode | undefined = node.items[Number(step)];
      if (!item) break;
      [node, at] = [item, item.at];
    } else {
      const entry = node.kind === 'map' ? node.entries.find((one) => one.name === String(step)) : undefined;
      if (!entry) break;
      [node, at] = [entry.value, key ? entry.key.at : entry.value.at];
    }
  }
  return at;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
