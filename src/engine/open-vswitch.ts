import { parseBuildLines, readBuild } from '../facts/packaging.js';
import type { HostFacts } from '../facts/types.js';
import type { Lock } from '../inventory/lock.js';
import { type Finished, lockWithBuilds } from '../network/openvswitch/lock.js';
import type { MeshVariables } from '../network/types.js';
import type { Connection } from '../ssh/types.js';
import type { HostPlan, Plan } from './types.js';

/** Builds that hosts of the mesh need and that are finished on the hosts that have them. */
export function finishedBuilds(
  mesh: ReadonlyMap<string, MeshVariables>,
  facts: ReadonlyMap<string, HostFacts>,
): Finished[] {
  return [...mesh.values()].flatMap(({ ovs: { recipe, builder } }) => {
    const packaging = recipe && builder !== null ? facts.get(builder)?.packaging : undefined;
    const build = recipe && packaging?.known ? packaging.value.builds[recipe.key] : undefined;
    return recipe && build ? [{ recipe, build }] : [];
  });
}

/** What the plan says of Open vSwitch where it does not simply stay as it is. */
export function openvSwitchPart(
  hosts: readonly HostPlan[],
  mesh: ReadonlyMap<string, MeshVariables>,
): Pick<Plan, 'openvswitch' | 'builds'> {
  const ready = hosts.flatMap(({ host, state }) => {
    const ovs = state === 'ready' ? mesh.get(host)?.ovs : undefined;
    return ovs ? [{ host, ovs }] : [];
  });
  const openvswitch = ready
    .filter(({ ovs }) => ovs.source !== 'installed' && ovs.source !== 'none')
    .map(({ host, ovs: { source, why } }) => ({ host, source, why }));
  const builds = ready.flatMap(({ host, ovs }) => ovs.builds.map((recipe) => ({ builder: host, recipe })));
  return { ...(openvswitch.length > 0 && { openvswitch }), ...(builds.length > 0 && { builds }) };
}

/**
 * The lock file with what the plan's builds came to, as their builders have it now; undefined where nothing was built. A
 * builder that does not answer any more is asked at the next run: its facts say the same.
 */
export async function lockAfterBuilds(
  plan: Plan,
  lock: Lock,
  connections: ReadonlyMap<string, Connection>,
): Promise<Lock | undefined> {
  const finished = await Promise.all(
    (plan.builds ?? []).map(async ({ builder, recipe }): Promise<readonly Finished[]> => {
      const outcome = await connections
        .get(builder)
        ?.exec('', { script: readBuild(recipe.key) })
        .catch(() => undefined);
      const build = outcome && parseBuildLines(outcome.stdout.toString('utf8').split('\n')).get(recipe.key);
      return build?.files ? [{ recipe, build }] : [];
    }),
  );
  return finished.flat().length > 0 ? lockWithBuilds(lock, finished.flat()) : undefined;
}
