import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunInput, runPlan } from '../../src/engine/run.js';
import type { Plan, PlannedPlay } from '../../src/engine/types.js';
import type { EventBody } from '../../src/events/types.js';
import { connectLocal, type LocalConnection } from './local-host.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-overtaken-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function planOf(command: string, plays: readonly (readonly string[])[], lastRun: string | null): Plan {
  const planned = plays.map((commands, index): PlannedPlay => {
    const changes = commands.map((text) => ({ sentence: text, command: text, undo: { impossible: 'a test' } }));
    const task = { task: 'task', resource: 'command', label: 'command', handler: false, changes, notes: [] };
    return { play: `Play ${index + 1}`, index, tasks: [task] };
  });
  return {
    version: 1,
    created: '2026-01-31T10:00:00.000Z',
    command,
    inventory: 'inventory.yml',
    playbook: 'deploy.yml',
    plays: planned.map(({ play }) => ({ name: play })),
    hosts: [
      {
        host: 'docker41',
        state: 'ready',
        plays: planned,
        containers: { total: 0, onMesh: 0, elsewhere: [] },
        lastRun,
      },
    ],
    findings: [],
    slices: [],
    mtu: null,
    lock: null,
  };
}

function inputOf(run: string, plan: Plan, connection: LocalConnection, more: Partial<RunInput> = {}): RunInput {
  return {
    plan,
    run,
    who: `${run}@laptop`,
    connections: new Map([['docker41', connection]]),
    reconnect: async () => connectLocal('docker41', home),
    forks: 5,
    emit: () => undefined,
    now: () => performance.now(),
    pause: async () => undefined,
    stop: new AbortController().signal,
    ...more,
  };
}

const at = (name: string) => join(home, name);
const wait = (name: string) => `until [ -e '${at(name)}' ]; do sleep 0.02; done`;
const lastRun = () => readFileSync(at('state/last-run'), 'utf8').trim();
const lockGone = () => vi.waitFor(() => expect(existsSync(at('run/lock'))).toBe(false), { timeout: 20_000 });

/** Somebody else's whole run between two moments of ours. */
async function otherRun(seen: string | null): Promise<void> {
  const plan = planOf('mesh deploy other.yml', [[`touch '${at('other')}'`]], seen);
  const outcomes = await runPlan(inputOf('run-b', plan, connectLocal('docker41', home)));
  expect(outcomes.get('docker41')).toMatchObject({ state: 'done' });
}

describe('a run that comes back to a host which somebody else has changed meanwhile', () => {
  it('reads how its play ended, and begins no other', async () => {
    const plan = planOf('mesh deploy a.yml', [[wait('gate')], [`touch '${at('second')}'`]], null);
    const connection = connectLocal('docker41', home);
    let resume: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const reconnect = async () => {
      await asleep;
      return connectLocal('docker41', home);
    };
    const running = runPlan(inputOf('run-a', plan, connection, { reconnect }));
    await vi.waitFor(() => expect(existsSync(at('state/last-run'))).toBe(true), { timeout: 20_000 });
    connection.cut();
    writeFileSync(at('gate'), '');
    await lockGone();
    await otherRun(lastRun());
    resume();
    expect((await running).get('docker41')).toMatchObject({
      state: 'failed',
      changed: 1,
      left: 1,
      error: { message: 'it was changed since it was looked at (by run-b run-b@laptop)' },
      next: 'to plan it anew: mesh deploy a.yml',
    });
    expect(existsSync(at('second'))).toBe(false);
    expect(lastRun()).toBe('run-b run-b@laptop');
  });

  it('says so where nothing of it is left to do', async () => {
    const plan = planOf('mesh deploy a.yml', [[wait('gate')]], null);
    const connection = connectLocal('docker41', home);
    let resume: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const events: EventBody[] = [];
    const running = runPlan(
      inputOf('run-a', plan, connection, {
        emit: (event) => events.push(event),
        reconnect: async () => {
          await asleep;
          return connectLocal('docker41', home);
        },
      }),
    );
    await vi.waitFor(() => expect(existsSync(at('state/last-run'))).toBe(true), { timeout: 20_000 });
    connection.cut();
    writeFileSync(at('gate'), '');
    await lockGone();
    await otherRun(lastRun());
    resume();
    expect((await running).get('docker41')).toMatchObject({ state: 'done', changed: 1, left: 0 });
    expect(events).toContainEqual({
      kind: 'message',
      level: 'warn',
      host: 'docker41',
      text: expect.stringMatching(/^this run is done here, but it was changed .*run-b run-b@laptop/),
    });
  });

  it('begins no other play while that run is still at work', async () => {
    const plan = planOf('mesh deploy a.yml', [[wait('gate')], [`touch '${at('second')}'`]], null);
    const connection = connectLocal('docker41', home);
    let resume: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const reconnect = async () => {
      await asleep;
      return connectLocal('docker41', home);
    };
    const running = runPlan(inputOf('run-a', plan, connection, { reconnect }));
    await vi.waitFor(() => expect(existsSync(at('state/last-run'))).toBe(true), { timeout: 20_000 });
    connection.cut();
    writeFileSync(at('gate'), '');
    await lockGone();
    const others = planOf('mesh deploy other.yml', [[wait('other-gate')]], lastRun());
    const other = runPlan(inputOf('run-b', others, connectLocal('docker41', home)));
    await vi.waitFor(() => expect(lastRun()).toMatch(/^run-b /), { timeout: 20_000 });
    resume();
    const outcome = (await running).get('docker41');
    writeFileSync(at('other-gate'), '');
    expect((await other).get('docker41')).toMatchObject({ state: 'done', changed: 1 });
    expect(outcome).toMatchObject({ state: 'failed', changed: 1, left: 1 });
    expect(outcome?.error?.message).toMatch(/^another run is changing this host \(run-b@laptop, since /);
    expect(existsSync(at('second'))).toBe(false);
  });

  it('goes on where only its own programs have run meanwhile, whoever was there before it', async () => {
    const before = planOf('mesh deploy old.yml', [['true']], null);
    await runPlan(inputOf('run-0', before, connectLocal('docker41', home)));
    const plan = planOf('mesh deploy a.yml', [[wait('gate')], [`touch '${at('second')}'`]], lastRun());
    const connection = connectLocal('docker41', home);
    const running = runPlan(inputOf('run-a', plan, connection));
    await vi.waitFor(() => expect(lastRun()).toMatch(/^run-a /), { timeout: 20_000 });
    connection.cut();
    writeFileSync(at('gate'), '');
    expect((await running).get('docker41')).toMatchObject({ state: 'done', changed: 2, left: 0 });
    expect(existsSync(at('second'))).toBe(true);
  });

  it('begins its first play after a connection that broke before it, on a host that has been changed in earlier days', async () => {
    const before = planOf('mesh deploy old.yml', [['true']], null);
    await runPlan(inputOf('run-0', before, connectLocal('docker41', home)));
    const plan = planOf('mesh deploy a.yml', [[`touch '${at('first')}'`]], lastRun());
    const connection = connectLocal('docker41', home);
    const emit = (event: EventBody) => {
      if (event.kind === 'play.started') connection.cut();
    };
    expect((await runPlan(inputOf('run-a', plan, connection, { emit }))).get('docker41')).toMatchObject({
      state: 'done',
      changed: 1,
    });
  });
});
