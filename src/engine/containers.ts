import type { Finding } from '../events/types.js';
import type { Container, HostFacts } from '../facts/types.js';
import type { HostPlan } from './types.js';

/** The container whose network a container uses: itself, but for `--network container:…`. */
function networkOwner(container: Container, all: readonly Container[]): Container {
  const [, shared] = /^container:(.+)$/.exec(container.networkMode) ?? [];
  return all.find(({ id, name }) => shared !== undefined && (id === shared || name === shared)) ?? container;
}

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
  const onMesh = running.filter((container) =>
    networkOwner(container, containers).endpoints.some(({ network }) => meshNetworks.has(network)),
  );
  const elsewhere = running
    .filter((container) => !onMesh.includes(container))
    .map((container) => {
      const { networkMode, endpoints } = networkOwner(container, containers);
      return { name: container.name, network: endpoints[0]?.network ?? networkMode };
    });
  return { total: running.length, onMesh: onMesh.length, elsewhere };
}

/** Says of a proof what it says nothing about: running containers that are on other networks than the mesh's. */
export function unprovenContainers(host: string, { total, onMesh, elsewhere }: HostPlan['containers']): Finding[] {
  if (elsewhere.length === 0) return [];
  const them = elsewhere.map(({ name, network }) => `${name} (${network})`).join(', ');
  const are = total === 1 ? 'container is' : 'containers are';
  const sentence = `${onMesh} of ${total} ${are} on the mesh; nothing is proven of these: ${them}`;
  return [{ host, code: 'containers-elsewhere', severity: 'note', sentence }];
}
