import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Fault, InputError } from '../errors.js';
import type { Host, Inventory } from '../inventory/types.js';
import type { LaptopFile } from '../network/openvswitch/types.js';
import { readRpmHeader } from './rpm-header.js';

/** An RPM's header holds its list of files; 4 MiB are enough for tens of thousands of them. */
const HEAD = 4 * 2 ** 20;

/**
 * Reads the files of this machine that the settings of meshed hosts name: sources, and RPMs. By the path as the inventory
 * names it; relative ones count from the inventory's folder. Nothing is read where no setting names a file.
 *
 * @throws {InputError} naming every file that cannot be read, or is no RPM where one is wanted.
 */
export async function readLaptopFiles(inventory: Inventory): Promise<ReadonlyMap<string, LaptopFile>> {
  const wanted = new Map<string, { readonly rpm: boolean; readonly host: Host; readonly setting: string }>();
  const meshed = new Set(inventory.meshed);
  for (const host of inventory.hosts.filter(({ name }) => meshed.has(name))) {
    const { ovsSource, ovsUrl, ovsFiles } = host.mesh;
    if (ovsSource === 'file') {
      for (const path of ovsFiles) wanted.set(path, { rpm: true, host, setting: 'mesh_ovs_files' });
    } else if (ovsSource !== 'distro' && ovsUrl !== undefined && !ovsUrl.includes('://')) {
      wanted.set(ovsUrl, { rpm: false, host, setting: 'mesh_ovs_url' });
    }
  }
  const faults: Fault[] = [];
  const files = new Map<string, LaptopFile>();
  for (const [named, { rpm, host, setting }] of wanted) {
    const at = host.vars.get(setting)?.origin.at;
    const fault = (message: string, fix: string) => faults.push({ message, fix, ...(at && { at }) });
    try {
      const file = await read(resolve(dirname(inventory.file), named));
      if (rpm && !file.rpm) fault(`${named} is no RPM`, 'name a file that rpmbuild made');
      else files.set(named, file);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      fault(`${named} cannot be read: ${why}`, `correct ${setting}: paths count from the inventory's folder`);
    }
  }
  const [first, ...more] = faults;
  if (first) throw new InputError([first, ...more]);
  return files;
}

async function read(path: string): Promise<LaptopFile> {
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let size = 0;
  for await (const piece of createReadStream(path)) {
    const bytes: Buffer = piece;
    if (size < HEAD) head.push(bytes.subarray(0, HEAD - size));
    size += bytes.length;
    hash.update(bytes);
  }
  const rpm = readRpmHeader(Buffer.concat(head));
  return { path, size, sha256: hash.digest('hex'), ...(rpm && { rpm }) };
}
