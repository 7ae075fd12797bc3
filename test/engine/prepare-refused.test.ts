import { describe, expect, it } from 'vitest';
import { type PrepareInput, prepare } from '../../src/engine/prepare.js';
import type { HostFacts, OvsBridge } from '../../src/facts/types.js';
import { EMPTY_LOCK } from '../../src/inventory/lock.js';
import type { Inventory } from '../../src/inventory/types.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { resources } from '../../src/resources/index.js';
import { type MemberOptions, member } from '../network/members.js';

const PLAYBOOK = `
- name: Switch
  hosts: mesh
  tasks:
    - name: The bridge of the mesh
      ovs_bridge: { name: "{{ mesh.bridge }}", datapath: "{{ mesh.datapath }}", mtu: "{{ mesh.mtu }}" }
    - name: A tunnel to every peer
      ovs_tunnels: { bridge: "{{ mesh.bridge }}", tunnels: "{{ mesh.tunnels }}" }
`;

/** br0 as the procedure by hand leaves it: nothing says that it is mesh's. */
const unmarked: OvsBridge = {
  name: 'br0',
  datapath: 'netdev',
  failMode: null,
  controllers: [],
  protocols: [],
  stp: false,
  rstp: false,
  externalIds: {},
  otherConfig: {},
  ports: [],
  flows: { known: true, value: [] },
};

function prepared(options: readonly MemberOptions[]) {
  const members = options.map(member);
  const hosts = members.map(({ host }) => host);
  const names = hosts.map(({ name }) => name);
  const inventory: Inventory = {
    file: 'inventory.yml',
    hosts,
    groups: new Map(),
    meshed: names,
    selected: names,
    warnings: [],
  };
  const input: PrepareInput = {
    inventory,
    playbook: parsePlaybook(PLAYBOOK, 'p.yml', [...resources.keys()]),
    resources,
    lock: EMPTY_LOCK,
    lockFile: 'inventory.lock',
    lockText: '',
    underlays: new Map(members.map(({ host, underlay }) => [host.name, underlay])),
    laptop: new Map(),
    command: 'mesh deploy inventory.yml',
    purpose: 'build',
    now: new Date('2026-01-31T10:00:00Z'),
  };
  const facts = new Map(
    members.flatMap(({ host, facts: seen }): [string, HostFacts][] => (seen ? [[host.name, seen]] : [])),
  );
  return prepare(input, { facts, unreachable: new Map() });
}

describe('a host that one of its tasks refuses', () => {
  const options = [
    { number: 41 },
    {
      number: 42,
      facts: {
        openvswitch: {
          known: true as const,
          value: { installed: true, running: true, version: '3.1.0', bridges: [unmarked] },
        },
      },
    },
    { number: 43 },
  ];

  it('gets no tunnel from its neighbours, who are joined to each other', () => {
    const { plan, mesh } = prepared(options);
    expect(plan.hosts.map(({ host, state }) => [host, state])).toEqual([
      ['docker41', 'ready'],
      ['docker42', 'refused'],
      ['docker43', 'ready'],
    ]);
    const tunnels = plan.hosts[0]?.plays.flatMap(({ tasks }) =>
      tasks.filter(({ resource }) => resource === 'ovs_tunnels'),
    );
    expect(tunnels?.flatMap(({ changes }) => changes.map(({ sentence }) => sentence))).toEqual([
      'add tunnel gre-docker43 to docker43 (192.168.199.43) on br0',
    ]);
    expect(tunnels?.[0]?.notes).toEqual([expect.stringMatching(/^tunnel gre-docker42 waits for docker42/)]);
    expect(mesh.get('docker43')?.tunnels.map(({ peer, state }) => [peer, state])).toEqual([
      ['docker41', 'wanted'],
      ['docker42', 'waiting'],
    ]);
  });

  it('is told of once, with its reason', () => {
    const { plan } = prepared(options);
    const refusals = plan.findings.filter(({ severity }) => severity === 'refuse');
    expect(refusals.map(({ host, code }) => [host, code])).toEqual([['docker42', 'ovs_bridge-refused']]);
    expect(plan.hosts[1]?.reason).toBe(refusals[0]?.sentence);
  });
});
