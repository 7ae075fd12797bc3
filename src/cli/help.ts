import type { Command } from 'commander';

/** A line that somebody would type, and what comes of it. */
export type Example = readonly [command: string, what: string];

/** Puts examples before a command's help: who asks for help mostly wants one of them. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  const room = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(room)}  ${what}`);
  return command.addHelpText('before', `Examples:\n${lines.join('\n')}\n`);
}

/** The words that call a command: `mesh lab up`. */
function path(command: Command): string {
  return command.parent ? `${path(command.parent)} ${command.name()}` : command.name();
}

/** The command that a beginning, such as `tear`, can only mean. */
function beginningWith(text: string, command: Command): string | undefined {
  const names = command.commands.map((one) => one.name()).filter((name) => name.startsWith(text));
  return text.length > 1 && names.length === 1 ? names[0] : undefined;
}

/**
 * What commander says of wrong words, in the manner of every other error here: what is wrong, then what to type.
 * `command` is the one whose words they are.
 */
export function explain(text: string, command: Command): string {
  const [first = '', ...rest] = text
    .trimEnd()
    .replace(/^error: /, '')
    .split('\n');
  const unknown = /^unknown command '(.+)'/.exec(first)?.[1];
  const short = unknown === undefined ? undefined : beginningWith(unknown, command);
  const guess =
    /^\(Did you mean (one of )?(.+)\?\)$/.exec(rest.find((line) => line.startsWith('(Did')) ?? '')?.[2] ?? short;
  const fix = guess === undefined ? '' : `did you mean ${guess}? `;
  return `${first.replace(/\.$/, '')}\n  fix: ${fix}${fix ? 'else see' : 'see'}: ${path(command)} --help\n`;
}

/** Gives a command and all below it the same manners: short terms in lists, errors as {@link explain} writes them. */
export function withManners(command: Command): Command {
  command
    .configureHelp({
      // Options are shown by the command's own help; in a list they leave no room for what the command is for.
      subcommandTerm: (one) =>
        [one.name(), ...one.registeredArguments.map((argument) => bracketed(argument))].join(' '),
    })
    .configureOutput({ outputError: (text, write) => write(explain(text, command)) });
  for (const below of command.commands) withManners(below);
  return command;
}

function bracketed(argument: { name(): string; required: boolean; variadic: boolean }): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}
