import type { Container, HostFacts } from '../../facts/types.js';
import { dockerStarts, editDocker } from '../facts-edit-host.js';
import type { ContainerFate } from '../types.js';

/** Restart policies by which dockerd itself starts a container again as it comes up. */
const OF_ITSELF: ReadonlySet<string> = new Set(['always', 'unless-stopped']);

/**
 * How every container fares when dockerd restarts.
 * `startsAgain`: the change notes what runs and starts it again; without it only restart policies do.
 */
export function fatesOfRestart(facts: HostFacts, startsAgain: boolean): readonly ContainerFate[] {
  if (!facts.docker.known || !facts.docker.value.running) return [];
  const { containers, liveRestore } = facts.docker.value;
  return containers.flatMap((container): readonly ContainerFate[] => {
    const fate = fateOfRestart(container, liveRestore, startsAgain);
    return fate === undefined ? [] : [{ container: container.name, fate }];
  });
}

function fateOfRestart(
  container: Container,
  liveRestore: boolean,
  startsAgain: boolean,
): ContainerFate['fate'] | undefined {
  // `always` also starts what a person had stopped (docs.docker.com, "Start containers automatically").
  if (!container.running) return container.restartPolicy === 'always' ? 'restarts by its policy' : undefined;
  if (liveRestore) return 'keeps running';
  if (container.autoRemove) return 'vanishes (--rm)';
  if (OF_ITSELF.has(container.restartPolicy)) return 'restarts by its policy';
  return startsAgain ? 'is started again by mesh' : 'stays stopped';
}

/** How every running container fares when dockerd is stopped and stays so. */
export function fatesOfStop(facts: HostFacts): readonly ContainerFate[] {
  if (!facts.docker.known || !facts.docker.value.running) return [];
  const { containers, liveRestore } = facts.docker.value;
  return containers
    .filter((container) => container.running)
    .map((container) => ({
      container: container.name,
      fate: liveRestore ? 'keeps running' : container.autoRemove ? 'vanishes (--rm)' : 'stays stopped',
    }));
}

/** The containers after a restart of dockerd: the same fates, and new addresses that nobody knows yet. */
export function afterRestart(facts: HostFacts, startsAgain: boolean): HostFacts {
  return editDocker(dockerStarts(facts), (docker) => ({
    ...docker,
    running: true,
    containers: docker.containers.flatMap((container): readonly Container[] => {
      const fate = fateOfRestart(container, docker.liveRestore, startsAgain);
      if (fate === undefined || fate === 'keeps running') return [container];
      if (fate === 'vanishes (--rm)') return [];
      const endpoints = container.endpoints.map((endpoint) => ({ ...endpoint, address: null }));
      return [{ ...container, running: fate !== 'stays stopped', endpoints }];
    }),
  }));
}
