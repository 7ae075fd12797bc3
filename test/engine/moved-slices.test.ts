import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type PrepareInput, prepare } from '../../src/engine/prepare.js';
import type { HostFacts } from '../../src/facts/types.js';
import { EMPTY_LOCK, serializeLock } from '../../src/inventory/lock.js';
import type { Inventory } from '../../src/inventory/types.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { RESTART_PENDING } from '../../src/resources/docker-daemon/restart.js';
import { textFile } from '../../src/resources/facts-edit-host.js';
import { resources } from '../../src/resources/index.js';
import { member } from '../network/members.js';
import { aBridge, aLink, known } from '../resources/facts.js';
import { absent, aContainer, withFiles } from '../resources/hosts.js';

const file = 'playbooks/deploy.yml';

/** What deploy does about docker0 and br0's place in it, of all that it does. */
const whole = parsePlaybook(readFileSync(file, 'utf8'), file, [...resources.keys()]);
const playbook = {
  ...whole,
  plays: whole.plays.map((play) => ({
    ...play,
    tasks: play.tasks.filter(({ resource }) => resource === 'bridge_member' || resource === 'docker_daemon'),
  })),
};

/** A host of a mesh that works, docker41 with 172.17.41.0/24, which is to have `slice` from now on. */
function meshed(number: number, slice: string) {
  const own = `172.17.${number}`;
  const settings = JSON.stringify({ bip: `${own}.1/16`, 'fixed-cidr': `${own}.0/24`, mtu: 1462 });
  const network = {
    name: 'bridge',
    driver: 'bridge',
    subnets: [{ subnet: '172.17.0.0/16', gateway: `${own}.1`, range: `${own}.0/24` }],
    options: { 'com.docker.network.bridge.name': 'docker0', 'com.docker.network.driver.mtu': '1462' },
  };
  const running = aContainer('web', {
    restartPolicy: 'always',
    endpoints: [{ network: 'bridge', address: `${own}.2`, mac: null }],
  });
  const made = member({ number, mesh: { slice }, docker: { networks: [network], containers: [running] } });
  if (!made.facts) throw new Error('a member without facts');
  const facts: HostFacts = {
    ...made.facts,
    links: known([
      aLink('eth0', {}, 2),
      aLink('docker0', { kind: 'bridge', mtu: 1462 }, 3),
      aLink('br0', { master: 'docker0', mtu: 1462 }, 4),
    ]),
    addresses: known([
      { link: 'eth0', family: 4, address: `192.168.199.${number}`, prefix: 24, scope: 'global' },
      { link: 'docker0', family: 4, address: `${own}.1`, prefix: 16, scope: 'global' },
    ]),
    openvswitch: known({
      installed: true,
      running: true,
      version: '3.1.0',
      bridges: [aBridge('br0', { datapath: 'netdev', externalIds: { owner: 'mesh' } })],
    }),
    mesh: known({ records: { 'bridge_member/docker0%2Fbr0': null }, lastRun: null, lock: null }),
  };
  const files = { '/etc/docker/daemon.json': textFile(settings, '0644'), [RESTART_PENDING]: absent };
  return { host: made.host, underlay: made.underlay, facts: withFiles(facts, files) };
}

function prepared(slices: Readonly<Record<number, string>>, lock = EMPTY_LOCK, left: readonly string[] = []) {
  const members = Object.entries(slices).map(([number, slice]) => meshed(Number(number), slice));
  const hosts = members.map(({ host }) => host);
  const names = hosts.map(({ name }) => name);
  const inventory: Inventory = {
    file: 'i.yml',
    hosts,
    groups: new Map(),
    meshed: names,
    selected: names,
    warnings: [],
  };
  const input: PrepareInput = {
    inventory,
    playbook,
    resources,
    lock,
    lockFile: 'i.lock',
    lockText: serializeLock(lock),
    underlays: new Map(members.map(({ host, underlay }) => [host.name, underlay])),
    laptop: new Map(),
    command: 'mesh deploy i.yml',
    purpose: 'build',
    now: new Date('2026-01-31T10:00:00Z'),
  };
  const seen = members.filter(({ host }) => !left.includes(host.name));
  return prepare(input, {
    facts: new Map(seen.map(({ host, facts }) => [host.name, facts])),
    unreachable: new Map(left.map((name) => [name, 'it is off'])),
  }).plan;
}

function planned(slices: Readonly<Record<number, string>>) {
  const plan = prepared(slices);
  expect(plan.hosts.map(({ state, reason }) => reason ?? state)).toEqual(plan.hosts.map(() => 'ready'));
  return plan.hosts.map(({ plays }) =>
    plays.flatMap(({ play, tasks }) =>
      tasks.flatMap(({ changes }) => changes.map(({ sentence }) => `${play}: ${sentence}`)),
    ),
  );
}

describe('hosts whose slices are swapped', () => {
  it('leave the mesh, all of them, before any gets the addresses of another, and join last', () => {
    const play = expect.stringMatching(/^Docker: /);
    for (const sentences of planned({ 41: '172.17.42.0/24', 42: '172.17.41.0/24' })) {
      expect(sentences).toEqual([
        'Leave: take br0 out of docker0 until its addresses have moved',
        play,
        play,
        'Join: make br0 a port of docker0',
      ]);
    }
  });

  it('stay where their addresses stay', () => {
    expect(planned({ 41: '172.17.41.0/24', 42: '172.17.42.0/24' })).toEqual([[], []]);
    const [moved, stays] = planned({ 41: '172.17.43.0/24', 42: '172.17.42.0/24' });
    expect(moved).toHaveLength(4);
    expect(stays).toEqual([]);
  });
});

describe('a host that is to have what another has, which is not changed in this run', () => {
  const swapped = { 41: '172.17.42.0/24', 42: '172.17.41.0/24' };
  const lock = { ...EMPTY_LOCK, slices: { docker41: '172.17.41.0/24', docker42: '172.17.42.0/24' } };

  it('is refused, and the lock file goes on saying who has what', () => {
    const plan = prepared(swapped, lock, ['docker42']);
    expect(plan.hosts.map(({ state }) => state)).toEqual(['refused', 'unreachable']);
    expect(plan.hosts[0]?.reason).toContain('172.17.42.0/24 is to be its slice, and docker42 still has it');
    expect(plan.lock?.text ?? '').not.toContain('docker41: 172.17.42.0/24');
    expect(plan.lock?.text ?? '').not.toContain('docker42: 172.17.41.0/24');
  });

  it('keeps others, which wait for its own, waiting too', () => {
    const round = { 41: '172.17.42.0/24', 42: '172.17.43.0/24', 43: '172.17.41.0/24' };
    const three = { ...lock, slices: { ...lock.slices, docker43: '172.17.43.0/24' } };
    const plan = prepared(round, three, ['docker43']);
    expect(plan.hosts.map(({ state }) => state)).toEqual(['refused', 'refused', 'unreachable']);
  });

  it('is not, where the other keeps what it has', () => {
    const plan = prepared({ 41: '172.17.44.0/24', 42: '172.17.42.0/24' }, lock, ['docker42']);
    expect(plan.hosts.map(({ state }) => state)).toEqual(['ready', 'unreachable']);
    expect(plan.lock?.text).toContain('docker41: 172.17.44.0/24');
    expect(plan.lock?.text).toContain('docker42: 172.17.42.0/24');
  });
});
