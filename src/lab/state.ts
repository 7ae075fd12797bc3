import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { type Family, families } from './family.js';
import { defaultDirectory, type LabPlaces } from './names.js';
import { type Feature, featureNames } from './recipe.js';
import { LabError } from './run.js';

/** What a lab is meant to be: written before the first piece of it is made, removed after the last piece is gone. */
export interface LabState {
  readonly version: 1;
  readonly name: string;
  /** A host's SSH port on loopback is this plus the host's number. */
  readonly portBase: number;
  readonly inventoryFile: string;
  /** The process that wants the lab gone with itself, for labs of test runs: id and start time of proc(5). */
  readonly owner?: { readonly pid: number; readonly startTime: string };
  readonly hosts: readonly HostState[];
  /** The folder that the lab's mirror serves; there if a host needs one. */
  readonly mirror?: string;
}

export interface HostState {
  readonly number: number;
  readonly family: Family;
  readonly without: readonly Feature[];
  /** Folders for overlayfs' lowerdir, uppermost first: a host keeps the root it was made with. */
  readonly lower: readonly string[];
  /** It is a virtual machine with a kernel of its own, made of the image in this folder. */
  readonly vm?: { readonly image: string; readonly accelerator: 'kvm' | 'tcg' };
}

const feature = z.enum(featureNames as [Feature, ...Feature[]]);

const labState = z.object({
  version: z.literal(1),
  name: z.string(),
  portBase: z.number().int(),
  inventoryFile: z.string(),
  owner: z.object({ pid: z.number().int(), startTime: z.string() }).optional(),
  hosts: z.array(
    z.object({
      number: z.number().int(),
      family: z.enum(families).default('deb'),
      without: z.array(feature),
      lower: z.array(z.string()),
      vm: z.object({ image: z.string(), accelerator: z.enum(['kvm', 'tcg']) }).exactOptional(),
    }),
  ),
  mirror: z.string().optional(),
});

/** The state of a lab, or undefined where there is none. @throws {LabError} when the file is not one of the lab's. */
export async function readState(lab: LabPlaces): Promise<LabState | undefined> {
  const text = await readFile(lab.stateFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new LabError(`the state of lab ${lab.name} cannot be read: ${error.message}`);
  });
  if (text === undefined) return undefined;
  const parsed = labState.safeParse(parseJson(text));
  if (parsed.success) {
    const { owner, mirror, ...state } = parsed.data;
    return { ...state, ...(owner ? { owner } : {}), ...(mirror ? { mirror } : {}) };
  }
  throw new LabError(
    `${lab.stateFile} is not the state of a lab that this version of mesh knows`,
    `mesh lab down --name ${lab.name} removes the lab`,
  );
}

/** Replaces the state in one step: a reader sees the old one or the new one. */
export async function writeState(lab: LabPlaces, state: LabState): Promise<void> {
  await mkdir(lab.directory, { recursive: true, mode: 0o711 });
  await writeAtomically(lab.stateFile, `${JSON.stringify(state, undefined, 2)}\n`, 0o600);
}

/** Writes a file under a temporary name and renames it. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.new`;
  try {
    await writeFile(draft, text, { mode });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Names of all labs that have a folder here, sorted. */
export async function labNames(directory: string = process.env.MESH_LAB_DIR || defaultDirectory): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
