import { type Command, InvalidArgumentError, Option } from 'commander';

/** Hosts at the same time where nobody says how many. */
export const FORKS = 50;

/** Options of every command that works with hosts. */
export interface HostOptions {
  readonly inventory?: string;
  readonly limit?: string;
  readonly forks: number;
  readonly acceptNew?: boolean;
  readonly askBecomePass?: boolean;
  readonly output: 'text' | 'jsonl';
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Options of the commands that plan. */
export interface PlanOptions extends HostOptions {
  readonly diff?: boolean;
  readonly commands?: boolean;
  readonly detailedExitcode?: boolean;
  readonly tags?: readonly string[];
  readonly skipTags?: readonly string[];
}

/** Options of the commands that change hosts. */
export interface ApplyOptions extends PlanOptions {
  readonly yes?: boolean;
  readonly check?: boolean;
  readonly restartDocker?: boolean;
  readonly lockTimeout?: number;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return number;
}

function seconds(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 86_400)
    throw new InvalidArgumentError('It must be whole seconds, a day at most.');
  return number;
}

function words(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').filter(Boolean)];
}

/** Adds the options of every command that works with hosts. */
export function withHostOptions(command: Command): Command {
  return command
    .option('-i, --inventory <file>', 'the inventory; else $MESH_INVENTORY or ./inventory.yml')
    .option('-l, --limit <pattern>', 'contact and change only these hosts, e.g. web:&prod:!docker42')
    .option('-f, --forks <n>', 'hosts at the same time', positive, FORKS)
    .option('--accept-new', 'record unknown host keys without asking')
    .option('-K, --ask-become-pass', 'ask for the sudo password')
    .addOption(new Option('--output <form>', 'what goes to the screen').choices(['text', 'jsonl']).default('text'))
    .option('--json', 'the result as JSON on stdout')
    .option('-q, --quiet', 'only failures and the end')
    .option('-v, --verbose', 'every line that hosts write');
}

/** Adds the options of the commands that plan. */
export function withPlanOptions(command: Command): Command {
  return withHostOptions(command)
    .option('--diff', 'show what is there before and after each change')
    .option('--commands', 'show the exact command of each change')
    .option('--tags <tags>', 'only tasks with one of these tags', words)
    .option('--skip-tags <tags>', 'no tasks with one of these tags', words);
}

/** Adds the options of the commands that change hosts. */
export function withApplyOptions(command: Command): Command {
  return withPlanOptions(command)
    .option('-y, --yes', 'do not ask before changing anything')
    .option('-C, --check', 'plan only: change nothing')
    .option('--lock-timeout <seconds>', 'wait this long for hosts that another run changes', seconds, 0)
    .option('--restart-docker', 'agree to restarts of dockerd that touch running containers');
}
