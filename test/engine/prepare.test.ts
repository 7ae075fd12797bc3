import { describe, expect, it } from 'vitest';
import { type PrepareInput, prepare } from '../../src/engine/prepare.js';
import { foreseeInterests, hostsOf } from '../../src/engine/tasks.js';
import { InputError } from '../../src/errors.js';
import type { HostFacts } from '../../src/facts/types.js';
import { EMPTY_LOCK } from '../../src/inventory/lock.js';
import type { Group, Inventory } from '../../src/inventory/types.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { resources } from '../../src/resources/index.js';
import { member } from '../network/members.js';
import { known } from '../resources/facts.js';

interface Given {
  readonly playbook: string;
  readonly numbers?: readonly number[];
  /** Hosts that are contacted; all where it is not given. */
  readonly limit?: readonly string[];
  readonly unreachable?: readonly string[];
}

function given({ playbook, numbers = [41, 42, 43], limit }: Given): PrepareInput {
  const members = numbers.map((number) => member({ number }));
  const hosts = members.map(({ host }) => host);
  const names = hosts.map(({ name }) => name);
  const group = (name: string, of: readonly string[]): [string, Group] => {
    return [name, { name, hosts: of, children: [], vars: new Map() }];
  };
  const inventory: Inventory = {
    file: 'inventory.yml',
    hosts,
    groups: new Map([group('all', names), group('last', names.slice(-1))]),
    meshed: names,
    selected: limit ?? names,
    warnings: [],
  };
  return {
    inventory,
    playbook: parsePlaybook(playbook, 'p.yml', [...resources.keys()]),
    resources,
    lock: EMPTY_LOCK,
    lockFile: 'inventory.lock',
    lockText: '',
    underlays: new Map(members.map(({ host, underlay }) => [host.name, underlay])),
    laptop: new Map(),
    command: 'mesh run p.yml -i inventory.yml',
    purpose: 'run',
    now: new Date('2026-01-31T10:00:00Z'),
  };
}

/** The plan, and what it does on each host: `docker41: sentence`. */
function planned(of: Given) {
  const input = given(of);
  const gone = new Set(of.unreachable ?? []);
  const seen = hostsOf(input.inventory, input.playbook).filter(({ name }) => !gone.has(name));
  const facts = new Map<string, HostFacts>(
    seen.map(({ name }) => {
      const { facts: plain } = member({ number: Number(name.slice(-2)) });
      if (!plain) throw new Error('it was seen');
      return [name, { ...plain, files: { '/made': known({ kind: 'absent' }) } }];
    }),
  );
  const { plan } = prepare(input, { facts, unreachable: new Map([...gone].map((name) => [name, 'no answer'])) });
  const does = plan.hosts.flatMap(({ host, plays }) =>
    plays.flatMap(({ tasks }) => tasks.flatMap(({ changes }) => changes.map(({ sentence }) => `${host}: ${sentence}`))),
  );
  return { plan, does };
}

const play = (task: string, hosts = 'all') => `- hosts: ${hosts}\n  tasks:\n    - ${task}\n`;
const touch = 'command: { cmd: touch it }';

describe('run_once', () => {
  it('is done on the first host of the play alone', () => {
    expect(planned({ playbook: play(`{ ${touch}, run_once: true }`) }).does).toEqual(['docker41: run touch it']);
    expect(planned({ playbook: play(`{ ${touch}, run_once: true }`, 'last') }).does).toEqual([
      'docker43: run touch it',
    ]);
  });

  it('is done on the first one that is there', () => {
    const { does } = planned({ playbook: play(`{ ${touch}, run_once: true }`), unreachable: ['docker41'] });
    expect(does).toEqual(['docker42: run touch it']);
  });

  it('looks no further where its condition is false on the first host', () => {
    const when = "when: inventory_hostname != 'docker41'";
    expect(planned({ playbook: play(`{ ${touch}, run_once: true, ${when} }`) }).does).toEqual([]);
  });
});

describe('delegate_to', () => {
  const delegated = (to: string, hosts = 'last') =>
    play(`{ command: { cmd: "echo {{ inventory_hostname }}", creates: /made }, delegate_to: "${to}" }`, hosts);

  it('is done on the host that it names, for the host of the play', () => {
    expect(planned({ playbook: delegated('docker41') }).does).toEqual(['docker41: run echo docker43']);
    expect(planned({ playbook: delegated("{{ groups['all'][1] }}", 'all') }).does[0]).toMatch(/^docker42: run echo/);
  });

  it('has the host that it names looked at, though no play names that, and the other not for its sake', () => {
    const input = given({ playbook: delegated('docker41') });
    expect(hostsOf(input.inventory, input.playbook).map(({ name }) => name)).toEqual(['docker41', 'docker43']);
    const interests = foreseeInterests(input);
    expect(interests('docker41').files).toContain('/made');
    expect(interests('docker43').files).not.toContain('/made');
  });

  it.each([
    ['is left out by --limit', { limit: ['docker43'] }],
    ['cannot be reached', { unreachable: ['docker41'] }],
  ])('refuses a host whose task is to be done on one that %s', (_why, more) => {
    const { plan, does } = planned({ playbook: delegated('docker41'), ...more });
    expect(does).toEqual([]);
    expect(plan.hosts.find(({ host }) => host === 'docker43')).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('docker41, on which it is to be done, cannot be worked on'),
    });
  });

  it('is wrong input where the inventory has no such host', () => {
    try {
      planned({ playbook: delegated('docker14') });
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      expect(error.faults[0]).toMatchObject({
        message: expect.stringContaining('delegate_to names docker14, which is not in the inventory'),
        at: { file: 'p.yml', line: 3 },
        fix: expect.stringContaining('docker41'),
      });
    }
  });
});

describe('a limit', () => {
  it('says which hosts are contacted and changed, not what the others are to them', () => {
    const tunnels = 'ovs_tunnels: { bridge: br0, tunnels: "{{ mesh.tunnels }}" }';
    const bridge = 'ovs_bridge: { name: br0, datapath: netdev, mtu: 1462 }';
    const playbook = `- hosts: all\n  tasks:\n    - ${bridge}\n    - ${tunnels}\n`;
    const { plan, does } = planned({ playbook, limit: ['docker41'] });
    expect(plan.hosts.map(({ host }) => host)).toEqual(['docker41']);
    expect(does.filter((line) => line.includes('gre-docker42'))).toHaveLength(1);
    expect(does.filter((line) => line.includes('gre-docker43'))).toHaveLength(1);
  });
});

describe('a host that another run changes', () => {
  it('is refused with who that is', () => {
    const input = given({ playbook: play(touch), numbers: [41] });
    const { facts } = member({ number: 41 });
    if (!facts) throw new Error('it was seen');
    const { plan } = prepare(input, {
      facts: new Map([['docker41', facts]]),
      unreachable: new Map(),
      busy: new Map([['docker41', 'ann@desk, since noon: mesh run x']]),
    });
    const reason = 'another run is changing this host (ann@desk, since noon: mesh run x)';
    expect(plan.hosts[0]).toMatchObject({ state: 'refused', reason, plays: [] });
    expect(plan.findings[0]?.fix).toContain('--lock-timeout');
  });
});
