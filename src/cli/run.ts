import type { Command } from 'commander';
import { type ApplyOptions, withApplyOptions } from './options.js';

/** `mesh run`: a playbook of one's own. */
export function register(program: Command): void {
  withApplyOptions(program.command('run <playbook>'))
    .description('run a playbook of your own')
    .action(async (playbook: string, options: ApplyOptions) => {
      const { convergeCommand } = await import('./converge.js');
      await convergeCommand({ mode: 'run', argument: undefined, options, playbook });
    });
}
