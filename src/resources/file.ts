import * as z from 'zod';
import type { FileFact, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setFile, sha256, textFile } from './facts-edit-host.js';
import { copyFrom, fileSource } from './file-from.js';
import {
  asPlanned,
  formerFile,
  isAsBefore,
  keepCopy,
  missingParents,
  putBack,
  shown,
  toFormer,
  withFormer,
} from './former-file.js';
import { absolutePath, account, fileMode, fileText, need, recording, sides } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines, ownership, parentsOf, writeFile } from './shell.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z
  .strictObject({
    path: absolutePath,
    content: fileText.optional(),
    from: fileSource.optional(),
    mode: fileMode.optional(),
    owner: account.optional(),
    group: account.optional(),
    state: z.enum(['present', 'absent', 'former', 'directory']).default('present'),
  })
  .superRefine((params, context) => {
    if (params.state === 'present' && params.content === undefined && params.from === undefined) {
      const message = 'is needed for a file that shall be present (or `from`, for one that another host has)';
      context.addIssue({ code: 'custom', path: ['content'], message });
    }
    if (params.content !== undefined && params.from !== undefined) {
      const message = 'and `content` exclude each other: a file has one source';
      context.addIssue({ code: 'custom', path: ['from'], message });
    }
    for (const key of ['content', 'from'] as const) {
      if (params.state !== 'present' && params[key] !== undefined) {
        const message = `has no meaning with state: ${params.state}`;
        context.addIssue({ code: 'custom', path: [key], message });
      }
    }
  });

export type FileParams = z.infer<typeof schema>;

/** A file, or a directory, with its mode and owner. Its text is given, or it is copied from where it lies. Written in one step; what was there before is recorded. */
export const file: Resource<FileParams> = {
  type: 'file',
  schema,
  label: (params) => params.path,
  interests: (params) => ({ files: [params.path, ...parentsOf(params.path)] }),
  diff: (params, facts) => {
    const now = need(facts.files[params.path], `the file ${params.path}`);
    if (!now.known) return now.diff;
    switch (params.state) {
      case 'present':
        return present(params, facts, now.value);
      case 'directory':
        return directory(params, facts, now.value);
      case 'absent':
        return absent(params.path, facts, now.value);
      case 'former':
        return goBack(params.path, facts, now.value);
    }
  },
};

/** Makes a file hold `content`; shared with the resources that are a file and something more. */
function present(params: FileParams, facts: HostFacts, now: FileFact): Diff {
  const { path, content = '', from } = params;
  if (now.kind === 'directory' || now.kind === 'other') {
    return {
      kind: 'refused',
      sentence: `${path} is ${now.kind === 'directory' ? 'a directory' : now.what}, not a file`,
      fix: `look at it with \`ls -ld ${quote(path)}\`; move it away, or name another path`,
    };
  }
  const was = now.kind === 'file' ? now : undefined;
  const mode = params.mode ?? was?.mode ?? '0644';
  const owner = params.owner ?? was?.owner ?? 'root';
  const group = params.group ?? was?.group ?? 'root';
  const sameText =
    was !== undefined &&
    (from ? was.sha256 === from.sha256 : was.content === content || was.sha256 === sha256(content));
  if (was && sameText && was.mode === mode && was.owner === owner && was.group === group) return nothing;

  if (from && !sameText) return copyFrom({ path, from, mode, owner, group }, facts, now);
  const before = toFormer(facts, path, now);
  const records = before ? newRecords(facts, { key: recordKey('file', path), value: before }) : [];
  const plainOwner = owner === 'root' && group === 'root';
  const change: Change = {
    sentence:
      was === undefined ? `create ${path}` : sameText ? accessSentence(path, mode, owner, group) : `change ${path}`,
    command: sameText
      ? access(path, mode, owner, group)
      : lines(
          asPlanned(path, now, textFile(content, mode, owner, group), records),
          before && keepCopy(path, before),
          writeFile({ path, content, mode, ...(plainOwner ? {} : { owner, group }) }),
        ),
    undo: before ? { command: putBack(path, before) } : { impossible: `what was at ${path} is not known` },
    ...(sameText && was
      ? sides(`${was.mode} ${was.owner}:${was.group}`, `${mode} ${owner}:${group}`)
      : sides(shown(now), content)),
    ...recording(records),
    effect: (seen) =>
      withRecords(
        setFile(seen, path, from && was ? { ...was, mode, owner, group } : textFile(content, mode, owner, group)),
        records,
      ),
  };
  return { kind: 'changes', changes: [change] };
}

function directory(params: FileParams, facts: HostFacts, now: FileFact): Diff {
  const { path } = params;
  if (now.kind === 'file' || now.kind === 'other') {
    return {
      kind: 'refused',
      sentence: `${path} is ${now.kind === 'file' ? 'a file' : now.what}, not a directory`,
      fix: `look at it with \`ls -ld ${quote(path)}\`; move it away, or name another path`,
    };
  }
  const was = now.kind === 'directory' ? now : undefined;
  const mode = params.mode ?? was?.mode ?? '0755';
  const owner = params.owner ?? was?.owner ?? 'root';
  const group = params.group ?? was?.group ?? 'root';
  if (was && was.mode === mode && was.owner === owner && was.group === group) return nothing;
  const made = was ? [] : missingParents(facts, path);
  const before = was ? { ...was } : { kind: 'absent' as const, made: [...made] };
  const records = newRecords(facts, { key: recordKey('file', path), value: before });
  const undo = was ? access(path, was.mode, was.owner, was.group) : removeDirectories([path, ...made]);
  const change: Change = {
    sentence: was ? accessSentence(path, mode, owner, group) : `create the directory ${path}`,
    command: lines(!was && `umask 022\nmkdir -p ${quote(path)}`, access(path, mode, owner, group)),
    undo: { command: undo },
    ...sides(was && `${was.mode} ${was.owner}:${was.group}`, `${mode} ${owner}:${group}`),
    ...recording(records),
    effect: (seen) => withRecords(setFile(seen, path, { kind: 'directory', mode, owner, group }), records),
  };
  return { kind: 'changes', changes: [change] };
}

function absent(path: string, facts: HostFacts, now: FileFact): Diff {
  if (now.kind === 'absent') return nothing;
  if (now.kind !== 'file') {
    return {
      kind: 'refused',
      sentence: `${path} is ${now.kind === 'directory' ? 'a directory' : now.what}; mesh removes files only`,
      fix: `look at it with \`ls -ld ${quote(path)}\` and remove it yourself if it is to go`,
    };
  }
  const before = toFormer(facts, path, now);
  const records = before ? newRecords(facts, { key: recordKey('file', path), value: before }) : [];
  const change: Change = {
    sentence: `remove ${path}`,
    command: lines(
      asPlanned(path, now, { kind: 'absent' }, records),
      before && keepCopy(path, before),
      `rm -f ${quote(path)}`,
    ),
    undo: before ? { command: putBack(path, before) } : { impossible: `what was at ${path} is not known` },
    ...sides(shown(now), undefined),
    ...recording(records),
    effect: (seen) => withRecords(setFile(seen, path, { kind: 'absent' }), records),
  };
  return { kind: 'changes', changes: [change] };
}

function goBack(path: string, facts: HostFacts, now: FileFact): Diff {
  const recorded = former(facts, recordKey('file', path), formerFile);
  if (recorded.kind === 'unknown') return recorded.diff;
  if (recorded.kind === 'none' || isAsBefore(now, recorded.value)) return nothing;
  const was = recorded.value;
  const present = toFormer(facts, path, now);
  if (now.kind === 'directory' && was.kind === 'absent') {
    const directories = [path, ...was.made];
    const change: Change = {
      sentence: `remove the directory ${path}, if nobody else put something into it`,
      command: removeDirectories(directories),
      undo: { command: lines('umask 022', `mkdir -p ${quote(path)}`, access(path, now.mode, now.owner, now.group)) },
      effect: (seen) => directories.reduce((facts, one) => setFile(facts, one, { kind: 'absent' }), seen),
    };
    return { kind: 'changes', changes: [change] };
  }
  if (now.kind === 'other' || (now.kind === 'directory') !== (was.kind === 'directory')) {
    return {
      kind: 'refused',
      sentence: `${path} was replaced by ${now.kind === 'other' ? now.what : `a ${now.kind}`} since mesh changed it`,
      fix: `move it away (\`ls -ld ${quote(path)}\` shows it) and run this again`,
    };
  }
  const change: Change = {
    sentence: was.kind === 'absent' ? `remove ${path}, which mesh made` : `put ${path} back as it was`,
    command: now.kind === 'directory' ? putBack(path, was) : lines(asPlanned(path, now, was), putBack(path, was)),
    undo: present ? { command: putBack(path, present) } : { impossible: `what is at ${path} is not known` },
    ...sides(shown(now), was.kind === 'file' ? was.content : undefined),
    effect: (seen) => withFormer(seen, path, was),
  };
  return { kind: 'changes', changes: [change] };
}

function access(path: string, mode: string, owner: string, group: string): string {
  return lines(`chown ${quote(ownership(owner, group) ?? '')} ${quote(path)}`, `chmod ${quote(mode)} ${quote(path)}`);
}

function accessSentence(path: string, mode: string, owner: string, group: string): string {
  return `set mode ${mode} and owner ${owner}:${group} of ${path}`;
}

/** Removes directories, nearest first; one that holds something stays, and that is no failure. */
function removeDirectories(paths: readonly string[]): string {
  return lines(...paths.map((path) => `rmdir ${quote(path)} 2>/dev/null || :`));
}
