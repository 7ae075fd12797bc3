import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { InputError } from '../errors.js';
import { excerpt } from './excerpt.js';
import { nearest } from './nearest.js';

/**
 * The text of an inventory.
 *
 * @throws {InputError} that names what is near, if there is no such file, and as `decode` does.
 */
export async function readInventoryText(file: string): Promise<string> {
  try {
    return decode(await readFile(file), file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const near = await candidates(code === 'EISDIR' ? join(file, 'inventory.yml') : file);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw InputError.of(`there is no file ${file}`, {
        fix:
          near ??
          'name an inventory: `mesh deploy FILE`, `-i FILE` or $MESH_INVENTORY; to try it on this machine: mesh lab up',
      });
    }
    if (code === 'EISDIR') throw InputError.of(`${file} is a directory`, { fix: near ?? 'name the YAML file in it' });
    throw InputError.of(`${file} cannot be read: ${error instanceof Error ? error.message : error}`, {
      fix: 'make it readable for you',
    });
  }
}

/** YAML files where the missing one was looked for. */
async function candidates(file: string): Promise<string | undefined> {
  const directory = dirname(file);
  const present = await readdir(directory).catch(() => undefined);
  if (!present) {
    return (await stat(dirname(directory)).catch(() => undefined))
      ? `there is no directory ${directory} either`
      : undefined;
  }
  const names = present.filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  // JSON is YAML, but what lies about as .json is hardly ever an inventory.
  const likely = names.filter((name) => !name.endsWith('.json'));
  const same = names.find((name) => basename(name, extname(name)) === basename(file, extname(file)));
  const best = same ?? nearest(basename(file), names);
  if (best) return `did you mean ${join(directory, best)}?`;
  return likely.length > 0
    ? `YAML files there: ${likely.slice(0, 4).join(', ')}${likely.length > 4 ? ', …' : ''}`
    : undefined;
}

/**
 * Bytes of a file that a person wrote, as text.
 *
 * @throws {InputError} with the place of the first byte that is not UTF-8, or if the file is no text at all.
 */
export function decode(bytes: Uint8Array, file: string): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Told below, with the place.
  }
  const start = { file, line: 1, column: 1 };
  if (bytes.includes(0)) {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    throw InputError.of(utf16 ? 'this is UTF-16, and YAML for Ansible is UTF-8' : 'this is not a text file', {
      at: start,
      fix: utf16 ? 'save it as UTF-8' : 'name a file in YAML',
    });
  }
  // What cannot be decoded becomes U+FFFD, which a file seldom holds itself.
  const lines = new TextDecoder('utf-8').decode(bytes).split('\n');
  const index = lines.findIndex((line) => line.includes('\ufffd'));
  const at = { file, line: index + 1, column: (lines[index]?.indexOf('\ufffd') ?? 0) + 1 };
  throw InputError.of('this is not UTF-8', {
    at,
    excerpt: excerpt(lines.join('\n'), at),
    fix: 'save the file as UTF-8',
  });
}
