import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { messageOf } from './direct.js';

/** The size of a file on the laptop, if its sum is the one that is expected. Never rejects. */
export async function laptopFile(
  path: string,
  sha256: string,
): Promise<{ readonly size: number } | { readonly why: string }> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    return { why: `${path} on this machine could not be read: ${messageOf(error)}` };
  }
  const sum = hash.digest('hex');
  return sum === sha256 ? { size } : { why: `${path} on this machine has sha256 ${sum}, not ${sha256}` };
}
