// What the measurements share: running a command, medians, and a table.
import { spawn } from 'node:child_process';

/** Runs a command and resolves to its duration in milliseconds and its output. Rejects if it fails. */
export function timed(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (piece) => {
      output += piece;
    });
    child.stderr.on('data', (piece) => {
      output += piece;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const ms = performance.now() - started;
      if (code === 0) resolve({ ms, output });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`));
    });
  });
}

/** Runs every contender in turn, `runs` times over, so that noise meets all of them alike. */
export async function compare(contenders, runs) {
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < runs; round++) {
    for (const { name, run } of contenders) samples.get(name).push((await run()).ms);
  }
  return samples;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** One line: median, lowest, highest, in milliseconds. */
export function line(name, values) {
  const ms = (value) => `${value.toFixed(0).padStart(6)} ms`;
  return `${name.padEnd(44)}${ms(median(values))}   (${ms(Math.min(...values))} –${ms(Math.max(...values))}, ${values.length} runs)`;
}
