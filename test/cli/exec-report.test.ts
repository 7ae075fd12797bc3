import { describe, expect, it } from 'vitest';
import {
  type ExecReport,
  type ExecResult,
  jsonLinesReport,
  jsonReport,
  textReport,
} from '../../src/cli/exec-report.js';

const nothing = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
const exited = (code: number): ExecResult => ({ kind: 'exited', code, ...nothing });

function written(make: (sinks: { stdout: (text: string) => void; stderr: (text: string) => void }) => ExecReport) {
  let [stdout, stderr] = ['', ''];
  const report = make({
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  report.line('web', 'stdout', 'up 3 days');
  report.line('db1', 'stdout', 'broken \u001b[2Jscreen');
  report.line('db1', 'stderr', 'no such file');
  report.ended('web', exited(0));
  report.ended('db1', exited(3));
  report.ended('off', { kind: 'unreachable', message: 'nobody answers', advice: 'is it on?' });
  report.end();
  return { stdout, stderr };
}
const hosts = ['web', 'db1', 'off'];

describe('what mesh exec prints', () => {
  it('is each line behind its host’s name, harmless, and what failed', () => {
    expect(written((sinks) => textReport(hosts, false, sinks))).toEqual({
      stdout: 'web | up 3 days\ndb1 | broken screen\n',
      stderr: 'db1 | no such file\ndb1 | exit code 3\noff | nobody answers; is it on?\n',
    });
  });

  it('is with --quiet only what hosts wrote on which it failed', () => {
    expect(written((sinks) => textReport(hosts, true, sinks)).stdout).toBe('db1 | broken screen\n');
  });

  it('is with --output jsonl a line an event', () => {
    const { stdout, stderr } = written(jsonLinesReport);
    expect(stderr).toBe('');
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      { version: 1, kind: 'line', host: 'web', stream: 'stdout', text: 'up 3 days' },
      { version: 1, kind: 'line', host: 'db1', stream: 'stdout', text: 'broken \u001b[2Jscreen' },
      { version: 1, kind: 'line', host: 'db1', stream: 'stderr', text: 'no such file' },
      { version: 1, kind: 'ended', host: 'web', state: 'exited', code: 0 },
      { version: 1, kind: 'ended', host: 'db1', state: 'exited', code: 3 },
      { version: 1, kind: 'ended', host: 'off', state: 'unreachable', message: 'nobody answers', next: 'is it on?' },
    ]);
  });

  it('is with --json one value', () => {
    const { stdout } = written((sinks) => jsonReport(hosts, sinks));
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      hosts: [
        { host: 'web', state: 'exited', code: 0, stdout: ['up 3 days'], stderr: [] },
        { host: 'db1', state: 'exited', code: 3, stdout: ['broken \u001b[2Jscreen'], stderr: ['no such file'] },
        { host: 'off', state: 'unreachable', message: 'nobody answers', next: 'is it on?', stdout: [], stderr: [] },
      ],
    });
  });
});
