import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type ConvergeInput, converge } from '../../src/engine/converge.js';
import { InputError } from '../../src/errors.js';
import type { EventBody } from '../../src/events/types.js';
import { loadInventory } from '../../src/inventory/load.js';
import { lockFileOf, readLock } from '../../src/inventory/lock.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { resources } from '../../src/resources/index.js';
import type { Connection } from '../../src/ssh/types.js';
import { writeFiles } from '../inventory/write.js';
import { type FakeHostOptions, type FakeTransport, fakeConnection, fakeTransport, freshHost, gate } from './fakes.js';

const CHANGES = `
- name: Work
  hosts: all
  tasks:
    - name: Touch
      command: { cmd: touch /tmp/x }
`;
const NOTHING = `
- name: Work
  hosts: all
  tasks:
    - name: Never
      command: { cmd: touch /tmp/x }
      when: false
`;

interface Given {
  readonly hosts?: Parameters<typeof fakeTransport>[0];
  readonly names?: readonly string[];
  readonly playbook?: string;
  /** The lock file's text; none where it is not given. */
  readonly lock?: string;
  readonly input?: Partial<ConvergeInput>;
}

async function started(given: Given = {}) {
  const names = given.names ?? ['docker41', 'docker42'];
  const list = names.map((name) => `    ${name}: { ansible_host: 192.168.199.${name.slice(-2)} }\n`).join('');
  const vars = '  vars: { mesh_datapath: netdev }\n';
  const folder = writeFiles({
    'inventory.yml': `all:\n${vars}  hosts:\n${list}`,
    ...(given.lock !== undefined && { 'inventory.lock': given.lock }),
  });
  const file = join(folder, 'inventory.yml');
  const lockFile = lockFileOf(file);
  const transport: FakeTransport = fakeTransport(given.hosts ?? Object.fromEntries(names.map((name) => [name, {}])));
  const events: EventBody[] = [];
  const stop = new AbortController();
  const showPlan = vi.fn((): void => {
    transport.log.push('plan shown');
  });
  const confirm = vi.fn(async (): Promise<boolean | undefined> => true);
  const input: ConvergeInput = {
    mode: 'deploy',
    inventory: await loadInventory(file),
    playbook: parsePlaybook(given.playbook ?? CHANGES, 'p.yml', [...resources.keys()]),
    resources,
    lock: await readLock(file),
    lockFile,
    lockText: given.lock ?? '',
    transport,
    run: 'run-1',
    who: 'ops@laptop',
    command: 'mesh deploy inventory.yml',
    forks: 10,
    yes: false,
    restartDocker: false,
    detailedExitCode: false,
    lockTimeoutSeconds: 0,
    emit: (event) => events.push(event),
    conversation: { showPlan, confirm },
    stop: stop.signal,
    ...given.input,
  };
  const run = () => converge(input);
  const scopes = () => events.flatMap((event) => (event.kind === 'proof.started' ? [event.scope] : []));
  const ended = () => {
    const last = events.at(-1);
    if (last?.kind !== 'run.ended') throw new Error('the run has no end');
    return last;
  };
  const findings = () => events.flatMap((event) => (event.kind === 'finding' ? [event.sentence] : []));
  return { run, input, lockFile, log: transport.log, events, stop, showPlan, confirm, scopes, ended, findings };
}

/** All pings over tunnels arrive. */
const answering: FakeHostOptions = { probe: () => 'R 0 tunnel pass 0.2\n' };

describe('a deploy', () => {
  it('shows the plan, asks, keeps the lock file, changes, and proves everything', async () => {
    let lockedBefore = false;
    const given: FakeHostOptions = {
      step: () => {
        lockedBefore = existsSync(deploy.lockFile);
        return 'done';
      },
    };
    const deploy = await started({ hosts: { docker41: given, docker42: given } });
    deploy.confirm.mockImplementation(async () => {
      deploy.log.push('asked');
      expect(existsSync(deploy.lockFile)).toBe(false);
      return true;
    });
    const { plan, applied } = await deploy.run();
    expect(deploy.findings()).toEqual([]);
    expect(applied).toBe(true);
    expect(plan?.hosts.map(({ state }) => state)).toEqual(['ready', 'ready']);
    const order = deploy.log.filter((line) => /shown|asked|docker41 (lock|step)/.test(line));
    expect(order).toEqual(['plan shown', 'asked', 'docker41 lock', 'docker41 step 0.1 done']);
    expect(lockedBefore).toBe(true);
    expect(readFileSync(deploy.lockFile, 'utf8')).toContain('docker42: 172.17.42.0/24');
    expect(deploy.scopes()).toEqual(['full']);
  });

  it('with nothing to change asks nobody, keeps the lock file all the same, and pings over the tunnels', async () => {
    const deploy = await started({ playbook: NOTHING, hosts: { docker41: answering, docker42: answering } });
    deploy.showPlan.mockImplementation(() => {
      expect(existsSync(deploy.lockFile)).toBe(false);
    });
    expect((await deploy.run()).exitCode).toBe(0);
    expect(deploy.confirm).not.toHaveBeenCalled();
    expect(deploy.scopes()).toEqual(['tunnels']);
    const text = readFileSync(deploy.lockFile, 'utf8');
    expect(text).toContain('docker41: 172.17.41.0/24');
    const again = await started({ playbook: NOTHING, lock: text });
    expect((await again.run()).plan?.lock).toBeNull();
  });

  it('that somebody says no to changes nothing, not the lock file either, and ends with 1', async () => {
    const deploy = await started();
    deploy.confirm.mockResolvedValue(false);
    const { exitCode, proof } = await deploy.run();
    expect([exitCode, proof]).toEqual([1, null]);
    expect(existsSync(deploy.lockFile)).toBe(false);
    expect(deploy.log.filter((line) => / (lock|play|probe)/.test(line))).toEqual([]);
    expect(deploy.ended().hosts.map(({ state, left }) => [state, left])).toEqual([
      ['planned', 1],
      ['planned', 1],
    ]);
  });

  it('that nobody is there to agree to is wrong input, and changes nothing', async () => {
    const deploy = await started();
    deploy.confirm.mockResolvedValue(undefined);
    await expect(deploy.run()).rejects.toThrow(InputError);
    expect(existsSync(deploy.lockFile)).toBe(false);
    const yes = await started({ input: { yes: true } });
    await yes.run();
    expect(yes.confirm).not.toHaveBeenCalled();
    expect(yes.log).toContain('docker41 step 0.1 done');
  });

  it('leaves a slice open that is only a guess: the host was not looked at', async () => {
    const deploy = await started({ hosts: { docker41: {} }, input: { yes: true } });
    expect((await deploy.run()).exitCode).toBe(4);
    const text = readFileSync(deploy.lockFile, 'utf8');
    expect(text).toContain('docker41: 172.17.41.0/24');
    expect(text).not.toContain('docker42');
    const none = await started({ hosts: {}, input: { yes: true } });
    expect((await none.run()).exitCode).toBe(4);
    expect(existsSync(none.lockFile)).toBe(false);
  });

  it('ends with 1 where a step failed, and leaves that host out of the proof', async () => {
    const deploy = await started({ hosts: { docker41: { step: () => 'failed' }, docker42: {} } });
    const { exitCode, proof } = await deploy.run();
    expect([exitCode, proof?.pairs]).toEqual([1, 0]);
    expect(deploy.ended().hosts.map(({ state }) => state)).toEqual(['failed', 'done']);
  });
});

describe('what changes nothing', () => {
  it.each(['plan', 'verify'] as const)('%s: no lock, no lock file, no question', async (mode) => {
    const run = await started({ input: { mode, detailedExitCode: mode === 'plan' } });
    const { exitCode, applied } = await run.run();
    expect([exitCode, applied]).toEqual([mode === 'plan' ? 3 : 1, false]);
    expect(existsSync(run.lockFile)).toBe(false);
    expect(run.confirm).not.toHaveBeenCalled();
    expect(run.showPlan).toHaveBeenCalledTimes(mode === 'plan' ? 1 : 0);
    expect(run.scopes()).toEqual(mode === 'plan' ? [] : ['full']);
    expect(run.log.filter((line) => / (lock|play)/.test(line))).toEqual([]);
  });

  it('a run keeps the lock file and minds preflight where the playbook puts hosts into the mesh', async () => {
    const record = 'mesh_record: { slice: "{{ mesh.slice }}" }';
    const playbook = `- hosts: mesh\n  tasks:\n    - ${record}\n`;
    const run = await started({ playbook, input: { mode: 'run', yes: true } });
    expect((await run.run()).exitCode).toBe(0);
    expect(readFileSync(run.lockFile, 'utf8')).toContain('docker42: 172.17.42.0/24');
    const alike = await started({
      playbook,
      hosts: { docker41: {}, docker42: { observe: freshHost('docker41') } },
      input: { mode: 'run', yes: true },
    });
    expect((await alike.run()).plan?.hosts[1]?.state).toBe('refused');
  });

  it('a run of a playbook keeps no lock file and proves nothing', async () => {
    const run = await started({ input: { mode: 'run' } });
    expect((await run.run()).exitCode).toBe(0);
    expect(existsSync(run.lockFile)).toBe(false);
    expect(run.scopes()).toEqual([]);
  });
});

describe('a stop', () => {
  const never = new Promise<never>(() => undefined);

  it('ends at once while a host is being connected or looked at, with nothing changed', async () => {
    const run = await started({
      names: ['docker41', 'docker42', 'docker43', 'docker44'],
      hosts: { docker41: () => never, docker42: { observe: () => never }, docker43: {} },
    });
    const ending = run.run();
    const states = () =>
      run.events.flatMap((event) => (event.kind === 'host.state' ? [`${event.host} ${event.state}`] : []));
    await vi.waitFor(() => {
      expect(states()).toContain('docker42 observing');
      expect(states()).toContain('docker43 planned');
    });
    run.stop.abort();
    const { exitCode, plan, applied } = await ending;
    expect([exitCode, plan, applied]).toEqual([130, null, false]);
    expect(run.showPlan).not.toHaveBeenCalled();
    const next = 'to go on: mesh deploy inventory.yml';
    expect(run.ended()).toMatchObject({
      exitCode: 130,
      changed: 0,
      hosts: [
        { host: 'docker41', state: 'stopped', changed: 0, left: 0, next },
        { host: 'docker42', state: 'stopped', changed: 0, left: 0, next },
        { host: 'docker43', state: 'stopped', changed: 0, left: 0, next },
        { host: 'docker44', state: 'unreachable', error: { message: 'no answer' } },
      ],
    });
  });

  it('closes a connection that comes too late', async () => {
    const late = gate<Connection>();
    const run = await started({ names: ['docker41'], hosts: { docker41: () => late.promise } });
    const ending = run.run();
    await vi.waitFor(() => expect(run.events.map(({ kind }) => kind)).toContain('host.state'));
    run.stop.abort();
    expect((await ending).exitCode).toBe(130);
    const last = run.events.length;
    late.open(fakeConnection('docker41', run.log));
    await vi.waitFor(() => expect(run.log).toEqual(['docker41 closed']));
    expect(run.events).toHaveLength(last);
  });

  it('at the question changes nothing, though the answer was yes', async () => {
    const run = await started();
    run.confirm.mockImplementation(async () => {
      run.stop.abort();
      return true;
    });
    expect((await run.run()).exitCode).toBe(130);
    expect(existsSync(run.lockFile)).toBe(false);
    expect(run.ended().hosts.map(({ state, left }) => [state, left])).toEqual([
      ['stopped', 1],
      ['stopped', 1],
    ]);
  });
});
