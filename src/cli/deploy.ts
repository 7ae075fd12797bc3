import type { Command } from 'commander';
import type { Mode } from './command-line.js';
import { withExamples } from './help.js';
import { type ApplyOptions, withApplyOptions, withHostOptions, withPlanOptions } from './options.js';

function act(mode: Mode) {
  return async (argument: string | undefined, options: ApplyOptions) => {
    const { convergeCommand } = await import('./converge.js');
    await convergeCommand({ mode, argument, options });
  };
}

/** `mesh plan`, `deploy`, `build`, `verify`, `teardown`: one way, left at different places. */
export function register(program: Command): void {
  const plan = withPlanOptions(program.command('plan [inventory]'))
    .description('say what a deploy would do, and change nothing')
    .option('--detailed-exitcode', 'exit code 3 if there is something to do')
    .action(act('plan'));
  withExamples(plan, [
    ['mesh plan inventory.yml', 'every change, with a sentence'],
    ['mesh plan inventory.yml --diff', 'what is there before and after each'],
    ['mesh plan inventory.yml --commands', 'the exact commands'],
    ['mesh plan inventory.yml --json', 'for programs'],
  ]);
  const deploy = withApplyOptions(program.command('deploy [inventory]'))
    .description('make the mesh as the inventory says, and prove it')
    .action(act('deploy'));
  withExamples(deploy, [
    ['mesh deploy inventory.yml', 'shows the plan, asks, does it, proves'],
    ['mesh deploy inventory.yml --yes', 'does not ask (scripts, CI)'],
    ['mesh deploy inventory.yml -l docker43', 'contacts and changes docker43 only'],
    ['mesh deploy inventory.yml --check', 'plan only, as mesh plan'],
  ]);
  const build = withApplyOptions(program.command('build [inventory]'))
    .description('build Open vSwitch for the hosts that need it')
    .action(act('build'));
  withExamples(build, [
    ['mesh build inventory.yml', 'builds once for every kind of host'],
    ['mesh build inventory.yml --check', 'says where it comes from and why'],
  ]);
  const verify = withHostOptions(program.command('verify [inventory]'))
    .description('prove that hosts and containers reach each other')
    .action(act('verify'));
  withExamples(verify, [
    ['mesh verify inventory.yml', 'measures every pair, changes nothing'],
    ['mesh verify inventory.yml --json', 'every measurement, for programs'],
  ]);
  const teardown = withApplyOptions(program.command('teardown [inventory]'))
    .description('take back what mesh made; what was before comes back')
    .action(act('teardown'));
  withExamples(teardown, [
    ['mesh teardown inventory.yml', 'shows what goes, asks, takes it back'],
    ['mesh teardown inventory.yml --check', 'shows what would go'],
  ]);
}
