import { quoteAll } from '../quote.js';
import { type ApplyOptions, FORKS } from './options.js';

export type Mode = 'plan' | 'deploy' | 'build' | 'verify' | 'teardown' | 'run';

export interface Request {
  readonly mode: Mode;
  /** The inventory as given on the command line, if it was. */
  readonly argument: string | undefined;
  readonly options: Partial<ApplyOptions> & Pick<ApplyOptions, 'forks' | 'output'>;
  /** A playbook's file; undefined: the one that belongs to the mode. */
  readonly playbook?: string;
}

/**
 * What a person would type to do this again: all that says on which hosts and how it is done. What only changes the
 * screen, and what was agreed to for once (`--yes`, `--restart-docker`, `--accept-new`), is left out.
 */
export function commandLine({ mode, playbook, options }: Request, inventory: string): string {
  const words = playbook === undefined ? [mode, inventory] : [mode, playbook, '-i', inventory];
  const { limit, forks, tags = [], skipTags = [], askBecomePass, lockTimeout = 0 } = options;
  return quoteAll([
    'mesh',
    ...words,
    ...(limit === undefined ? [] : ['--limit', limit]),
    ...(tags.length > 0 ? ['--tags', tags.join(',')] : []),
    ...(skipTags.length > 0 ? ['--skip-tags', skipTags.join(',')] : []),
    ...(forks === FORKS ? [] : ['--forks', String(forks)]),
    ...(askBecomePass ? ['--ask-become-pass'] : []),
    ...(lockTimeout > 0 ? ['--lock-timeout', String(lockTimeout)] : []),
  ]);
}
