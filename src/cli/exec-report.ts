import type { Outcome } from '../ssh/types.js';
import { clean } from '../ui/text.js';

/** What became of the command on one host. */
export type ExecResult = Outcome | { readonly kind: 'unreachable'; readonly message: string; readonly advice?: string };

/** A reader of what `mesh exec` meets. */
export interface ExecReport {
  /** A line that a host wrote, as it comes. */
  line(host: string, stream: 'stdout' | 'stderr', text: string): void;
  ended(host: string, result: ExecResult): void;
  /** All hosts have ended. */
  end(): void;
}

interface Sinks {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** How a command ended, for people; undefined for success. */
export function failureOf(result: ExecResult): string | undefined {
  if (result.kind === 'exited') return result.code === 0 ? undefined : `exit code ${result.code}`;
  if (result.kind === 'signalled') return `ended by ${result.signal}`;
  if (result.kind === 'lost') return `the connection was lost: ${result.reason}`;
  return result.advice ? `${result.message}; ${result.advice}` : result.message;
}

/** Each line behind its host's name as it comes; `quiet`: only the lines of hosts on which the command failed. */
export function textReport(hosts: readonly string[], quiet: boolean, { stdout, stderr }: Sinks): ExecReport {
  const room = Math.max(0, ...hosts.map((name) => clean(name).length));
  const kept = new Map<string, (() => void)[]>();
  const lead = (host: string) => `${clean(host).padEnd(room)} | `;
  return {
    line(host, stream, text) {
      const write = () => (stream === 'stdout' ? stdout : stderr)(`${lead(host)}${clean(text)}\n`);
      if (quiet) kept.set(host, [...(kept.get(host) ?? []), write]);
      else write();
    },
    ended(host, result) {
      const failure = failureOf(result);
      if (failure === undefined) return;
      for (const write of kept.get(host) ?? []) write();
      stderr(`${lead(host)}${clean(failure)}\n`);
    },
    end() {},
  };
}

/** What a host's end is in JSON. */
function resultData(result: ExecResult) {
  if (result.kind === 'unreachable') {
    return { state: 'unreachable', message: result.message, ...(result.advice && { next: result.advice }) };
  }
  if (result.kind === 'exited') return { state: 'exited', code: result.code };
  return result.kind === 'signalled'
    ? { state: 'signalled', signal: result.signal }
    : { state: 'lost', message: result.reason };
}

/** One JSON line a line of output and a line for each host's end, as they come. `version` is 1. */
export function jsonLinesReport({ stdout }: Sinks): ExecReport {
  const write = (data: object) => stdout(`${JSON.stringify({ version: 1, ...data })}\n`);
  return {
    line: (host, stream, text) => write({ kind: 'line', host, stream, text }),
    ended: (host, result) => write({ kind: 'ended', host, ...resultData(result) }),
    end() {},
  };
}

/** One JSON value at the end: every host, in the inventory's order, with its lines. `version` is 1. */
export function jsonReport(hosts: readonly string[], { stdout }: Sinks): ExecReport {
  const lines = new Map(hosts.map((host) => [host, { stdout: [] as string[], stderr: [] as string[] }]));
  const results = new Map<string, ExecResult>();
  return {
    line: (host, stream, text) => void lines.get(host)?.[stream].push(text),
    ended: (host, result) => void results.set(host, result),
    end() {
      const all = hosts.map((host) => {
        const result = results.get(host);
        return { host, ...(result && resultData(result)), ...lines.get(host) };
      });
      stdout(`${JSON.stringify({ version: 1, hosts: all }, null, 2)}\n`);
    },
  };
}
