import type { HostFacts } from '../../facts/types.js';
import { type Answer, type Context, refused } from './answer.js';
import { compareVersions, DEFAULT_VERSION, FIRST_WITH_PROTECTED, upstreamVersion } from './release.js';
import type { BuildRecipe, OvsFinding } from './types.js';

/** What is installed: as its package says, else as the daemon does. */
export function installedVersion(facts: HostFacts): string | null {
  const owner = facts.packaging.known ? facts.packaging.value.openvswitch : null;
  if (owner) return upstreamVersion(owner.version);
  return facts.openvswitch.known ? facts.openvswitch.value.version : null;
}

/** What stands against putting `version` in the place of what is there; undefined: nothing; 'same': there is nothing to do. */
export function against(context: Context, version: string): Answer | 'same' | undefined {
  const { facts, member } = context;
  if (!facts.openvswitch.known || !facts.openvswitch.value.installed) return undefined;
  const there = installedVersion(facts);
  if (there === version) return 'same';
  if (!facts.packaging.known) {
    const sentence = `what its Open vSwitch belongs to could not be read: ${facts.packaging.why}`;
    return refused(
      context,
      'packaging-unknown',
      sentence,
      'see to it that `rpm -qf $(command -v ovs-vsctl)` answers there',
    );
  }
  const owner = facts.packaging.value.openvswitch;
  if (!owner) {
    const sentence =
      'its Open vSwitch belongs to no package: somebody installed it by hand, and mesh does not overwrite that';
    return refused(
      context,
      'ovs-by-hand',
      sentence,
      'remove it, or set mesh_ovs_source: auto and no mesh_ovs_version to keep it',
    );
  }
  if (owner.name !== 'openvswitch') {
    const sentence = `its Open vSwitch is the package ${owner.name}, in whose place openvswitch ${version} cannot be put`;
    return refused(
      context,
      'ovs-other-package',
      sentence,
      `remove ${owner.name}, or set mesh_ovs_source: distro to keep it`,
    );
  }
  if (there !== null && compareVersions(there, version) > 0 && !member.host.mesh.ovsDowngrade) {
    const sentence = `Open vSwitch ${there} is installed, and ${version} is older: a downgrade can lose what its database holds`;
    return refused(
      context,
      'ovs-downgrade',
      sentence,
      `write mesh_ovs_version: "${there}", or mesh_ovs_downgrade: yes to go back`,
    );
  }
  return undefined;
}

/** What a mesh of more than two hosts cannot be made with. */
export function tooOld(context: Context, version: string): readonly Omit<OvsFinding, 'host'>[] {
  if (context.hosts <= 2 || compareVersions(version, FIRST_WITH_PROTECTED) >= 0) return [];
  const sentence = `Open vSwitch ${version} has no protected ports (they came with ${FIRST_WITH_PROTECTED}): a mesh of ${context.hosts} hosts would be a loop`;
  return [{ code: 'ovs-too-old', severity: 'refuse', sentence, fix: `set mesh_ovs_version: "${DEFAULT_VERSION}"` }];
}

/** The answer where a system has nothing that RPMs could be installed with. */
export function notBuildable(context: Context): Answer {
  const { facts, member } = context;
  const name = facts.system.known ? facts.system.value.osName : 'an unknown system';
  const deb = facts.system.known && facts.system.value.packageFormat === 'deb';
  const sentence = deb
    ? `mesh builds RPMs, and this is ${name}`
    : `it has no Open vSwitch, and mesh builds it on systems like RHEL and Fedora only (this is ${name})`;
  const fix = deb
    ? `set mesh_ovs_source: distro for ${member.host.name}: its repositories have openvswitch-switch`
    : 'install Open vSwitch on it and run the same command again';
  return refused(context, 'no-source', sentence, fix);
}

/** A source on the laptop that is not the one that was recorded is found before anything is sent. */
export function sourceObstacle(context: Context, recipe: BuildRecipe): Answer | undefined {
  if (!('laptop' in recipe.source)) return undefined;
  const file = context.known.laptop.get(recipe.source_name);
  if (!file || recipe.sha256 === null || file.sha256 === recipe.sha256) return undefined;
  const sentence = `${recipe.source_name} has the sha256 ${file.sha256}, and ${recipe.sha256} was expected`;
  return refused(
    context,
    'source-checksum',
    sentence,
    'bring the right file, or correct mesh_ovs_sha256 or the lock file',
  );
}
