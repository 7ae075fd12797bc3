import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ProgramInput, startScript } from '../../src/engine/program.js';
import type { PlannedChange } from '../../src/engine/types.js';
import type { Tunnel } from '../../src/network/types.js';
import { ovsTunnels } from '../../src/resources/ovs-tunnels.js';
import { SCRIPT_COMMAND, wrapScript } from '../../src/ssh/wire.js';
import { aBridge, hostFacts, known } from '../resources/facts.js';
import { underHome } from './local-host.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-steps-'));
  for (const name of ['run', 'bin', 'state']) mkdirSync(join(home, name));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function change(command: string, more: Partial<PlannedChange> = {}): PlannedChange {
  return { sentence: 'a step', command, undo: { impossible: 'a test' }, ...more };
}

function input(changes: readonly PlannedChange[]): ProgramInput {
  const what = 'mesh deploy x';
  const since = '2026-01-31T10:00:00.000Z';
  return { run: 'run-1', play: 0, who: 'ops@laptop', since, what, lastRun: null, hosts: ['docker41'], changes };
}

/** Starts a play as the transport does, its text on stdin, in a world where `sh` is `shell`. */
async function start(shell: string, changes: readonly PlannedChange[]): Promise<void> {
  const bin = join(home, 'bin');
  symlinkSync(shell, join(bin, 'sh'));
  const script = underHome(startScript(input(changes)), home).replaceAll('PATH=/usr/local', `PATH=${bin}:/usr/local`);
  const program = spawn('sh', ['-c', SCRIPT_COMMAND], { env: { ...process.env, PATH: `${bin}:${process.env.PATH}` } });
  program.stdin.end(wrapScript(script));
  program.stdout.resume();
  await new Promise((resolve) => program.on('close', resolve));
}

const folder = () => join(home, 'state/runs/run-1/0');
const inFolder = (name: string) => readFileSync(join(folder(), name), 'utf8');

describe.each(['/bin/dash', '/bin/bash'])('a step under %s', (shell) => {
  it('has its text in no process’s argument list, and in files that only root can read', async () => {
    const secret = randomBytes(12).toString('hex');
    const look = (to: string) => `cat /proc/[0-9]*/cmdline >'${join(home, to)}' 2>/dev/null || : ${secret}`;
    await start(shell, [change(look('in-step'), { guard: look('in-guard'), records: [{ key: 'x', value: secret }] })]);
    expect(inFolder('journal')).toMatch(/E 1 done 0/);
    for (const name of ['in-step', 'in-guard']) {
      const seen = readFileSync(join(home, name), 'latin1');
      expect(seen).toContain('program');
      expect(seen).not.toContain(secret);
    }
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder(), { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [entry.name] : [],
    );
    const texts = files.filter((name) => readFileSync(join(folder(), name), 'latin1').includes(secret));
    expect(texts.length).toBeGreaterThan(0);
    for (const name of texts) expect(statSync(join(folder(), name)).mode & 0o077).toBe(0);
  });

  it('makes the tunnels of a mesh of 500 hosts in one transaction', async () => {
    const tunnels = Array.from({ length: 499 }, (_, index): Tunnel => {
      const peer = `docker${1000 + index}`;
      const remote = `192.168.${Math.floor(index / 250)}.${(index % 250) + 1}`;
      return {
        name: `gre-${peer}`,
        type: 'gre',
        peer,
        remote_ip: remote,
        local_ip: '192.168.199.41',
        key: null,
        state: 'wanted',
      };
    });
    const facts = hostFacts({
      openvswitch: known({ installed: true, running: true, version: '3.1.0', bridges: [aBridge('br0')] }),
    });
    const diff = ovsTunnels.diff({ bridge: 'br0', tunnels, adopt: false, state: 'present' }, facts);
    const made = diff.kind === 'changes' ? diff.changes : [];
    expect(made[0]?.command.length).toBeGreaterThan(128 * 1024);
    const asked = join(home, 'asked');
    const fake = `#!/bin/sh\nprintf '%s\\n' "$*" >>'${asked}'\n`;
    writeFileSync(join(home, 'bin/ovs-vsctl'), fake, { mode: 0o755 });
    await start(shell, made);
    expect(inFolder('output')).toBe('');
    expect(inFolder('journal')).toMatch(/E 1 done 0/);
    const [transaction = '', ...others] = readFileSync(asked, 'utf8').trim().split('\n');
    expect(transaction.match(/ add-port br0 gre-docker/g)).toHaveLength(499);
    expect(others).toHaveLength(1);
  });
});

describe('a program', () => {
  it('does nothing where it is started a second time', async () => {
    const counted = join(home, 'counted');
    await start('/bin/sh', [change(`echo once >>'${counted}'`)]);
    const again = spawn('sh', [join(folder(), 'program')], { stdio: 'ignore' });
    await new Promise((resolve) => again.on('close', resolve));
    expect(readFileSync(counted, 'utf8')).toBe('once\n');
    expect(inFolder('journal').match(/^X /gm)).toHaveLength(1);
  });
});
