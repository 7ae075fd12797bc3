import type { Member } from '../desired.js';
import { platformOf } from './platform.js';
import { BUILDS, filesOf } from './recipe.js';
import type { BuildRecipe } from './types.js';

/** Who may build, and what was given to whom so far. */
export interface Builders {
  readonly members: readonly Member[];
  /** Builder → key → recipe. */
  readonly started: Map<string, Map<string, BuildRecipe>>;
}

/** Sources, objects and packages of one build with its debug symbols (measured: 0.6 GiB for 3.1), with some room. */
const DISK_BYTES = 1.5 * 2 ** 30;
/** A compiler for each of two cores, and the link of the library. */
const MEMORY_BYTES = 0.7 * 2 ** 30;

export interface Holder {
  readonly host: string;
  readonly folder: string;
  readonly manifest: string;
  readonly files: Readonly<Record<string, string>>;
}

/** The first host that is here and has what a recipe makes, finished. */
export function holderOf(recipe: BuildRecipe, selinux: boolean, members: readonly Member[]): Holder | undefined {
  for (const { host, facts, absent } of members) {
    if (absent || !facts?.packaging.known) continue;
    const files = facts.packaging.value.builds[recipe.key]?.files;
    if (!files || !filesOf(recipe, selinux).every((name) => files[name] !== undefined)) continue;
    const folder = `${BUILDS}/${recipe.key}`;
    return { host: host.name, folder: `${folder}/RPMS`, manifest: `${folder}/manifest`, files };
  }
  return undefined;
}

type Choice = { readonly builder: string } | { readonly refusal: { readonly sentence: string; readonly fix: string } };

/**
 * The host that builds for `member`: the one that `mesh_builder` names, else one of its platform that has begun already,
 * else the first in the inventory with enough disk and memory.
 */
export function chooseBuilder(recipe: BuildRecipe, member: Member, builders: Builders): Choice {
  for (const [builder, recipes] of builders.started) if (recipes.has(recipe.key)) return { builder };
  const able = builders.members.filter(
    ({ facts, absent }) => !absent && facts && platformOf(facts)?.name === recipe.platform,
  );
  const named = member.host.mesh.builder;
  if (named !== undefined) {
    const builder = able.find(({ host }) => host.name === named);
    if (!builder) return { refusal: unfit(named, recipe, builders.members) };
    const lack = lackOf(builder);
    return lack === undefined ? { builder: named } : { refusal: small(named, lack) };
  }
  const begun = able.find(({ facts }) => facts?.packaging.known && recipe.key in facts.packaging.value.builds);
  const builder = begun ?? able.find((one) => lackOf(one) === undefined);
  if (builder) return { builder: builder.host.name };
  const [first] = able;
  return { refusal: first ? small(first.host.name, lackOf(first) ?? '') : unfit('', recipe, builders.members) };
}

function unfit(named: string, recipe: BuildRecipe, members: readonly Member[]) {
  const member = members.find(({ host }) => host.name === named);
  const platform = platformOf(member?.facts)?.name;
  const why = !member
    ? 'which is no host of the mesh'
    : !member.facts || member.absent
      ? 'which cannot be worked with now'
      : `which is ${platform ?? 'no system that RPMs are built on'}`;
  const sentence = `Open vSwitch ${recipe.version} has to be built for ${recipe.platform}, but mesh_builder is ${named}, ${why}`;
  return { sentence, fix: `set mesh_builder to a host of ${recipe.platform}, or leave it out` };
}

function small(host: string, lack: string) {
  return {
    sentence: `Open vSwitch would be built on ${host}, which has ${lack}`,
    fix: 'make room there, name another host with mesh_builder, or bring finished RPMs with mesh_ovs_source: file',
  };
}

function lackOf({ facts }: Member): string | undefined {
  if (!facts?.system.known) return 'a system that could not be looked at';
  const { diskFreeBytes, memoryBytes } = facts.system.value;
  if (diskFreeBytes < DISK_BYTES) return `${gib(diskFreeBytes)} free in /var/lib (a build takes ${gib(DISK_BYTES)})`;
  if (memoryBytes < MEMORY_BYTES) return `${gib(memoryBytes)} of memory (a build takes ${gib(MEMORY_BYTES)})`;
  return undefined;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
