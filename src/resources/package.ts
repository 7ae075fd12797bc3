import * as z from 'zod';
import type { HostFacts, PackageFact } from '../facts/types.js';
import { setPackage } from './facts-edit-host.js';
import { aptInstall, aptRemove, listName, type Removal, rpmInstall, rpmRemove } from './package/commands.js';
import { knownPackages, maybeServices } from './package/known.js';
import { need, recording } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines } from './shell.js';
import { type Change, type Diff, type FormerRecord, nothing, type Resource } from './types.js';

const packageName = z
  .string({ error: 'the name of a package, as text' })
  .regex(/^[A-Za-z0-9][A-Za-z0-9+._:-]*$/, 'must be the name of a package, like openvswitch-switch');

const schema = z.strictObject({
  name: z
    .union([packageName, z.array(packageName)], { error: 'the name of a package, or a list of names' })
    .transform((name) => [...new Set([name].flat())]),
  state: z.enum(['present', 'absent', 'former']).default('present'),
  version: z
    .string({ error: 'a version in quotes: "3.1.0-2"' })
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9.+:~^_-]*$/,
      'must be a version as the package manager writes it, like 3.1.0-2+deb12u1',
    )
    .optional(),
});

export type PackageParams = z.infer<typeof schema>;

/** The former value of a package: its version, or null, and the list of what came with it. */
const record = z.object({ installed: z.string().nullable(), list: z.string().regex(/^[A-Za-z0-9_.%-]+$/) });

const INSTALL_SECONDS = 900;

/**
 * Packages of the host's own package manager, all missing ones in one transaction. `former` takes away what mesh brought
 * and what came with it, and never what another package needs or was there before.
 */
export const packages: Resource<PackageParams> = {
  type: 'package',
  schema,
  label: (params) => params.name.join(', ') || 'no package',
  interests: (params) => ({ packages: params.name }),
  diff: (params, facts) => {
    if (params.name.length === 0) return nothing;
    const system = need(facts.system, 'the operating system');
    if (!system.known) return system.diff;
    const format = system.value.packageFormat;
    if (format === 'unknown') {
      return {
        kind: 'refused',
        sentence: `${system.value.osName} has neither dpkg nor rpm, so mesh cannot install packages on it`,
        fix: `install ${params.name.join(', ')} yourself and leave this task out for the host with \`when\``,
      };
    }
    const now = new Map<string, PackageFact>();
    for (const name of params.name) {
      const fact = need(facts.packages[name], `whether the package ${name} is installed`);
      if (!fact.known) return fact.diff;
      now.set(name, fact.value);
    }
    switch (params.state) {
      case 'present':
        return present(params.version, facts, now, format);
      case 'absent':
        return absent(facts, now, format);
      case 'former':
        return goBack(facts, now, format);
    }
  },
};

type Seen = ReadonlyMap<string, PackageFact>;
type Format = 'deb' | 'rpm';

function present(version: string | undefined, facts: HostFacts, now: Seen, format: Format): Diff {
  const missing = [...now].filter(([, fact]) =>
    version === undefined ? fact.installed === null : fact.installed !== version,
  );
  if (missing.length === 0) return nothing;
  const names = missing.map(([name]) => name);
  const list = listName(names);
  const refresh = missing.some(([, fact]) => fact.candidate === null);
  const wanted = missing.map(([name, fact]): FormerRecord => {
    return { key: recordKey('package', name), value: { installed: fact.installed, list } };
  });
  const records = newRecords(facts, ...wanted);
  const install = { names, version, list, refresh };
  const fresh = missing.filter(([, fact]) => fact.installed === null).map(([name]) => name);
  const change: Change = {
    sentence: `install ${missing.map(([name, fact]) => named(name, version ?? fact.candidate)).join(', ')}`,
    command: format === 'deb' ? aptInstall(install) : rpmInstall(install),
    undo:
      fresh.length === names.length
        ? { command: removal(format, { names, lists: [list], keep: [] }) }
        : { impossible: 'another version was there before, and the repositories may not have it any more' },
    before: missing.map(([name, fact]) => `${name} ${fact.installed ?? '(not installed)'}`).join('\n'),
    after: missing.map(([name, fact]) => `${name} ${version ?? fact.candidate ?? '(newest)'}`).join('\n'),
    ...recording(records),
    ...fates(
      'exchanged',
      names.filter((name) => !fresh.includes(name)),
      facts,
    ),
    timeoutSeconds: INSTALL_SECONDS,
    effect: (seen) =>
      withRecords(
        missing.reduce((all, [name, fact]) => brought(all, name, fact, version), seen),
        records,
      ),
  };
  return { kind: 'changes', changes: [change] };
}

function absent(facts: HostFacts, now: Seen, format: Format): Diff {
  const there = [...now].filter(([, fact]) => fact.installed !== null);
  if (there.length === 0) return nothing;
  const names = there.map(([name]) => name);
  const wanted = there.map(([name, fact]): FormerRecord => {
    return { key: recordKey('package', name), value: { installed: fact.installed, list: listName(names) } };
  });
  const records = newRecords(facts, ...wanted);
  const install = { names, version: undefined, list: listName(names), refresh: false };
  const change: Change = {
    sentence: `remove ${names.join(', ')}`,
    command: lines(removal(format, { names, lists: [], keep: [] }), ...cleanUp(names)),
    undo: { command: format === 'deb' ? aptInstall(install) : rpmInstall(install) },
    before: there.map(([name, fact]) => `${name} ${fact.installed}`).join('\n'),
    ...recording(records),
    ...fates('removed', names, facts),
    timeoutSeconds: INSTALL_SECONDS,
    effect: (seen) => withRecords(names.reduce(gone, seen), records),
  };
  return { kind: 'changes', changes: [change], ...notes(names) };
}

function goBack(facts: HostFacts, now: Seen, format: Format): Diff {
  const changes: Change[] = [];
  const ours: string[] = [];
  const lists = new Set<string>();
  for (const [name, fact] of now) {
    const recorded = former(facts, recordKey('package', name), record);
    if (recorded.kind === 'unknown') return recorded.diff;
    if (recorded.kind === 'none' || recorded.value.installed === fact.installed) continue;
    const { installed, list } = recorded.value;
    if (installed === null) {
      ours.push(name);
      lists.add(list);
    } else if (fact.installed !== null) changes.push(exchange(name, facts, fact, installed, format));
    else changes.push(...bringBack(name, fact, installed, format));
  }
  if (ours.length > 0) {
    const keep = keptByOthers(facts, now);
    const install = { names: ours, version: undefined, list: listName(ours), refresh: false };
    changes.push({
      sentence: `remove ${ours.join(', ')}, which mesh installed, and what came with it`,
      command: lines(removal(format, { names: ours, lists: [...lists], keep }), ...cleanUp(ours)),
      undo: { command: format === 'deb' ? aptInstall(install) : rpmInstall(install) },
      before: ours.map((name) => `${name} ${now.get(name)?.installed}`).join('\n'),
      ...fates('removed', ours, facts),
      timeoutSeconds: INSTALL_SECONDS,
      effect: (seen) => ours.reduce(gone, seen),
    });
  }
  return changes.length === 0 ? nothing : { kind: 'changes', changes, ...notes(ours) };
}

/** Packages that mesh installed and that this task does not speak of: they stay, whatever list names them. */
function keptByOthers(facts: HostFacts, now: Seen): readonly string[] {
  if (!facts.mesh.known) return [];
  return Object.keys(facts.mesh.value.records)
    .filter((key) => key.startsWith('package/'))
    .map((key) => decodeURIComponent(key.slice('package/'.length)))
    .filter((name) => !now.has(name))
    .sort();
}

/** One version for another. */
function exchange(name: string, facts: HostFacts, fact: PackageFact, version: string, format: Format): Change {
  const to = { names: [name], version, list: listName([name]), refresh: false };
  const back = { ...to, version: fact.installed ?? undefined };
  const install = format === 'deb' ? aptInstall : rpmInstall;
  return {
    sentence: `put ${name} back to version ${version}`,
    command: install(to),
    undo: { command: install(back) },
    before: `${name} ${fact.installed}`,
    after: `${name} ${version}`,
    ...fates('exchanged', [name], facts),
    timeoutSeconds: INSTALL_SECONDS,
    effect: (seen) => setPackage(seen, name, { ...fact, installed: version }),
  };
}

/** A package that mesh removed comes back. */
function bringBack(name: string, fact: PackageFact, version: string, format: Format): readonly Change[] {
  const install = { names: [name], version, list: listName([name]), refresh: fact.candidate === null };
  return [
    {
      sentence: `install ${named(name, version)} again, which mesh removed`,
      command: format === 'deb' ? aptInstall(install) : rpmInstall(install),
      undo: { command: removal(format, { names: [name], lists: [], keep: [] }) },
      after: `${name} ${version}`,
      timeoutSeconds: INSTALL_SECONDS,
      effect: (seen) => brought(seen, name, fact, version),
    },
  ];
}

function brought(facts: HostFacts, name: string, fact: PackageFact, version: string | undefined): HostFacts {
  const installed = version ?? fact.candidate ?? 'the newest version';
  const seen = setPackage(facts, name, { ...fact, installed });
  const known = knownPackages.get(name);
  return known ? known.installed(seen, version ?? fact.candidate) : maybeServices(seen);
}

function gone(facts: HostFacts, name: string): HostFacts {
  const fact = facts.packages[name];
  const candidate = fact?.known ? fact.value.candidate : null;
  const seen = setPackage(facts, name, { installed: null, candidate });
  return knownPackages.get(name)?.removed(seen) ?? seen;
}

function removal(format: Format, what: Removal): string {
  return format === 'deb' ? aptRemove(what) : rpmRemove(what);
}

function cleanUp(names: readonly string[]): readonly string[] {
  return [...new Set(names.flatMap((name) => knownPackages.get(name)?.afterRemoval ?? []))];
}

function fates(
  what: 'removed' | 'exchanged',
  names: readonly string[],
  facts: HostFacts,
): Pick<Change, 'fates'> | Record<never, never> {
  const of = names.map((name) => knownPackages.get(name)?.fates).find((one) => one !== undefined);
  const all = of ? of[what](facts) : [];
  return all.length > 0 ? { fates: all } : {};
}

function notes(names: readonly string[]): { readonly notes?: readonly string[] } {
  const all = [...new Set(names.flatMap((name) => knownPackages.get(name)?.note ?? []))];
  return all.length > 0 ? { notes: all } : {};
}

function named(name: string, version: string | null): string {
  return version === null ? name : `${name} ${version}`;
}
