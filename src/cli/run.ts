import type { Command } from 'commander';
import { withExamples } from './help.js';
import { type ApplyOptions, withApplyOptions } from './options.js';

/** `mesh run`: a playbook of one's own. */
export function register(program: Command): void {
  const command = withApplyOptions(program.command('run <playbook>'))
    .description('run a playbook of your own')
    .action(async (playbook: string, options: ApplyOptions) => {
      const { convergeCommand } = await import('./converge.js');
      await convergeCommand({ mode: 'run', argument: undefined, options, playbook });
    });
  withExamples(command, [
    ['mesh run site.yml -i inventory.yml', 'shows the plan, asks, runs'],
    ['mesh run site.yml -i inventory.yml --check', 'shows the plan'],
    ['mesh run site.yml -i inventory.yml --tags docker', 'only tasks with this tag'],
  ]);
}
