import * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { setService } from './facts-edit-host.js';
import { listName, rpmRemove } from './package/commands.js';
import { knownPackages } from './package/known.js';
import { absolutePath, need, recording } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { installFiles, restartMeasured, startVerified, stopped } from './rpm-install/commands.js';
import { lines } from './shell.js';
import { type Change, type Diff, type FileNeed, nothing, type Resource } from './types.js';

const rpmFile = z.strictObject({
  path: absolutePath,
  sha256: z
    .string({ error: 'a sha256 in quotes, or null' })
    .regex(/^[0-9a-f]{64}$/, 'must be a sha256: 64 hexadecimal digits')
    .nullable(),
  size: z.int().optional(),
  from: z
    .union([z.strictObject({ host: z.string(), path: absolutePath }), z.strictObject({ laptop: z.string() })])
    .nullable(),
  manifest: absolutePath.optional(),
});

const schema = z
  .strictObject({
    name: z
      .string({ error: 'the name of a package, as text' })
      .regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*$/, 'must be the name of a package, like openvswitch'),
    version: z
      .string({ error: 'a version in quotes: "3.3.4"' })
      .regex(/^[0-9][A-Za-z0-9.~^_]*$/, 'must be a version without its release, like 3.3.4')
      .optional(),
    files: z.array(rpmFile).default([]),
    service: z
      .string()
      .regex(/^[A-Za-z0-9_:@][A-Za-z0-9_.:@-]*$/, 'must be the name of a systemd unit')
      .default('openvswitch'),
    downgrade: z.boolean({ error: 'true or false' }).default(false),
    witness: z.ipv4({ error: 'an IPv4 address' }).nullable().default(null),
    state: z.enum(['present', 'former']).default('present'),
  })
  .superRefine((params, context) => {
    if (params.state !== 'present') return;
    if (params.version === undefined) {
      context.addIssue({ code: 'custom', path: ['version'], message: 'is needed: what the files hold' });
    }
    if (params.files.length === 0) {
      context.addIssue({ code: 'custom', path: ['files'], message: 'is needed: one of `mesh.ovs.files`, or more' });
    }
  });

export type RpmInstallParams = z.infer<typeof schema>;

/** As the resource `package` writes it: what was there before, and the list of what came with it. */
const record = z.object({ installed: z.string().nullable(), list: z.string().regex(/^[A-Za-z0-9_.%-]+$/) });

const INSTALL_SECONDS = 1800;
const START_SECONDS = 180;

/**
 * Open vSwitch from RPM files, by the host's own dnf or yum with the dependencies from its repositories. Its database is
 * copied first; the version is that of the daemon that runs at the end; the standstill of an upgrade is measured.
 */
export const rpmInstall: Resource<RpmInstallParams> = {
  type: 'rpm_install',
  schema,
  label: ({ name, version }) => (version === undefined ? name : `${name} ${version}`),
  interests: () => ({}),
  diff: (params, facts) => {
    const packaging = need(facts.packaging, 'which package Open vSwitch belongs to');
    if (!packaging.known) return packaging.diff;
    const owner = packaging.value.openvswitch;
    if (owner && owner.name !== params.name) {
      return params.state === 'former' ? nothing : otherPackage(params.name, owner.name);
    }
    const there = owner?.version ?? null;
    return params.state === 'former' ? goBack(params, facts, there) : present(params, facts, there);
  },
};

function otherPackage(name: string, owner: string): Diff {
  const sentence = `Open vSwitch is here as the package ${owner}, in whose place ${name} cannot be put`;
  return { kind: 'refused', sentence, fix: `remove ${owner} first, or leave this task out for the host with \`when\`` };
}

function upstream(version: string): string {
  return version.replace(/^\d+:/, '').split('-')[0] ?? version;
}

function present(params: RpmInstallParams, facts: HostFacts, there: string | null): Diff {
  const { name, files, service, downgrade, witness } = params;
  const version = params.version ?? '';
  if (there !== null && upstream(there) === version) return nothing;
  const list = listName([name]);
  const records = newRecords(facts, { key: recordKey('package', name), value: { installed: there, list } });
  const needs = files.flatMap(toNeed);
  const sources = [...new Set(files.map(({ from }) => placeOf(from)))].join(', ');
  const install: Change = {
    sentence: `${there === null ? 'install' : 'replace'} ${name} ${there === null ? version : `${there} by ${version}`} (${files.length === 1 ? '1 RPM' : `${files.length} RPMs`} ${sources})`,
    command: installFiles({ name, version, files, list, before: there, downgrade }),
    undo:
      there === null
        ? { command: rpmRemove({ names: [name], lists: [list], keep: [] }) }
        : { impossible: `${name} ${there} may not be on offer any more` },
    ...(there === null ? {} : { before: `${name} ${there}` }),
    after: `${name} ${version}`,
    ...(needs.length > 0 && { needs }),
    ...recording(records),
    timeoutSeconds: INSTALL_SECONDS,
    effect: (seen) => withRecords(installed(seen, name, version, service), records),
  };
  const run: Change = {
    sentence:
      there === null
        ? `start ${service}, now and at boot, and see that ${version} runs`
        : `restart ${service} into ${version}, and measure how long traffic stands still`,
    command: there === null ? startVerified(service, version) : restartMeasured(service, version, witness),
    undo:
      there === null
        ? { command: `systemctl disable --now ${service}` }
        : { impossible: 'a restart cannot be taken back' },
    timeoutSeconds: START_SECONDS,
    effect: (seen) => running(seen, service, version),
  };
  return { kind: 'changes', changes: [install, run] };
}

function toNeed({ path, sha256, size, from, manifest }: z.infer<typeof rpmFile>): readonly FileNeed[] {
  if (!from) return [];
  return [{ path, sha256, from, ...(size !== undefined && { size }), ...(manifest !== undefined && { manifest }) }];
}

function placeOf(from: z.infer<typeof rpmFile>['from']): string {
  if (!from) return 'built here';
  return 'host' in from ? `from ${from.host}` : 'from the laptop';
}

function installed(facts: HostFacts, name: string, version: string, service: string): HostFacts {
  const known = knownPackages.get('openvswitch')?.installed(facts, version) ?? facts;
  const seen = setService(known, service, { load: 'loaded' });
  if (!seen.packaging.known) return seen;
  return { ...seen, packaging: { known: true, value: { ...seen.packaging.value, openvswitch: { name, version } } } };
}

function running(facts: HostFacts, service: string, version: string): HostFacts {
  const up = { load: 'loaded', active: 'active', enabled: 'enabled' };
  const seen = [service, 'openvswitch', 'ovs-vswitchd', 'ovsdb-server'].reduce(
    (now, unit) => setService(now, unit, up),
    facts,
  );
  if (!seen.openvswitch.known) return seen;
  const value = { ...seen.openvswitch.value, installed: true, running: true, version };
  return { ...seen, openvswitch: { known: true, value } };
}

function goBack({ name, service }: RpmInstallParams, facts: HostFacts, there: string | null): Diff {
  const recorded = former(facts, recordKey('package', name), record);
  if (recorded.kind === 'unknown') return recorded.diff;
  if (recorded.kind === 'none' || there === null || recorded.value.installed === there) return nothing;
  const { installed: before, list } = recorded.value;
  if (before !== null) {
    const note = `${name} ${there} stays: ${before}, which was here before, may lose what its database holds`;
    return { kind: 'changes', changes: [], notes: [note] };
  }
  const change: Change = {
    sentence: `remove ${name}, which mesh installed, and what came with it`,
    command: lines(stopped(service), rpmRemove({ names: [name], lists: [list], keep: [] }), 'systemctl daemon-reload'),
    undo: { impossible: 'the next deploy installs it again' },
    before: `${name} ${there}`,
    timeoutSeconds: INSTALL_SECONDS,
    effect: (seen) => {
      const without = knownPackages.get('openvswitch')?.removed(seen) ?? seen;
      return without.packaging.known
        ? { ...without, packaging: { known: true, value: { ...without.packaging.value, openvswitch: null } } }
        : without;
    },
  };
  return { kind: 'changes', changes: [change] };
}
