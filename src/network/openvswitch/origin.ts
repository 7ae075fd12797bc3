import type { HostFacts } from '../../facts/types.js';
import { firstAddress } from '../address.js';
import type { Member } from '../desired.js';
import { type Answer, BLANK, type Context, none, refused } from './answer.js';
import { type Builders, chooseBuilder, holderOf } from './builders.js';
import { against, installedVersion, notBuildable, sourceObstacle, tooOld } from './obstacles.js';
import { type Platform, platformOf } from './platform.js';
import { BUILDS, filesOf, PACKAGES, recipeFor } from './recipe.js';
import { compareVersions, DEFAULT_VERSION, FIRST_WITH_PROTECTED, upstreamVersion } from './release.js';
import { type Offer, offerFor, POSSIBLE_PACKAGES, POSSIBLE_REPOSITORIES } from './repositories.js';
import type { BuildRecipe, LaptopFile, OvsFinding, OvsKnowledge, OvsOrigin, RpmFile } from './types.js';

/** Where every host's Open vSwitch comes from, and what stands against it. */
export interface OvsOrigins {
  readonly origins: ReadonlyMap<string, OvsOrigin>;
  readonly findings: readonly OvsFinding[];
}

const NOTHING: OvsKnowledge = { sources: {}, builds: {}, laptop: new Map() };

/**
 * Decides for every member that was looked at where its Open vSwitch comes from, and who builds it. Pure: the same facts,
 * settings and lock file give the same answer.
 */
export function openvSwitchOrigins(members: readonly Member[], known: OvsKnowledge = NOTHING): OvsOrigins {
  const builders: Builders = { members, started: new Map() };
  const findings: OvsFinding[] = [];
  const origins = new Map<string, OvsOrigin>();
  for (const member of members) {
    if (!member.facts) continue;
    const { origin, findings: found } = originOf(member, member.facts, members.length, known, builders);
    origins.set(member.host.name, origin);
    findings.push(...found.map((finding) => ({ host: member.host.name, ...finding })));
  }
  for (const [builder, recipes] of builders.started) {
    const origin = origins.get(builder);
    if (origin) origins.set(builder, { ...origin, builds: [...recipes.values()] });
  }
  return { origins, findings };
}

function originOf(member: Member, facts: HostFacts, hosts: number, known: OvsKnowledge, builders: Builders): Answer {
  const service =
    facts.system.known && facts.system.value.packageFormat === 'deb' ? 'openvswitch-switch' : 'openvswitch';
  const { mesh } = member.host;
  const context: Context = { member, facts, hosts, known, builders, service };
  if (!facts.openvswitch.known) return none(context, 'its Open vSwitch could not be looked at', []);
  const here = facts.openvswitch.value.installed;
  switch (mesh.ovsSource) {
    case 'distro':
      return here ? stays(context) : fromDistro(context);
    case 'file':
      return fromFiles(context);
    case 'build':
      return built(context, mesh.ovsVersion ?? DEFAULT_VERSION);
    case 'auto': {
      if (service === 'openvswitch-switch') return here ? stays(context) : fromDistro(context);
      return here && mesh.ovsVersion === undefined
        ? stays(context)
        : built(context, mesh.ovsVersion ?? DEFAULT_VERSION);
    }
  }
}

/** What is there stays; a mesh of more than two hosts wants more of it than very old releases have. */
function stays({ facts, hosts, service, member }: Context): Answer {
  const version = installedVersion(facts);
  const origin: OvsOrigin = {
    ...BLANK,
    source: 'installed',
    why: `Open vSwitch${version === null ? '' : ` ${version}`} is installed`,
    version,
    service,
  };
  const wanted = member.host.mesh.ovsVersion;
  if (version !== null && hosts > 2 && compareVersions(version, FIRST_WITH_PROTECTED) < 0) {
    const sentence = `its Open vSwitch ${version} has no protected ports (they came with ${FIRST_WITH_PROTECTED}): a mesh of ${hosts} hosts would be a loop`;
    const fix = `let mesh build a newer one: mesh_ovs_source: build, mesh_ovs_version: "${DEFAULT_VERSION}"`;
    return { origin, findings: [{ code: 'ovs-too-old', severity: 'refuse', sentence, fix }] };
  }
  if (wanted !== undefined && version !== null && compareVersions(version, wanted) !== 0) {
    const sentence = `Open vSwitch ${version} is installed and stays, though mesh_ovs_version is ${wanted}`;
    const fix = 'leave mesh_ovs_version out here: it is for Open vSwitch that mesh builds';
    return { origin, findings: [{ code: 'ovs-other-version', severity: 'warn', sentence, fix }] };
  }
  return { origin, findings: [] };
}

function fromDistro(context: Context): Answer {
  const { facts, service } = context;
  const name = facts.system.known ? facts.system.value.osName : 'an unknown system';
  const offer: Offer | undefined = offerFor(facts);
  if (!offer) {
    const sentence = `mesh knows of no repository with Open vSwitch for ${name}`;
    return refused(context, 'no-source', sentence, 'set mesh_ovs_source: build, or install Open vSwitch by hand');
  }
  const origin: OvsOrigin = {
    ...BLANK,
    source: 'distro',
    why: `${offer.packages.join(', ')} from ${offer.from}`,
    service,
    packages: offer.packages,
    release_packages: offer.releasePackages,
    repositories: offer.repositories,
  };
  return { origin, findings: [] };
}

function built(context: Context, version: string): Answer {
  const { facts, member, known, builders } = context;
  const { mesh } = member.host;
  const platform: Platform | undefined = platformOf(facts);
  if (!platform) return notBuildable(context);
  const obstacle = against(context, version);
  if (obstacle === 'same') return stays(context);
  const there = installedVersion(facts);
  // `auto` takes what is new enough; only `build` insists on its version.
  if (obstacle && mesh.ovsSource === 'auto' && there !== null && compareVersions(there, version) > 0)
    return stays(context);
  if (obstacle) return obstacle;
  const old = tooOld(context, version);
  if (old[0]) return none(context, old[0].sentence, old);
  const recipe = recipeFor(mesh, platform, known);
  const wrong = sourceObstacle(context, recipe);
  if (wrong) return wrong;
  const holder = holderOf(recipe, selinuxOf(facts), builders.members);
  const chosen = holder ? { builder: holder.host } : chooseBuilder(recipe, member, builders);
  if ('refusal' in chosen) return refused(context, 'no-builder', chosen.refusal.sentence, chosen.refusal.fix);
  const { builder } = chosen;
  if (!holder && !member.absent) {
    const started = builders.started.get(builder) ?? new Map<string, BuildRecipe>();
    builders.started.set(builder, started.set(recipe.key, recipe));
  }
  const reason = there === null ? 'it has none' : `it has ${there}`;
  const where = builder === member.host.name ? 'here' : `on ${builder}`;
  return {
    origin: {
      ...BLANK,
      source: 'build',
      why: holder
        ? `${reason}, and ${version} for ${platform.name} was built already (${builder} has it)`
        : `${reason}; ${version} is built ${where} for ${platform.name}`,
      version,
      service: context.service,
      recipe,
      builder,
      files: builtFiles(recipe, context, builder, holder),
      witness: witnessOf(context),
      downgrade: mesh.ovsDowngrade,
    },
    findings: [],
  };
}

function builtFiles(
  recipe: BuildRecipe,
  { member, facts, known }: Context,
  builder: string,
  holder: ReturnType<typeof holderOf>,
): readonly RpmFile[] {
  const at = holder?.folder ?? `${BUILDS}/${recipe.key}/RPMS`;
  const manifest = holder?.manifest ?? `${BUILDS}/${recipe.key}/manifest`;
  return filesOf(recipe, selinuxOf(facts)).map((name): RpmFile => {
    const sha256 = holder?.files[name] ?? (holder ? known.builds[recipe.key]?.rpms[name] : undefined) ?? null;
    if (builder === member.host.name) return { path: `${at}/${name}`, sha256, from: null, manifest };
    return {
      path: `${PACKAGES}/${recipe.key}/${name}`,
      sha256,
      from: { host: builder, path: `${at}/${name}` },
      manifest,
    };
  });
}

function witnessOf({ member, builders }: Context): string | null {
  const peer = builders.members.find(({ host, absent }) => !absent && host.name !== member.host.name);
  return peer ? firstAddress(peer.slice) : null;
}

function selinuxOf(facts: HostFacts): boolean {
  return facts.packaging.known && facts.packaging.value.selinux;
}

function fromFiles(context: Context): Answer {
  const { member, facts, known } = context;
  const { mesh } = member.host;
  const platform = platformOf(facts);
  if (!platform) return notBuildable(context);
  const files = mesh.ovsFiles.flatMap((path) => known.laptop.get(path) ?? []);
  const fit = files.filter(
    ({ rpm }) => rpm && (rpm.architecture === platform.architecture || rpm.architecture === 'noarch'),
  );
  const main = fit.find(({ rpm }) => rpm?.name === 'openvswitch');
  if (!main?.rpm) {
    const sentence = `mesh_ovs_files names no RPM of openvswitch for ${platform.architecture}`;
    return refused(
      context,
      'no-source',
      sentence,
      'add the path of one: mesh_ovs_files: [openvswitch-3.3.4-1.el9.x86_64.rpm]',
    );
  }
  const version = upstreamVersion(main.rpm.version);
  const obstacle = against(context, version);
  if (obstacle === 'same') return stays(context);
  if (obstacle) return obstacle;
  const old = tooOld(context, version);
  if (old[0]) return none(context, old[0].sentence, old);
  const there = installedVersion(facts);
  return {
    origin: {
      ...BLANK,
      source: 'file',
      why: `${there === null ? 'it has none' : `it has ${there}`}; ${version} is in mesh_ovs_files`,
      version,
      service: context.service,
      files: fit.filter(({ rpm }) => selinuxOf(facts) || !rpm?.name.endsWith('-selinux-policy')).map(fromLaptop),
      witness: witnessOf(context),
      downgrade: mesh.ovsDowngrade,
    },
    findings: [],
  };
}

function fromLaptop({ path, sha256, size }: LaptopFile): RpmFile {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { path: `${PACKAGES}/${sha256.slice(0, 16)}/${name}`, sha256, size, from: { laptop: path } };
}

/** For the time before anything is known of a host: every package that could be asked for, so that all are looked at. */
export function foreseenOrigin(source: 'auto' | 'distro' | 'build' | 'file'): OvsOrigin {
  const possible =
    source === 'distro'
      ? { packages: POSSIBLE_PACKAGES, repositories: POSSIBLE_REPOSITORIES }
      : { packages: ['openvswitch-switch'] };
  return { ...BLANK, ...possible, source: 'none', why: 'it was not looked at', service: 'openvswitch-switch' };
}
