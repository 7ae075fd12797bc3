import type { Command } from 'commander';
import type { Mode } from './converge.js';
import { type ApplyOptions, withApplyOptions, withHostOptions, withPlanOptions } from './options.js';

function act(mode: Mode) {
  return async (argument: string | undefined, options: ApplyOptions) => {
    const { convergeCommand } = await import('./converge.js');
    await convergeCommand({ mode, argument, options });
  };
}

/** `mesh plan`, `deploy`, `verify`, `teardown`: one way, left at different places. */
export function register(program: Command): void {
  withPlanOptions(program.command('plan [inventory]'))
    .description('say what a deploy would do, and change nothing')
    .option('--detailed-exitcode', 'exit code 3 if there is something to do')
    .action(act('plan'));
  withApplyOptions(program.command('deploy [inventory]'))
    .description('make the mesh as the inventory says, and prove it')
    .action(act('deploy'));
  withHostOptions(program.command('verify [inventory]'))
    .description('prove that hosts and their containers reach each other, and change nothing')
    .action(act('verify'));
  withApplyOptions(program.command('teardown [inventory]'))
    .description('take back what mesh made; what was there before comes back')
    .action(act('teardown'));
}
