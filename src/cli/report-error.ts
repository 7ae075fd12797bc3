import { CommanderError } from 'commander';
import { InputError } from '../errors.js';

/**
 * Ends the process for an error that a command did not handle: wrong input with what is wrong (exit 2); anything else is a
 * bug of mesh and says so, with the trace that a report needs.
 */
export function reportAndExit(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  if (error instanceof InputError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  // Ctrl-C at a question: the person knows why.
  if (error instanceof Error && error.name === 'Interrupted') process.exit(130);
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`mesh failed in a way that it should not. Please report this:\n${trace}\n`);
  process.exit(1);
}
