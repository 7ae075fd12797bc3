import type { HostFacts } from '../facts/types.js';
import type { HostPlan } from './types.js';

/** Which of a host's containers are on the mesh's bridge, and which running ones are somewhere else. */
export function containersOf(facts: HostFacts | undefined, dockerBridge: string): HostPlan['containers'] {
  if (!facts?.docker.known) return { total: 0, onMesh: 0, elsewhere: [] };
  const { containers, networks } = facts.docker.value;
  const meshNetworks = new Set(
    networks
      .filter(
        ({ name, options }) =>
          (options['com.docker.network.bridge.name'] ?? (name === 'bridge' ? 'docker0' : '')) === dockerBridge,
      )
      .map(({ name }) => name),
  );
  const running = containers.filter((container) => container.running);
  const onMesh = running.filter(({ endpoints }) => endpoints.some(({ network }) => meshNetworks.has(network)));
  const elsewhere = running
    .filter((container) => !onMesh.includes(container))
    .map(({ name, networkMode, endpoints }) => ({ name, network: endpoints[0]?.network ?? networkMode }));
  return { total: running.length, onMesh: onMesh.length, elsewhere };
}
