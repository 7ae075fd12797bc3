import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseEventLine } from '../../src/events/schema.js';
import type { Event } from '../../src/events/types.js';
import type { Lab } from '../../src/lab/index.js';
import { sharedLab } from './lab.js';
import { lastingFacts, mesh, type Ran, startMesh, startMeshOnTerminal } from './mesh.js';

let lab: Lab & { readonly folder: string };
let inventory = '';
let gated = '';

/** The first step ends when the test says so; the second one comes after it. */
const GATED = `
- name: Gate
  hosts: all
  tasks:
    - name: Wait for the gate
      command:
        cmd: echo begun; echo run >>/tmp/mesh-runs; until [ -e /tmp/mesh-gate ]; do sleep 0.05; done; touch /tmp/mesh-first
        creates: /tmp/mesh-first
    - name: Go on
      command: { cmd: touch /tmp/mesh-second, creates: /tmp/mesh-second }
`;

beforeAll(async () => {
  lab = await sharedLab();
  inventory = join(lab.folder, 'interrupted.yml');
  gated = join(lab.folder, 'gated.yml');
  await copyFile(lab.inventoryFile, inventory);
  await writeFile(gated, GATED);
  // A dockerd that was restarted once tells its bridge's gateway, a fresh one does not: compare like with like.
  await Promise.all(lab.hosts.map(({ name }) => lab.exec(name, ['systemctl', 'restart', 'docker'])));
});

async function onHost(host: string, command: string): Promise<string> {
  return (await lab.exec(host, ['sh', '-c', command])).stdout.trim();
}

/** Waits until the newest run on a host has been told to stop: a screen says so a moment before. */
const toldToStop = (host: string) =>
  onHost(
    host,
    'run=$(ls -1 /var/lib/mesh/runs | sort | tail -n 1); until [ -e "/var/lib/mesh/runs/$run/stop" ]; do sleep 0.05; done',
  );

const openGate = (host: string) => onHost(host, 'touch /tmp/mesh-gate');

afterEach(async () => {
  await Promise.all(
    lab.hosts.map(({ name }) =>
      onHost(name, 'touch /tmp/mesh-gate; while [ -e /run/mesh/lock ]; do sleep 0.1; done; rm -f /tmp/mesh-*'),
    ),
  );
});

/** All that a person was shown, however it was wrapped. */
function told({ stdout, stderr }: Ran): string {
  return stripVTControlCharacters(stderr + stdout).replaceAll(/\s+/g, ' ');
}

function eventsOf({ stdout }: Ran): readonly Event[] {
  return stdout.trim().split('\n').map(parseEventLine);
}

function endOf(ran: Ran) {
  const last = eventsOf(ran).at(-1);
  if (last?.kind !== 'run.ended') throw new Error(`the run has no end:\n${ran.stdout}${ran.stderr}`);
  return last;
}

const runGated = (...more: readonly string[]) =>
  ['run', gated, '-i', inventory, '--yes', '--limit', 'docker41', ...more] as const;

describe('Ctrl-C', () => {
  it('once: the running step ends, none begins, and the end says where each host is and what to type', async () => {
    const run = startMesh(...runGated('--verbose'));
    await run.said(/docker41: begun/);
    run.kill('SIGINT');
    await run.said(/Stopping/);
    await toldToStop('docker41');
    await openGate('docker41');
    const { code, stdout } = await run.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/docker41 +stopped +1 change, 1 not done/);
    expect(told({ code, stdout, stderr: '' })).toMatch(
      /to go on: mesh run \S+gated.yml -i \S+interrupted.yml --limit docker41/,
    );
    expect(await onHost('docker41', 'ls /tmp/mesh-first /tmp/mesh-second 2>/dev/null')).toBe('/tmp/mesh-first');
    expect(await onHost('docker41', 'ls /run/mesh/lock 2>/dev/null')).toBe('');
  });

  it('twice: leaves at once, and the host ends its running step by itself', async () => {
    const run = startMesh(...runGated('--verbose'));
    await run.said(/docker41: begun/);
    run.kill('SIGINT');
    await run.said(/Stopping/);
    await toldToStop('docker41');
    run.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('goes on by itself');
    expect(await onHost('docker41', 'ls /tmp/mesh-first 2>/dev/null')).toBe('');
    await openGate('docker41');
    await onHost('docker41', 'while [ -e /run/mesh/lock ]; do sleep 0.05; done');
    expect(await onHost('docker41', 'ls /tmp/mesh-first /tmp/mesh-second 2>/dev/null')).toBe('/tmp/mesh-first');
  });

  it('at the question: nothing was changed', async () => {
    const run = startMeshOnTerminal('run', gated, '-i', inventory, '--limit', 'docker41');
    await run.said(/\[y\/N\]/);
    run.type('\u0003');
    expect((await run.ended).code).toBe(130);
    expect(await onHost('docker41', 'cat /tmp/mesh-runs 2>/dev/null')).toBe('');
  });
});

describe('a laptop that is killed', () => {
  it('leaves a host at work: the next run says whose, follows it to its end, and goes on', async () => {
    const first = startMesh(...runGated('--verbose'));
    await first.said(/docker41: begun/);
    first.kill('SIGKILL');
    await first.ended;
    const second = startMesh(...runGated('--output', 'jsonl'));
    await second.said(/attached to a run whose laptop is gone[^\n]*: mesh run \S+gated.yml/);
    await second.said(/"line":"begun"/);
    await openGate('docker41');
    const ran = await second.ended;
    expect(endOf(ran)).toMatchObject({ exitCode: 0, changed: 0 });
    const steps = eventsOf(ran).flatMap((event) => (event.kind === 'step.ended' ? [event] : []));
    expect(steps.map(({ sentence, state }) => [sentence.slice(0, 10), state])).toEqual([
      ['run echo b', 'done'],
      ['run touch ', 'done'],
    ]);
    expect(await onHost('docker41', 'cat /tmp/mesh-runs')).toBe('run');
  });

  it('in the middle of a deploy: the next one ends as if nothing had happened, and the one after that has nothing to do', async () => {
    expect((await mesh('deploy', inventory, '--yes')).code).toBe(0);
    const undisturbed = await lastingFacts(inventory);
    expect((await mesh('teardown', inventory, '--yes')).code).toBe(0);

    const killed = startMesh('deploy', inventory, '--yes');
    await killed.said(/docker42: \[2\/\d+\]/);
    killed.kill('SIGKILL');
    await killed.ended;
    const again = await mesh('deploy', inventory, '--yes');
    expect(again.code, again.stdout + again.stderr).toBe(0);
    expect(again.stdout).toMatch(/All 6 pairs pass/);
    expect(await lastingFacts(inventory)).toEqual(undisturbed);

    const nothing = await mesh('deploy', inventory, '--yes', '--output', 'jsonl');
    expect(endOf(nothing)).toMatchObject({ exitCode: 0, changed: 0 });
    const trips = eventsOf(nothing).flatMap((event) =>
      event.kind === 'message' ? (/^(\d+) round trips/.exec(event.text)?.[1] ?? []) : [],
    );
    expect(trips).toHaveLength(3);
    for (const trip of trips) expect(Number(trip)).toBeLessThanOrEqual(4);

    // A proof that is stopped leaves nothing of its own on any host.
    const verify = startMesh('verify', inventory, '--verbose');
    await verify.said(/starting a container/);
    verify.kill('SIGINT');
    const stopped = await verify.ended;
    expect(stopped.code).toBe(130);
    expect(told(stopped)).toContain(`to measure the mesh: mesh verify ${inventory}`);
    const rests =
      "docker ps -aq; docker images -q 'mesh-probe-*'; ps ax -o args | grep -E '^(sleep 300|[^ ]*socket-activate)' || :";
    for (const { name } of lab.hosts) expect(await onHost(name, rests)).toBe('');
    expect((await mesh('teardown', inventory, '--yes')).code).toBe(0);
  });
});

describe('a connection that is cut', () => {
  it('is made again, and the run goes on where it was, under its lock', async () => {
    const run = startMesh(...runGated('--verbose'));
    await run.said(/docker41: begun/);
    await lab.exec('docker41', ['pkill', '-KILL', '-f', '^sshd: root@']);
    await run.said(/connecting again/);
    const boot = 'field() { sed -n "s/^$1=//p" /run/mesh/lock; }; ';
    // Taken up again: its keeper is one that lives.
    await onHost('docker41', `${boot} until [ -d "/proc/$(field keeper)" ]; do sleep 0.05; done`);
    await openGate('docker41');
    const { code, stdout } = await run.ended;
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/docker41 +done +2 changes/);
    expect(await onHost('docker41', 'cat /tmp/mesh-runs')).toBe('run');
    expect(await onHost('docker41', 'ls /run/mesh/lock 2>/dev/null')).toBe('');
  });
});

describe('a step that fails on one host', () => {
  it('lets the others finish, and the end has the error, its command, what it wrote, and what to type next', async () => {
    const playbook = join(lab.folder, 'fails.yml');
    await writeFile(
      playbook,
      `
- name: Break
  hosts: all
  tasks:
    - name: First
      command: { cmd: touch /tmp/mesh-first, creates: /tmp/mesh-first }
    - name: Second
      command: { cmd: "echo no space on the moon >&2; exit 7", creates: /tmp/mesh-second }
      when: inventory_hostname == 'docker42'
    - name: Third
      command: { cmd: touch /tmp/mesh-third, creates: /tmp/mesh-third }
- name: Later
  hosts: all
  tasks:
    - name: Fourth
      command: { cmd: touch /tmp/mesh-fourth, creates: /tmp/mesh-fourth }
`,
    );
    const { code, stdout } = await mesh('run', playbook, '-i', inventory, '--yes');
    expect(code).toBe(1);
    expect(stdout).toMatch(/docker41 +done +3 changes/);
    expect(stdout).toMatch(/docker43 +done +3 changes/);
    expect(stdout).toMatch(/docker42 +failed +1 change, 3 not done/);
    const end = stdout.slice(stdout.search(/docker42 +failed/));
    expect(end).toContain('exit code 7');
    expect(end).toMatch(/\$ .*echo no space on the moon >&2; exit 7/);
    expect(end).toMatch(/[│|] no space on the moon/);
    expect(end.replaceAll(/\s+/g, ' ')).toMatch(/once that is mended: mesh run \S+fails.yml -i \S+interrupted.yml/);
    expect(await onHost('docker42', 'ls /tmp/mesh-third /tmp/mesh-fourth 2>/dev/null')).toBe('');
    expect(await onHost('docker43', 'ls /tmp/mesh-fourth')).toBe('/tmp/mesh-fourth');
  });
});

describe('the lock of a host', () => {
  it('is taken over where its holders are gone, and that is said', async () => {
    const lines = ['run=old', 'who=ann@desk', 'since=yesterday', 'what=mesh deploy x', 'boot=another', 'keeper=1'];
    await onHost('docker41', `mkdir -p /run/mesh; printf '%s\\n' '${lines.join("' '")}' >/run/mesh/lock`);
    await openGate('docker41');
    const ran = await mesh(...runGated());
    expect(ran.code, ran.stdout).toBe(0);
    expect(told(ran)).toContain('took over the lock of a run that is gone (ann@desk, since yesterday: mesh deploy x)');
  });

  it('names its owner to another run at once, or after the time that this one may wait', async () => {
    const first = startMesh(...runGated('--verbose'));
    await first.said(/docker41: begun/);
    const second = await mesh(...runGated());
    expect(second.code).toBe(1);
    expect(told(second)).toMatch(/docker41 refused/);
    expect(told(second)).toMatch(/another run is changing this host \(\S+@\S+, since \S+: mesh run \S+gated.yml/);
    expect(told(second)).toContain('--lock-timeout');
    const third = startMesh(...runGated('--lock-timeout', '120'));
    await third.said(/another run is changing this host/);
    await openGate('docker41');
    expect((await first.ended).code).toBe(0);
    const { code, stdout } = await third.ended;
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('nothing to change');
  });

  it('is not given to a plan that is older than the last change', async () => {
    const asked = startMeshOnTerminal('run', gated, '-i', inventory, '--limit', 'docker41');
    await asked.said(/\[y\/N\]/);
    await openGate('docker41');
    expect((await mesh(...runGated())).code).toBe(0);
    asked.type('y\r');
    const ran = await asked.ended;
    expect(ran.code).toBe(1);
    expect(told(ran)).toMatch(/it was changed since it was looked at \(by \S+.* \S+@/);
    expect(told(ran)).toMatch(/to plan it anew: mesh run/);
    expect(await onHost('docker41', 'cat /tmp/mesh-runs')).toBe('run');
  });
});
