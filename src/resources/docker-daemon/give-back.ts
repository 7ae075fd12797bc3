import * as z from 'zod';
import type { FileFact, HostFacts } from '../../facts/types.js';
import { type FormerFile, toFormer } from '../former-file.js';
import { former, newRecords, recordKey } from '../records.js';
import type { Diff, FormerRecord } from '../types.js';
import { type JsonObject, JsonTextError } from './json-text.js';
import { isObject, mergePatch, mergeText, reversePatch, sameJson } from './merge.js';
import { settingsOf } from './restart.js';

const RECORD = 'docker_setting';

/** What a key was: the merge patch's value that brings it back, null where it was not there. */
const formerSetting = z.object({ key: z.string(), back: z.json() });

/** The keys of the mesh's own task, for hosts on which no key was noted. */
const MESH_KEYS = { bip: null, 'fixed-cidr': null, mtu: null };

/** The former values of the keys that `settings` sets in a file that holds `now`, as far as they were not noted yet. */
export function settingRecords(
  facts: HostFacts,
  path: string,
  now: JsonObject,
  settings: JsonObject,
): readonly FormerRecord[] {
  const wanted = Object.entries(reversePatch(now, settings)).map(([key, back]) => {
    return { key: recordKey(RECORD, `${path}/${key}`), value: { key, back } };
  });
  return newRecords(facts, ...wanted);
}

/** The file as it shall be after a teardown, and whether it holds what others set since. */
export interface GivenBack {
  readonly file: FormerFile;
  readonly kept: boolean;
}

/**
 * What dockerd's file goes back to: the very file that was there before, unless somebody set other keys since. Then the
 * keys that mesh set go back, each to what it was, and all else stays.
 */
export function givenBack(facts: HostFacts, path: string, now: FileFact, was: FormerFile): GivenBack | Diff {
  if (now.kind !== 'file') return { file: was, kept: false };
  const patch = notedPatch(facts, path, was);
  if ('kind' in patch) return patch;
  const before = was.kind === 'file' ? settingsOf(was.content) : was.kind === 'absent' ? {} : undefined;
  const text = now.content;
  const settings = text === null ? undefined : settingsOf(text);
  if (text === null || settings === undefined || before === undefined) {
    if (was.kind === 'copy' && now.sha256 === was.sha256) return { file: was, kept: false };
    return {
      kind: 'refused',
      sentence: `${path} is no JSON object any more: mesh cannot tell its own settings there from others`,
      fix: `correct the file (\`dockerd --validate --config-file ${path}\` says when it is right, in Docker 23 and later), or remove it`,
    };
  }
  try {
    const left = mergePatch(settings, patch.back);
    if (!isObject(left) || sameJson(left, before)) return { file: was, kept: false };
    const kept = toFormer(facts, path, now);
    if (kept?.kind !== 'file') return { file: was, kept: false };
    return { file: { ...kept, content: mergeText(text, patch.back) }, kept: true };
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    const fix = 'correct the file and run this again';
    return { kind: 'refused', sentence: `${path}:${error.line}:${error.column}: not JSON: ${error.message}`, fix };
  }
}

/** The patch that takes back every key that mesh set in the file. */
function notedPatch(facts: HostFacts, path: string, was: FormerFile): { readonly back: JsonObject } | Diff {
  const keys = facts.mesh.known ? Object.keys(facts.mesh.value.records) : [];
  const prefix = recordKey(RECORD, `${path}/`);
  const noted: [string, JsonObject[string]][] = [];
  for (const key of keys.filter((one) => one.startsWith(prefix))) {
    const record = former(facts, key, formerSetting);
    if (record.kind === 'unknown') return record.diff;
    if (record.kind === 'value') noted.push([record.value.key, record.value.back]);
  }
  if (noted.length > 0) return { back: Object.fromEntries(noted) };
  const before = was.kind === 'file' ? settingsOf(was.content) : undefined;
  return { back: reversePatch(before ?? {}, MESH_KEYS) };
}
