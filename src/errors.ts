/** A place in a file that a person wrote. Line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with what a person wrote or asked for. */
export interface Fault {
  /** What is wrong, as one sentence without a full stop at its end. */
  readonly message: string;
  readonly at?: Position;
  /** The offending lines with a caret, ready to print. */
  readonly excerpt?: string;
  /** What to write or type instead. */
  readonly fix?: string;
}

/** The input is wrong: exit code 2. Holds every fault that was found, not only the first. */
export class InputError extends Error {
  constructor(readonly faults: readonly [Fault, ...Fault[]]) {
    super(faults.map(renderFault).join('\n\n'));
    this.name = 'InputError';
  }

  static of(message: string, rest: Omit<Fault, 'message'> = {}): InputError {
    return new InputError([{ message, ...rest }]);
  }
}

/** A fault as plain text: position and sentence, the excerpt, the fix. */
export function renderFault(fault: Fault): string {
  const where = fault.at ? `${fault.at.file}:${fault.at.line}:${fault.at.column}: ` : '';
  return [where + fault.message, fault.excerpt, fault.fix && `  fix: ${fault.fix}`].filter(Boolean).join('\n');
}
