import { randomBytes } from 'node:crypto';

/**
 * What is sent to a host's login shell. That shell may be anything (fish, csh, a restricted one), so the line consists
 * of `exec`, plain words and one quoted word for the `sh` behind it.
 */

/**
 * One word that sh, csh and fish all read as exactly `text`. Between single quotes csh still expands `!` and fish still
 * reads a backslash, so these stand outside, escaped; control characters (csh takes no newline in a word) are the
 * caller's to avoid.
 */
export function loginQuote(text: string): string {
  if (/^[A-Za-z0-9_@+:,./-]+$/.test(text)) return text;
  return `'${text.replace(/['\\!]/g, (character) => `'\\${character}'`)}'`;
}

export interface Wire {
  /** The command line for the login shell. */
  readonly line: string;
  /** A line on stdout and on stderr that says: from here on it is the command that speaks. */
  readonly marker: string;
  /** sudo's prompt, on stderr; undefined without sudo. */
  readonly prompt?: string;
}

const nonce = (): string => randomBytes(9).toString('hex');

/**
 * The line that runs the shell command `command`, under sudo when `user` is given. Whatever a motd, a profile or sudo's
 * lecture prints comes before the marker and is dropped by the reader.
 *
 * sudo has no terminal: `-S` reads the password from stdin, and only an answer to the nonce prompt is ever sent.
 * LC_ALL=C keeps its messages readable for programs.
 */
export function wire(command: string, user?: string): Wire {
  const marker = `mesh-begin-${nonce()}`;
  const inner = hasControl(command) ? `eval "$(echo ${Buffer.from(command).toString('base64')}|base64 -d)"` : command;
  const program = loginQuote(`echo ${marker} >&2;echo ${marker};${inner}`);
  if (user === undefined) return { line: `exec sh -c ${program}`, marker };
  const prompt = `mesh-sudo-${nonce()}`;
  return {
    line: `exec env LC_ALL=C sudo -H -S -p ${prompt} -u ${loginQuote(user)} -- sh -c ${program}`,
    marker,
    prompt,
  };
}

function hasControl(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}

/**
 * The command that runs a script from stdin. It is read to its end before anything of it runs, with `cat` rather than
 * by `sh -s`, which under bash reads a pipe byte by byte.
 */
export const SCRIPT_COMMAND = 'eval "$(cat)"';

/**
 * A script as it goes to SCRIPT_COMMAND: one compound command, so that a shell that received only a part of it finds a
 * syntax error and runs nothing, with nothing to read on its stdin. Line numbers in messages are those of the script.
 */
export function wrapScript(script: string): string {
  return `{ :; ${script}\n\n} </dev/null\n`;
}
