import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { InputError } from '../errors.js';
import type { Complaints } from './complaints.js';
import { decode } from './read-text.js';
import type { Variable } from './types.js';
import { describeNode, toVariable, VAULT_FIX } from './values.js';
import { readYaml } from './yaml.js';

const EXTENSIONS = ['', '.yml', '.yaml', '.json'];

/** Variables of files beside the inventory, by the name of the group or host. */
export type VarsFolder = (name: string) => Promise<ReadonlyMap<string, Variable>>;

/**
 * `group_vars` or `host_vars` in `directory`. For a name Ansible takes the first of NAME (a file or a folder), NAME.yml,
 * NAME.yaml, NAME.json; a folder is read in the order of its names, deeper folders included, and a later file wins.
 */
export async function openVarsFolder(
  directory: string,
  folder: 'group_vars' | 'host_vars',
  complaints: Complaints,
): Promise<VarsFolder> {
  const base = join(directory, folder);
  const present = new Set(await namesIn(base));
  return async (name) => {
    const vars = new Map<string, Variable>();
    if (name.includes('/')) return vars;
    const found = EXTENSIONS.map((extension) => name + extension).filter((candidate) => present.has(candidate));
    const first = found[0];
    if (first === undefined) return vars;
    const path = join(base, first);
    for (const other of found.slice(1)) {
      const at = { file: join(base, other), line: 1, column: 1 };
      complaints.warning(
        `this file is not read: ${path} comes before it`,
        at,
        'put the variables of both in one of them',
      );
    }
    const directories = await isDirectory(path);
    const files = directories ? await filesBelow(path) : [path];
    for (const file of files) {
      for (const [key, variable] of await readVars(file, complaints)) vars.set(key, variable);
    }
    return vars;
  };
}

async function readVars(file: string, complaints: Complaints): Promise<Map<string, Variable>> {
  const vars = new Map<string, Variable>();
  const start = { file, line: 1, column: 1 };
  let text: string;
  try {
    text = decode(await readFile(file), file);
  } catch (error) {
    if (error instanceof InputError) {
      complaints.add(error.faults);
      return vars;
    }
    complaints.fault(`cannot be read: ${reason(error)}`, start, 'make the file readable for you');
    return vars;
  }
  if (text.startsWith('$ANSIBLE_VAULT;')) {
    complaints.fault(
      `the whole file ${file} is encrypted with Ansible Vault, so its variables are unknown`,
      start,
      VAULT_FIX,
    );
    return vars;
  }
  complaints.source(file, text);
  const { root, faults } = readYaml(text, file);
  complaints.add(faults);
  if (!root) return vars;
  if (root.kind !== 'map') {
    complaints.fault(
      `a file of variables must be a mapping, and this is ${describeNode(root)}`,
      root.at,
      'write "name: value"',
    );
    return vars;
  }
  for (const entry of root.entries) vars.set(entry.name, toVariable(entry, file));
  return vars;
}

/** Hidden files, backups and other extensions are left out, as Ansible does. */
async function filesBelow(directory: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of (await namesIn(directory)).sort(byCodePoint)) {
    if (name.startsWith('.') || name.endsWith('~')) continue;
    const path = join(directory, name);
    const extension = extname(name);
    if (await isDirectory(path)) {
      if (extension === '') files.push(...(await filesBelow(path)));
    } else if (EXTENSIONS.includes(extension)) {
      files.push(path);
    }
  }
  return files;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** Python's order of text; JavaScript's own comparison differs from it only beyond the basic plane. */
export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
