import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Event } from '../../src/events/types.js';

const bundle = fileURLToPath(new URL('../../dist/mesh.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bundled command line, as a person's shell would, without a terminal. */
export function mesh(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (piece) => {
      stdout += String(piece);
    });
    child.stderr.on('data', (piece) => {
      stderr += String(piece);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
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
