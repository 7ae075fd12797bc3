import type { Playbook } from '../playbook/types.js';
import type { PrepareInput } from './prepare.js';

/** Resources that put a host into the mesh, with each `state` by which they take it out again. */
const JOINS: ReadonlyMap<string, readonly unknown[]> = new Map([
  ['ovs_tunnels', ['former']],
  ['bridge_member', ['absent', 'former']],
  ['mesh_record', ['absent']],
]);

function joins(playbook: Playbook): boolean {
  return playbook.plays.some((play) =>
    [...play.tasks, ...play.handlers].some(({ resource, params }) => {
      const leaves = JOINS.get(resource);
      const state = typeof params === 'object' && params !== null && 'state' in params ? params.state : undefined;
      return leaves !== undefined && !leaves.includes(state);
    }),
  );
}

/**
 * What a command and its playbook are about. A playbook of the person's own that makes tunnels, joins bridges or notes a
 * host's slice builds a mesh as `mesh deploy` does: preflight stands guard, and the lock file keeps the slices.
 */
export function purposeOf(
  mode: 'plan' | 'deploy' | 'build' | 'verify' | 'teardown' | 'run',
  playbook: Playbook,
): PrepareInput['purpose'] {
  if (mode === 'teardown') return 'remove';
  return mode === 'run' && !joins(playbook) ? 'run' : 'build';
}
