import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';

/** What a program printed and how it ended. A program that a signal ended has the code 128 + 1, as nothing finer is needed here. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Called with every complete line of stdout and stderr, as it comes. */
  readonly onLine?: (line: string) => void;
}

/** Something that the lab tried and that did not work: one sentence, and what the program said. Exit code 1. */
export class LabError extends Error {
  constructor(
    message: string,
    /** What a person can do or look at next. */
    readonly advice?: string,
  ) {
    super(advice ? `${message}\n  ${advice}` : message);
    this.name = 'LabError';
  }
}

/** The environment of every program that the lab starts: none of the caller's variables gets into a host. */
export const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/root',
};

/** Runs a program to its end and returns what it printed; rejects only when it cannot be started or was aborted. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('nothing to run');
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: '/',
      env: cleanEnvironment,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.signal ? { signal: options.signal, killSignal: 'SIGKILL' as const } : {}),
      ...(options.timeoutMs ? { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const } : {}),
    });
    const out = collect(options.onLine);
    const err = collect(options.onLine);
    child.stdout.on('data', out.add);
    child.stderr.on('data', err.add);
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.once('error', (error) =>
      reject(options.signal?.aborted ? error : new LabError(`${program} could not be started: ${error.message}`)),
    );
    child.once('close', (code) => resolve({ code: code ?? 129, stdout: out.text(), stderr: err.text() }));
  });
}

/** Runs a program that has to succeed; its stdout. @throws {LabError} with the last lines that it printed. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  const said = lastLines(result.stderr.trim() || result.stdout.trim(), 12);
  throw new LabError(`${argv.slice(0, 4).join(' ')} … failed with exit code ${result.code}${said ? `:\n${said}` : ''}`);
}

/** Runs a POSIX-sh script with arguments ($1 …) that has to succeed. */
export function mustScript(script: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
  return mustRun(['sh', '-euc', script, 'sh', ...args], options);
}

/** Starts a program that lives on without this one: its own session, no terminal, its output appended to `log`. */
export async function runDetached(argv: readonly string[], log: string): Promise<void> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('nothing to run');
  const file = await open(log, 'a', 0o600);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(program, rest, {
        cwd: '/',
        env: cleanEnvironment,
        detached: true,
        stdio: ['ignore', file.fd, file.fd],
      });
      child.once('error', (error) => reject(new LabError(`${program} could not be started: ${error.message}`)));
      child.once('spawn', () => {
        child.unref();
        resolve();
      });
    });
  } finally {
    await file.close();
  }
}

/** The last lines of a text, indented for an error message. */
export function lastLines(text: string, count: number): string {
  if (text === '') return '';
  return text
    .split('\n')
    .slice(-count)
    .map((line) => `    ${line}`)
    .join('\n');
}

function collect(onLine?: (line: string) => void): { add(chunk: Buffer): void; text(): string } {
  const chunks: Buffer[] = [];
  let rest = '';
  return {
    add(chunk) {
      chunks.push(chunk);
      if (!onLine) return;
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}

/** Runs a program on this process' own stdin, stdout and stderr; its exit code, 128 + n for a signal n. */
export function runAttached(argv: readonly string[]): Promise<number> {
  const [program = '', ...rest] = argv;
  const env = { ...cleanEnvironment, ...(process.env.TERM ? { TERM: process.env.TERM } : {}) };
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { cwd: '/', env, stdio: 'inherit' });
    // The terminal sends Ctrl-C to the program as well: it decides what that means.
    const stay = () => {};
    process.on('SIGINT', stay);
    child.once('error', reject);
    child.once('close', (code, name) => {
      process.off('SIGINT', stay);
      resolve(code ?? 128 + (name ? constants.signals[name] : 0));
    });
  });
}
