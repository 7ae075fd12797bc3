import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Event } from '../../src/events/types.js';
import { quoteAll } from '../../src/quote.js';

const bundle = fileURLToPath(new URL('../../dist/mesh.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs, and what it has written so far. */
export interface Running {
  readonly ended: Promise<Ran>;
  /** Resolves as soon as stdout or stderr holds the pattern; rejects if the command ends without that. */
  said(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Writes to the command's stdin. */
  type(text: string): void;
}

function running(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let wake: () => void = () => undefined;
  child.stdout.on('data', (piece) => {
    stdout += String(piece);
    wake();
  });
  child.stderr.on('data', (piece) => {
    stderr += String(piece);
    wake();
  });
  let over = false;
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      over = true;
      wake();
      resolve({ code, stdout, stderr });
    });
  });
  return {
    ended,
    async said(pattern) {
      while (!pattern.test(stdout) && !pattern.test(stderr)) {
        if (over) throw new Error(`it ended and never said ${pattern}:\n${stdout}\n${stderr}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    kill: (signal) => void child.kill(signal),
    type: (text) => void child.stdin.write(text),
  };
}

/** Starts the bundled command line without a terminal. */
export function startMesh(...args: readonly string[]): Running {
  return running(process.execPath, [bundle, ...args]);
}

/** Starts it with a terminal, as a person has one: script(1) makes it. */
export function startMeshOnTerminal(...args: readonly string[]): Running {
  return running('script', ['-qec', quoteAll([process.execPath, bundle, ...args]), '/dev/null']);
}

/** Runs the bundled command line to its end, as a person's shell would, without a terminal. */
export function mesh(...args: readonly string[]): Promise<Ran> {
  return startMesh(...args).ended;
}

/** Runs a command of mesh for its events. */
export async function meshEvents(...args: readonly string[]): Promise<{ code: number | null; events: Event[] }> {
  const { code, stdout } = await mesh(...args, '--output', 'jsonl');
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code, events: lines.map((line): Event => JSON.parse(line)) };
}

/** What ended, as `host: sentence`, sorted. */
export function sentences(list: readonly Event[]): string[] {
  return list.flatMap((event) => (event.kind === 'step.ended' ? [`${event.host}: ${event.sentence}`] : [])).sort();
}

/** The changes that `mesh plan` promises, as `host: sentence`, sorted. */
export async function promised(inventory: string): Promise<string[]> {
  const { code, stdout, stderr } = await mesh('plan', inventory, '--json');
  if (code !== 0) throw new Error(stderr);
  const { plan } = JSON.parse(stdout);
  const list: string[] = [];
  for (const { host, plays } of plan.hosts) {
    for (const { tasks } of plays) {
      for (const { changes } of tasks) for (const { sentence } of changes) list.push(`${host}: ${sentence}`);
    }
  }
  return list.sort();
}

/** Facts that must be the same before a deploy and after a teardown; what changes by itself is left out. */
export async function lastingFacts(inventory: string): Promise<unknown> {
  const { stdout } = await mesh('facts', '-i', inventory, '--json');
  const { hosts } = JSON.parse(stdout);
  const changing = /^(tookMs|bootId|clock|uptimeSeconds|diskFreeBytes|memoryBytes|lastRun|index|mac)$/;
  const order = (entry: unknown): string =>
    JSON.stringify(entry, (key, value) => (changing.test(key) ? undefined : value));
  return JSON.parse(
    JSON.stringify(hosts, (key, value) => {
      if (changing.test(key)) return undefined;
      if (!['links', 'addresses', 'routes'].includes(key) || !Array.isArray(value?.value)) return value;
      // The kernel gives docker0 a link-local address as soon as anything was ever plugged into it; and it lists what it
      // has in the order in which that was made.
      const lasting = value.value.filter(({ scope }: { scope?: string }) => scope !== 'link');
      return { ...value, value: lasting.sort((a: unknown, b: unknown) => (order(a) < order(b) ? -1 : 1)) };
    }),
  );
}
