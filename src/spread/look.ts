import { alive } from './alive.js';
import { messageOf, saidBy } from './direct.js';
import { giveScript, type Look, lookScript } from './scripts.js';
import { type HostLook, readLook, sumInManifest } from './tell.js';
import type { SpreadContext } from './types.js';

/** Hashing what is there takes as long as the disk takes: a minute a gigabyte on slow ones. */
const LOOK_TIMEOUT_MS = 600_000;

/** Looks at what a host has. A sentence where that cannot be. Never rejects. */
export async function lookAt(host: string, look: Look, context: SpreadContext): Promise<HostLook | string> {
  const connection = await alive(context, host);
  if (typeof connection === 'string') return connection;
  try {
    const outcome = await connection.exec('', { script: lookScript(look), timeoutMs: LOOK_TIMEOUT_MS });
    const count = look.sources.length + look.wanted.length;
    const told = readLook(outcome.stdout.toString('utf8'), count);
    return told ?? (saidBy(outcome) || 'it did not say what it has');
  } catch (error) {
    return messageOf(error);
  }
}

/** The sums that manifests on a host have for files, in the order asked for; a sentence where one cannot be had. */
export async function sumsFrom(
  host: string,
  wanted: readonly { readonly manifest: string; readonly path: string }[],
  context: SpreadContext,
): Promise<readonly (string | { readonly why: string })[]> {
  const texts = new Map<string, string | { readonly why: string }>();
  for (const manifest of new Set(wanted.map((one) => one.manifest))) {
    texts.set(manifest, await readText(host, manifest, context));
  }
  return wanted.map(({ manifest, path }) => {
    const text = texts.get(manifest) ?? '';
    if (typeof text !== 'string') return text;
    return sumInManifest(text, manifest, path) ?? { why: `${manifest} on ${host} says nothing of ${path}` };
  });
}

async function readText(
  host: string,
  path: string,
  context: SpreadContext,
): Promise<string | { readonly why: string }> {
  const connection = await alive(context, host);
  if (typeof connection === 'string') return { why: `${host}: ${connection}` };
  try {
    const outcome = await connection.exec(giveScript(path, 0));
    if (outcome.kind === 'exited' && outcome.code === 0) return outcome.stdout.toString('utf8');
    return { why: `what ${host} was to make for it is not there: ${saidBy(outcome)}` };
  } catch (error) {
    return { why: messageOf(error) };
  }
}
