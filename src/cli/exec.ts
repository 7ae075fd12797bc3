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

async function run(pattern: string, words: readonly string[], options: HostOptions): Promise<void> {
  const [{ withHosts, failureLine }, { ConnectionFailure }, { createLineReader }] = await Promise.all([
    import('./hosts.js'),
    import('../ssh/types.js'),
    import('../lines.js'),
  ]);
  // One word is a shell's line, as with ssh and `ansible -m shell`; several are the words of one command.
  const { quoteAll } = await import('../quote.js');
  const command = words.length === 1 ? (words[0] ?? '') : quoteAll(words);
  await withHosts(pattern, options, async (hosts, transport) => {
    const room = Math.max(...hosts.map(({ name }) => name.length));
    const codes = await Promise.all(
      hosts.map(async ({ name, connection: settings }) => {
        const print = (stream: NodeJS.WriteStream) =>
          createLineReader((line) => stream.write(`${name.padEnd(room)} | ${line}\n`));
        try {
          const connection = await transport.connect(name, settings);
          const [onStdout, onStderr] = [print(process.stdout), print(process.stderr)];
          const outcome = await connection.exec('', { script: command, onStdout, onStderr });
          onStdout(Buffer.from(''));
          if (outcome.kind === 'exited' && outcome.code === 0) return 0;
          const how =
            outcome.kind === 'exited'
              ? `exit code ${outcome.code}`
              : outcome.kind === 'signalled'
                ? `ended by ${outcome.signal}`
                : `the connection was lost: ${outcome.reason}`;
          process.stderr.write(`${name.padEnd(room)} | ${how}\n`);
          return 1;
        } catch (error) {
          if (!(error instanceof ConnectionFailure)) throw error;
          process.stderr.write(`${failureLine(error)}\n`);
          return 4;
        }
      }),
    );
    process.exitCode = codes.includes(1) ? 1 : codes.includes(4) ? 4 : 0;
  });
}
