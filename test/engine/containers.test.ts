import { describe, expect, it } from 'vitest';
import { containersOf, unprovenContainers } from '../../src/engine/containers.js';
import type { Container, HostFacts } from '../../src/facts/types.js';
import { hostFacts, known } from '../resources/facts.js';
import { aContainer } from '../resources/hosts.js';

function host(...containers: Container[]): HostFacts {
  const networks = [
    { name: 'bridge', driver: 'bridge', subnets: [], options: { 'com.docker.network.bridge.name': 'docker0' } },
    { name: 'web', driver: 'bridge', subnets: [], options: {} },
  ];
  const seen = hostFacts();
  if (!seen.docker.known) throw new Error('no Docker in the facts for tests');
  return { ...seen, docker: known({ ...seen.docker.value, networks, containers }) };
}

const shop = aContainer('shop', {
  networkMode: 'web',
  endpoints: [{ network: 'web', address: '172.18.0.2', mac: null }],
});

describe('containersOf', () => {
  it('counts running containers, and names those that are on other networks', () => {
    const seen = containersOf(host(aContainer('a'), aContainer('b', { running: false }), shop), 'docker0');
    expect(seen).toEqual({ total: 2, onMesh: 1, elsewhere: [{ name: 'shop', network: 'web' }] });
  });

  it('looks at the container whose network another one uses', () => {
    const sidecar = (of: string) => aContainer(`of-${of}`, { networkMode: `container:${of}-id`, endpoints: [] });
    const seen = containersOf(host(aContainer('a'), shop, sidecar('a'), sidecar('shop')), 'docker0');
    expect(seen.onMesh).toBe(2);
    expect(seen.elsewhere.map(({ name, network }) => `${name} ${network}`)).toEqual(['shop web', 'of-shop web']);
  });

  it('counts a container that is on the mesh and elsewhere as on the mesh', () => {
    const both = aContainer('both', {
      endpoints: [...shop.endpoints, { network: 'bridge', address: '172.17.41.2', mac: null }],
    });
    expect(containersOf(host(both), 'docker0')).toEqual({ total: 1, onMesh: 1, elsewhere: [] });
  });

  it('says nothing of a host that was not looked at', () => {
    expect(containersOf(undefined, 'docker0')).toEqual({ total: 0, onMesh: 0, elsewhere: [] });
  });
});

describe('unprovenContainers', () => {
  it('names what a proof says nothing about', () => {
    const [finding, ...more] = unprovenContainers('docker41', containersOf(host(aContainer('a'), shop), 'docker0'));
    expect(finding).toMatchObject({
      host: 'docker41',
      severity: 'note',
      sentence: '1 of 2 containers are on the mesh; nothing is proven of these: shop (web)',
    });
    expect(more).toEqual([]);
  });

  it('says nothing where all are on the mesh', () => {
    expect(unprovenContainers('docker41', containersOf(host(aContainer('a')), 'docker0'))).toEqual([]);
  });
});
