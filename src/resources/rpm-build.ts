import * as z from 'zod';
import type { BuildOnHost, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { listName, rpmRemove } from './package/commands.js';
import { need, recording } from './params.js';
import { newRecords, recordKey, withRecords } from './records.js';
import { collect, compile, fetchSource, installRequirements, removeCache } from './rpm-build/commands.js';
import { folderOf, type Recipe, recipe, sourceOf } from './rpm-build/recipe.js';
import { type Change, type Diff, type FileNeed, nothing, type Resource } from './types.js';

const schema = z
  .strictObject({
    build: recipe.optional(),
    state: z.enum(['present', 'former']).default('present'),
    cache: z.enum(['keep', 'remove']).default('keep'),
  })
  .superRefine((params, context) => {
    if (params.state === 'present' && params.build === undefined) {
      context.addIssue({ code: 'custom', path: ['build'], message: 'is needed: one of `mesh.ovs.builds`' });
    }
  });

export type RpmBuildParams = z.infer<typeof schema>;

/** The kind under which a builder keeps what was installed for a build. */
const RECORD = 'build_packages';
const FETCH_SECONDS = 1800;
const INSTALL_SECONDS = 1800;
const BUILD_SECONDS = 7200;

/**
 * RPMs of Open vSwitch, built from its source on this host. A build has a key made of everything that it depends on: one
 * that is finished is never made again. `former` takes away what was installed to build; what was built stays, unless
 * `cache: remove` says otherwise.
 */
export const rpmBuild: Resource<RpmBuildParams> = {
  type: 'rpm_build',
  schema,
  label: ({ build }) => (build ? `Open vSwitch ${build.version} for ${build.platform}` : 'builds'),
  interests: () => ({}),
  diff: (params, facts) => {
    const packaging = need(facts.packaging, 'what was built on this host');
    if (!packaging.known) return packaging.diff;
    if (params.state === 'former') return goBack(params.cache, facts, packaging.value.builds);
    const { build } = params;
    if (!build || packaging.value.builds[build.key]?.files) return nothing;
    return { kind: 'changes', changes: steps(build, facts) };
  },
};

function steps(build: Recipe, facts: HostFacts): readonly Change[] {
  const dir = folderOf(build);
  const list = listName([`build-${build.key}`]);
  const records = newRecords(facts, { key: recordKey(RECORD, build.key), value: { list } });
  const needs = sourceNeed(build);
  const from = 'url' in build.source ? build.source.url : build.source.laptop;
  const from_ = needs
    ? `check the source of Open vSwitch ${build.version} (${from})`
    : `fetch the source of Open vSwitch ${build.version} from ${from}`;
  return [
    {
      sentence: from_,
      command: fetchSource(build),
      undo: { command: `rm -rf ${quote(dir)}` },
      after: `${sourceOf(build)}\nsha256 ${build.sha256 ?? '(recorded in the lock file)'}`,
      ...(needs && { needs: [needs] }),
      timeoutSeconds: FETCH_SECONDS,
      effect: (seen) => built(seen, build.key, { source: build.sha256, files: null }),
    },
    {
      sentence: 'install what building it needs, as its spec says',
      command: installRequirements(build, list),
      undo: { command: rpmRemove({ names: [], lists: [list], keep: [] }) },
      ...recording(records),
      timeoutSeconds: INSTALL_SECONDS,
      effect: (seen) => withRecords(seen, records),
    },
    {
      sentence: `build Open vSwitch ${build.version} (rpmbuild ${build.spec}, log in ${dir}/log)`,
      command: compile(build),
      undo: { command: `rm -rf ${quote(dir)}/tree` },
      timeoutSeconds: BUILD_SECONDS,
      effect: (seen) => seen,
    },
    {
      sentence: `keep the RPMs in ${dir}/RPMS`,
      command: collect(build),
      undo: { command: `rm -rf ${quote(dir)}/RPMS ${quote(dir)}/manifest` },
      effect: (seen) => built(seen, build.key, { source: build.sha256, files: {} }),
    },
  ];
}

/** A source on the laptop is brought; one with a URL is fetched by the host itself. */
function sourceNeed(build: Recipe): FileNeed | undefined {
  if (!('laptop' in build.source)) return undefined;
  const { laptop, size } = build.source;
  return { path: sourceOf(build), size, sha256: build.sha256, from: { laptop } };
}

function built(facts: HostFacts, key: string, build: BuildOnHost): HostFacts {
  if (!facts.packaging.known) return facts;
  const builds = { ...facts.packaging.value.builds, [key]: build };
  return { ...facts, packaging: { known: true, value: { ...facts.packaging.value, builds } } };
}

function goBack(cache: 'keep' | 'remove', facts: HostFacts, builds: Readonly<Record<string, BuildOnHost>>): Diff {
  if (!facts.mesh.known) return { kind: 'unknown', what: "mesh's records", why: facts.mesh.why };
  const { records } = facts.mesh.value;
  const keys = Object.keys(records)
    .filter((key) => key.startsWith(`${RECORD}/`))
    .sort();
  const changes: Change[] = [];
  if (keys.length > 0) {
    const lists = keys.map((key) => listName([`build-${key.slice(RECORD.length + 1)}`]));
    const keep = Object.keys(records)
      .filter((key) => key.startsWith('package/'))
      .map((key) => decodeURIComponent(key.slice('package/'.length)))
      .sort();
    changes.push({
      sentence: 'remove what was installed to build Open vSwitch',
      command: `${rpmRemove({ names: [], lists, keep })}\nrm -f ${keys.map((key) => quote(`/var/lib/mesh/record/${key}`)).join(' ')}`,
      undo: { impossible: 'the next build installs it again' },
      timeoutSeconds: INSTALL_SECONDS,
      effect: (seen) => forget(seen, keys),
    });
  }
  if (cache === 'remove' && Object.keys(builds).length > 0) {
    changes.push({
      sentence: 'remove what was built',
      command: removeCache(),
      undo: { impossible: 'the next deploy builds it again' },
      effect: (seen) =>
        seen.packaging.known
          ? { ...seen, packaging: { known: true, value: { ...seen.packaging.value, builds: {} } } }
          : seen,
    });
  }
  return { kind: 'changes', changes };
}

function forget(facts: HostFacts, keys: readonly string[]): HostFacts {
  if (!facts.mesh.known) return facts;
  const records = Object.fromEntries(Object.entries(facts.mesh.value.records).filter(([key]) => !keys.includes(key)));
  return { ...facts, mesh: { known: true, value: { ...facts.mesh.value, records } } };
}
