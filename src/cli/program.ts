import { Command } from 'commander';
import * as deploy from './deploy.js';
import * as exec from './exec.js';
import * as facts from './facts.js';
import { withExamples, withManners } from './help.js';
import * as inventory from './inventory.js';
import * as lab from './lab.js';
import * as run from './run.js';

/**
 * All commands, ready to parse. Throws a CommanderError where commander would end the process. A command's own modules
 * are loaded when it runs, so that help costs next to nothing.
 */
export function createProgram(): Command {
  const program = new Command('mesh')
    .description(
      'One flat container network over Open vSwitch and GRE: planned, applied and\nproven on every host at once.',
    )
    .version(process.env.MESH_VERSION ?? 'development', '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this; after a command, its own help')
    .helpCommand(false)
    .exitOverride();
  withExamples(program, [
    ['mesh plan inventory.yml', 'what would be done, and nothing else'],
    ['mesh deploy inventory.yml', 'do it, and prove it'],
    ['mesh verify inventory.yml', 'prove it again, containers included'],
    ['mesh teardown inventory.yml', 'take everything back'],
    ['mesh lab up', 'three throw-away hosts on this machine, to try it'],
  ]);
  program.addHelpText(
    'after',
    `
Exit codes: 0 done, 1 something failed, 2 the input is wrong, 3 plan found
differences (--detailed-exitcode), 4 hosts unreachable, 130 interrupted.`,
  );
  for (const command of [deploy, run, inventory, facts, exec, lab]) command.register(program);
  program
    .command('help [command]')
    .description('print the help of a command')
    .action(async (name: string | undefined) => {
      if (name === undefined) return program.help();
      const command = program.commands.find((one) => one.name() === name);
      if (!command) {
        const { nearest } = await import('../inventory/nearest.js');
        const guess = nearest(
          name,
          program.commands.map((one) => one.name()),
        );
        return program.error(`unknown command '${name}'${guess === undefined ? '' : `\n(Did you mean ${guess}?)`}`);
      }
      return command.help();
    });
  return withManners(program);
}
