import type { Command } from 'commander';
import { withExamples } from './help.js';
import { type HostOptions, withHostOptions } from './options.js';

/** `mesh exec`: one command on many hosts at once. */
export function register(program: Command): void {
  const command = withHostOptions(program.command('exec <pattern> <command...>'))
    .description('run a command on hosts, all at once')
    .action(run);
  withExamples(command, [
    ['mesh exec all -i inventory.yml -- uptime', 'one command on every host'],
    ['mesh exec docker41 -- ovs-vsctl show', 'on one, of ./inventory.yml'],
    ["mesh exec all 'df -h / | tail -1'", 'one word is a line of shell'],
  ]);
}

/** Reads lines as they come, and at the end one that nothing ended. */
function lineReader(onLine: (line: string) => void, cut: (onLine: (line: string) => void) => (piece: Buffer) => void) {
  const read = cut(onLine);
  let unfinished = false;
  return {
    read(piece: Buffer): void {
      if (piece.length > 0) unfinished = piece.at(-1) !== 10;
      read(piece);
    },
    end(): void {
      if (unfinished) read(Buffer.from('\n'));
    },
  };
}

async function run(pattern: string, words: readonly string[], options: HostOptions): Promise<void> {
  const [{ withHosts }, { ConnectionFailure }, { createLineReader }, reports, { quoteAll }] = await Promise.all([
    import('./hosts.js'),
    import('../ssh/types.js'),
    import('../lines.js'),
    import('./exec-report.js'),
    import('../quote.js'),
  ]);
  // One word is a shell's line, as with ssh and `ansible -m shell`; several are the words of one command.
  const command = words.length === 1 ? (words[0] ?? '') : quoteAll(words);
  const sinks = {
    stdout: (text: string) => void process.stdout.write(text),
    stderr: (text: string) => void process.stderr.write(text),
  };
  await withHosts(pattern, options, async (hosts, transport) => {
    const names = hosts.map(({ name }) => name);
    const report = options.json
      ? reports.jsonReport(names, sinks)
      : options.output === 'jsonl'
        ? reports.jsonLinesReport(sinks)
        : reports.textReport(names, options.quiet ?? false, sinks);
    const codes = await Promise.all(
      hosts.map(async ({ name, connection: settings }) => {
        try {
          const connection = await transport.connect(name, settings);
          const stdout = lineReader((line) => report.line(name, 'stdout', line), createLineReader);
          const stderr = lineReader((line) => report.line(name, 'stderr', line), createLineReader);
          const outcome = await connection.exec('', { script: command, onStdout: stdout.read, onStderr: stderr.read });
          stdout.end();
          stderr.end();
          report.ended(name, outcome);
          return outcome.kind === 'exited' && outcome.code === 0 ? 0 : 1;
        } catch (error) {
          if (!(error instanceof ConnectionFailure)) throw error;
          const { reason: message, advice } = error;
          report.ended(name, { kind: 'unreachable', message, ...(advice !== undefined && { advice }) });
          return 4;
        }
      }),
    );
    report.end();
    process.exitCode = codes.includes(1) ? 1 : codes.includes(4) ? 4 : 0;
  });
}
