import type { HostPlan, Plan, PlannedChange } from '../../src/engine/types.js';

export function change(sentence: string, rest: Partial<PlannedChange> = {}): PlannedChange {
  return { sentence, command: `do ${sentence}`, undo: { command: `undo ${sentence}` }, ...rest };
}

export function hostPlan(host: string, changes: readonly PlannedChange[], rest: Partial<HostPlan> = {}): HostPlan {
  const task = { task: 'The bridge exists', resource: 'ovs_bridge', label: 'br0', handler: false, changes, notes: [] };
  return {
    host,
    state: 'ready',
    plays: [{ play: 'Build the bridge', index: 0, tasks: [task] }],
    containers: { total: 0, onMesh: 0, elsewhere: [] },
    lastRun: null,
    ...rest,
  };
}

export function planOf(hosts: readonly HostPlan[], rest: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    created: '2026-11-23T23:55:00.000Z',
    command: 'mesh deploy',
    inventory: 'inventory.yml',
    playbook: 'playbooks/deploy.yml',
    plays: [{ name: 'Build the bridge' }],
    hosts,
    findings: [],
    slices: [],
    mtu: null,
    lock: null,
    ...rest,
  };
}
