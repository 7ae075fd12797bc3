import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFrameReader, type Frame, parseJournalLine } from '../../src/engine/journal.js';
import { HEARTBEAT, type LockRequest, lockCommand, parseLockAnswer, waitScript } from '../../src/engine/lock.js';
import {
  applyProgram,
  attachScript,
  followScript,
  type ProgramInput,
  startScript,
  stopScript,
} from '../../src/engine/program.js';
import { followProgress } from '../../src/engine/progress.js';
import type { PlannedChange } from '../../src/engine/types.js';
import { createLineReader } from '../../src/lines.js';
import { quote } from '../../src/quote.js';

const run = promisify(execFile);
let home = '';

/** The same text over folders of this test's own: the real ones belong to root and to hosts. */
function here(text: string): string {
  return text
    .replaceAll('/var/lib/mesh', join(home, 'state'))
    .replaceAll('/run/mesh', join(home, 'run'))
    .replaceAll('/run/systemd/system', join(home, 'no-systemd'));
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mesh-program-'));
  mkdirSync(join(home, 'run'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function change(command: string, more: Partial<PlannedChange> = {}): PlannedChange {
  return { sentence: command, command, undo: { impossible: 'a test' }, ...more };
}

function input(changes: readonly PlannedChange[]): ProgramInput {
  return {
    run: 'run-1',
    play: 0,
    who: 'ops@laptop',
    since: '2026-01-31T10:00:00.000Z',
    what: 'mesh deploy x',
    lastRun: null,
    hosts: ['docker41'],
    changes,
  };
}

const lockFile = () => join(home, 'run/lock');
/** proc(5): the time at which a process was started, field 22. */
const startOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[19] ?? '';

const folder = () => join(home, 'state/runs/run-1/0');

async function start(changes: readonly PlannedChange[]): Promise<{ journal: string; output: string }> {
  const frames: Frame[] = [];
  const read = createFrameReader((frame) => frames.push(frame));
  const { stdout } = await run('sh', ['-c', here(startScript(input(changes)))], { encoding: 'buffer' });
  read(stdout);
  const text = (kind: string) =>
    frames.map((frame) => (frame.kind === kind && 'bytes' in frame ? frame.bytes.toString('latin1') : '')).join('');
  return { journal: text('journal'), output: text('output') };
}

describe('the apply program', () => {
  it('runs its steps in order, and journals each', async () => {
    const { journal, output } = await start([change('echo one'), change('echo two >&2')]);
    const entries = journal.trim().split('\n').map(parseJournalLine);
    expect(entries.map((entry) => entry && [entry.kind, 'step' in entry ? entry.step : 0])).toEqual([
      ['begin', 1],
      ['end', 1],
      ['begin', 2],
      ['end', 2],
      ['exit', 0],
    ]);
    expect(entries.at(-1)).toMatchObject({ state: 'done' });
    expect(output).toBe('one\ntwo\n');
    expect(readFileSync(join(home, 'state/last-run'), 'utf8')).toBe('run-1 ops@laptop\n');
  });

  it('stops at the first step that fails, with its code and its output', async () => {
    const { journal, output } = await start([change('echo "no bridge" >&2; false; echo never'), change('echo later')]);
    expect(journal).toMatch(/^B 1 .*\nE 1 failed 1 \d+ 10\nX failed \d+\n$/);
    expect(output).toBe('no bridge\n');
  });

  it('does not run a guarded step that is not needed', async () => {
    const { journal, output } = await start([
      change('echo no', { guard: 'false' }),
      change('echo yes', { guard: 'true' }),
    ]);
    expect(journal).toMatch(/E 1 unneeded 0/);
    expect(output).toBe('yes\n');
  });

  it('ends a step that takes too long', async () => {
    const { journal, output } = await start([change('sleep 30', { timeoutSeconds: 1 })]);
    expect(journal).toMatch(/E 1 failed 124/);
    expect(output).toBe('ended after 1 seconds\n');
  });

  it('writes a former value before the change, and never again', async () => {
    const key = 'sysctl/net.ipv4.ip_forward';
    const file = join(home, 'state/record', key);
    const records = [{ key, value: { was: "it's 0" } }];
    await start([change(`cat '${file}'`, { records }), change('true', { records: [{ key, value: { was: '1' } }] })]);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ was: "it's 0" });
    expect(readFileSync(join(folder(), 'output'), 'utf8')).toBe(`${JSON.stringify(records[0]?.value)}\n`);
  });

  it('refuses a record whose key leaves its folder', () => {
    expect(() => applyProgram(input([change('true', { records: [{ key: '../x', value: 1 }] })]))).toThrow(/key/);
  });

  it('is not run twice by a second start', async () => {
    await start([change('echo once')]);
    const again = await start([change('echo once')]);
    expect(again.output).toBe('once\n');
    expect(again.journal.match(/^B/gm)).toHaveLength(1);
  });

  it('ends between two steps when a stop file is there', async () => {
    const go = join(home, 'go');
    const program = spawn('sh', [
      '-c',
      here(startScript(input([change(`until [ -e '${go}' ]; do sleep 0.05; done`), change('echo no')]))),
    ]);
    const frames: Frame[] = [];
    const begun = new Promise<void>((resolve) => {
      const lines = createLineReader(() => resolve());
      const read = createFrameReader((frame) => {
        frames.push(frame);
        if (frame.kind === 'journal') lines(frame.bytes);
      });
      program.stdout.on('data', read);
    });
    await begun;
    await run('sh', ['-c', here(stopScript('run-1'))]);
    writeFileSync(go, '');
    await new Promise((resolve) => program.on('close', resolve));
    const journal = readFileSync(join(folder(), 'journal'), 'utf8');
    expect(journal).toMatch(/E 1 done[^\n]*\nX stopped \d+\n$/);
  });

  it('does not begin at all where the stop came before the start', async () => {
    await run('sh', ['-c', here(stopScript('run-1'))]);
    const { journal, output } = await start([change('echo no')]);
    expect(journal).toMatch(/^X stopped \d+\n$/);
    expect(output).toBe('');
  });

  it('leaves its sentences, one a line, for a run that meets it, and nothing of its commands', async () => {
    await start([change('true', { sentence: 'build\nit' }), change('echo secret-command', { sentence: 'second' })]);
    expect(readFileSync(join(folder(), 'steps'), 'utf8')).toBe('build it\nsecond\n');
    const { stdout } = await run('sh', ['-c', here(attachScript('run-1', 0))]);
    expect(stdout.startsWith('S 16\nbuild it\nsecond\nJ ')).toBe(true);
  });

  it('gives every line to the step that wrote it, however the looks fall between them', async () => {
    const lines: string[] = [];
    const sentences = Array.from({ length: 12 }, (_, index) => `step ${index + 1}`);
    const { read } = followProgress({
      host: 'docker41',
      playName: 'Many',
      steps: sentences.map((sentence) => ({ task: '', sentence })),
      emit: (event) => event.kind === 'step.output' && lines.push(`${event.step}: ${event.line}`),
      now: () => 0,
    });
    const quick = startScript(input(sentences.map((sentence) => change(`echo ${quote(sentence)}`))));
    const { stdout } = await run('sh', ['-c', here(quick).replace('pause=0.05', 'pause=0.001')], {
      encoding: 'buffer',
    });
    createFrameReader(read)(stdout);
    expect(lines).toEqual(sentences.map((sentence, index) => `${index + 1}: ${sentence}`));
  });

  it('says that there is no such play', async () => {
    const { stdout } = await run('sh', ['-c', here(attachScript('run-9', 0))]);
    expect(stdout).toBe('N 0\n');
  });

  it('says that a program is gone whose process id belongs to another process by now', async () => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), 'journal'), 'B 1 1 0\n');
    writeFileSync(join(folder(), 'output'), '');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    for (const pid of [`${process.pid} 1 ${boot}`, `${process.pid} ${startOf(process.pid)} another-boot`]) {
      writeFileSync(join(folder(), 'pid'), `${pid}\n`);
      const { stdout } = await run('sh', ['-c', here(followScript('run-1', 0, 8, 0))]);
      expect(stdout).toBe('G 0\n');
    }
  });

  it('gives up a program that was put there and never began', async () => {
    mkdirSync(folder(), { recursive: true });
    for (const name of ['journal', 'output']) writeFileSync(join(folder(), name), '');
    const quick = here(followScript('run-1', 0, 0, 0)).replace('-le 200', '-le 3');
    expect((await run('sh', ['-c', quick])).stdout).toBe('G 0\n');
  });

  it('does nothing where another run holds the lock, and says whose it is', async () => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const keeper = `keeper=${process.pid}\nkeeper_start=${startOf(process.pid)}`;
    writeFileSync(lockFile(), `run=run-0\nwho=ann@desk\nsince=noon\nwhat=mesh run x\nboot=${boot}\n${keeper}\n`);
    const { journal, output } = await start([change('echo no')]);
    expect(journal).toMatch(/^X failed \d+\n$/);
    expect(output).toBe('another run is changing this host (ann@desk, since noon: mesh run x)\n');
    expect(readFileSync(lockFile(), 'utf8')).toContain('run=run-0');
    expect(existsSync(join(home, 'state/last-run'))).toBe(false);
  });

  it('does nothing where its lock is gone and another run has changed the host since', async () => {
    mkdirSync(join(home, 'state'), { recursive: true });
    writeFileSync(join(home, 'state/last-run'), 'run-0 ann@desk\n');
    const { journal, output } = await start([change('echo no')]);
    expect(journal).toMatch(/^X failed \d+\n$/);
    expect(output).toBe('it was changed since it was looked at (by run-0 ann@desk)\n');
    expect(existsSync(lockFile())).toBe(false);
    expect(readFileSync(join(home, 'state/last-run'), 'utf8')).toBe('run-0 ann@desk\n');
  });

  it('takes the lock itself where the connection is gone already, and gives it back at its end', async () => {
    const { output } = await start([change(`cat '${lockFile()}'`)]);
    const lines = output.trim().split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'run=run-1',
      'who=ops@laptop',
      'since=2026-01-31T10:00:00.000Z',
      'what=mesh deploy x',
    ]);
    expect(lines.slice(5)).toEqual([
      expect.stringMatching(/^apply=\d+$/),
      expect.stringMatching(/^apply_start=\d+$/),
      'play=0',
    ]);
    expect(existsSync(lockFile())).toBe(false);
  });

  it('can be followed from any byte on, whatever its output holds', async () => {
    await start([change(`printf 'a\\000\\377\\nJ 5\\nX done 1\\n'`)]);
    const journal = readFileSync(join(folder(), 'journal'));
    const output = readFileSync(join(folder(), 'output'));
    for (const [j, o] of [
      [0, 0],
      [3, 2],
      [journal.length, output.length],
    ] as const) {
      const { stdout } = await run('sh', ['-c', here(followScript('run-1', 0, j, o))], { encoding: 'buffer' });
      const pieces: { journal: Buffer[]; output: Buffer[] } = { journal: [], output: [] };
      const read = createFrameReader((frame) => {
        if (frame.kind === 'journal' || frame.kind === 'output') pieces[frame.kind].push(Buffer.from(frame.bytes));
      });
      for (const byte of stdout) read(Buffer.from([byte]));
      expect(Buffer.concat(pieces.journal)).toEqual(journal.subarray(j));
      expect(Buffer.concat(pieces.output)).toEqual(output.subarray(o));
    }
  });

  it('says that a program is gone which was killed', async () => {
    mkdirSync(folder(), { recursive: true });
    writeFileSync(join(folder(), 'journal'), 'B 1 1 0\n');
    writeFileSync(join(folder(), 'output'), '');
    const dead = spawn('true');
    await new Promise((resolve) => dead.on('close', resolve));
    writeFileSync(join(folder(), 'pid'), `${dead.pid}\n`);
    const { stdout } = await run('sh', ['-c', here(followScript('run-1', 0, 0, 0))]);
    expect(stdout).toBe('J 8\nB 1 1 0\nG 0\n');
  });
});

describe('the lock', () => {
  const request: LockRequest = {
    run: 'run-1',
    who: 'ops@laptop',
    since: '2026-01-31T10:00:00.000Z',
    what: 'mesh deploy x',
    lastRun: null,
  };

  /** Takes the lock; `end` closes its stdin, as a lost or closed connection does. */
  async function take(more: Partial<typeof request> = {}, silence?: number, env: NodeJS.ProcessEnv = process.env) {
    mkdirSync(join(home, 'state'), { recursive: true });
    // exec: the process that is killed is the holder itself, not a shell around it.
    const holder = spawn('sh', ['-c', `exec ${here(lockCommand({ ...request, ...more }, silence))}`], { env });
    const line = await new Promise<string>((resolve) => holder.stdout.on('data', createLineReader(resolve)));
    const closed = new Promise((resolve) => holder.on('close', resolve));
    return {
      answer: parseLockAnswer(line),
      beat: () => holder.stdin.write(HEARTBEAT),
      closed,
      kill: async () => {
        holder.kill('SIGKILL');
        await closed;
      },
      end: async () => {
        holder.stdin.end();
        await closed;
      },
    };
  }

  it('is held by one, who is named to the other, and is free again after the end', async () => {
    const first = await take();
    expect(first.answer).toEqual({ kind: 'held' });
    const second = await take({ run: 'run-2' });
    expect(second.answer).toEqual({
      kind: 'busy',
      by: 'ops@laptop, since 2026-01-31T10:00:00.000Z: mesh deploy x',
    });
    await second.end();
    await first.end();
    const third = await take({ run: 'run-3' });
    expect(third.answer).toEqual({ kind: 'held' });
    await third.end();
  });

  it('is taken over from a holder that was killed', async () => {
    const first = await take();
    await first.kill();
    const second = await take({ run: 'run-2', who: 'root@other' });
    expect(second.answer).toMatchObject({ kind: 'taken over', from: expect.stringContaining('ops@laptop') });
    await second.end();
  });

  it('is taken up again by the run that has it, from the connection that broke', async () => {
    const first = await take();
    const second = await take();
    expect(second.answer).toEqual({ kind: 'held' });
    await first.end();
    expect(existsSync(lockFile())).toBe(true);
    const other = await take({ run: 'run-2' });
    expect(other.answer.kind).toBe('busy');
    await other.end();
    await second.end();
    expect(existsSync(lockFile())).toBe(false);
  });

  it('stays with a program that works on when the laptop is gone, until that ends', async () => {
    const go = join(home, 'go');
    const keeper = await take();
    const program = start([change(`until [ -e '${go}' ]; do sleep 0.05; done`), change('echo end')]);
    await vi.waitFor(() => expect(readFileSync(lockFile(), 'utf8')).toContain('play=0'));
    await keeper.end();
    const other = await take({ run: 'run-2' });
    expect(other.answer.kind).toBe('busy');
    await other.end();
    const waiting = run('sh', ['-c', here(waitScript('free', 60))]);
    await run('sh', ['-c', here(waitScript('laptop gone', 60))]);
    writeFileSync(go, '');
    expect((await program).output).toBe('end\n');
    await waiting;
    expect(existsSync(lockFile())).toBe(false);
  });

  it('is given back where the laptop is silent for too long, though its connection is not closed', async () => {
    const silent = await take({}, 1);
    await silent.closed;
    expect(existsSync(lockFile())).toBe(false);
  });

  it('stays with a program where the laptop is silent, and the program gives it back', async () => {
    const go = join(home, 'go');
    const silent = await take({}, 1);
    const program = start([change(`until [ -e '${go}' ]; do sleep 0.05; done`)]);
    await vi.waitFor(() => expect(readFileSync(lockFile(), 'utf8')).toContain('play=0'), 10_000);
    await silent.closed;
    expect((await take({ run: 'run-2' })).answer.kind).toBe('busy');
    writeFileSync(go, '');
    await program;
    expect(existsSync(lockFile())).toBe(false);
  });

  /** A folder with a timeout(1) that tells of its calls in a file, and then does as `text` says. */
  function timeoutThat(text: string): { readonly env: NodeJS.ProcessEnv; readonly calls: () => number } {
    const told = join(home, 'calls');
    const folder = join(home, 'bin');
    mkdirSync(folder);
    writeFileSync(told, '');
    writeFileSync(join(folder, 'timeout'), `#!/bin/sh\necho call >>'${told}'\n${text}\n`, { mode: 0o755 });
    const calls = () => readFileSync(told, 'utf8').split('call').length - 1;
    return { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` }, calls };
  }

  it('is held as long as the laptop says that it is there', async () => {
    const { env, calls } = timeoutThat('shift; exec "$@"');
    const first = await take({}, undefined, env);
    // The first call is the question whether there is a timeout(1).
    for (const heard of [2, 3, 4, 5]) {
      await vi.waitFor(() => expect(calls()).toBe(heard), 10_000);
      expect(existsSync(lockFile())).toBe(true);
      first.beat();
    }
    await first.end();
    expect(existsSync(lockFile())).toBe(false);
  });

  it('is held until the connection closes on a host without timeout(1)', async () => {
    const { env, calls } = timeoutThat('exit 127');
    const first = await take({}, 1, env);
    await vi.waitFor(() => expect(calls()).toBe(1), 10_000);
    first.beat();
    expect((await take({ run: 'run-2' })).answer.kind).toBe('busy');
    await first.end();
    expect(existsSync(lockFile())).toBe(false);
  });

  it('is not taken for out of date by what its own run has done', async () => {
    mkdirSync(join(home, 'state'), { recursive: true });
    writeFileSync(join(home, 'state/last-run'), 'run-1 ops@laptop\n');
    const again = await take({ lastRun: 'run-0 root@other' });
    expect(again.answer).toEqual({ kind: 'held' });
    await again.end();
  });

  it('waits for an owner no longer than it was told', async () => {
    const first = await take();
    await run('sh', ['-c', here(waitScript('free', 1))]);
    expect(existsSync(lockFile())).toBe(true);
    await first.end();
  });

  it('is not given for a plan that is out of date', async () => {
    mkdirSync(join(home, 'state'), { recursive: true });
    writeFileSync(join(home, 'state/last-run'), 'run-0 root@other\n');
    const first = await take();
    expect(first.answer).toEqual({ kind: 'outdated', by: 'run-0 root@other' });
    await first.end();
    const second = await take({ lastRun: 'run-0 root@other' });
    expect(second.answer).toEqual({ kind: 'held' });
    await second.end();
  });
});
