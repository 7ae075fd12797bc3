import type { Fault, Position } from '../../errors.js';

/** Why a template has no value. */
export type TemplateFaultKind = 'syntax' | 'undefined' | 'type' | 'secret' | 'unknown' | 'cycle' | 'limit';

/** Where in a template something is wrong. */
export interface TemplateSpot {
  /** The whole string that holds the template, as it was written. */
  readonly text: string;
  /** Index into `text`, from 0. */
  readonly offset: number;
  /** The variables through which the string was reached, outermost first; empty for a string of the playbook itself. */
  readonly via: readonly string[];
}

/** A template or condition that cannot be read or has no value. The only errors (with its subclass) that templates throw. */
export class TemplateError extends Error {
  readonly kind: TemplateFaultKind;
  readonly problem: string;
  readonly spot: TemplateSpot;
  readonly fix: string | undefined;

  constructor(kind: TemplateFaultKind, problem: string, spot: TemplateSpot, fix?: string) {
    const via = spot.via.length > 0 ? ` (in the variable ${spot.via.at(-1)})` : '';
    super(`${problem}${via}\n${pointAt(spot)}${fix === undefined ? '' : `\n  fix: ${fix}`}`);
    this.name = 'TemplateError';
    this.kind = kind;
    this.problem = problem;
    this.spot = spot;
    this.fix = fix;
  }
}

/** A template that needs something which could not be read from the host, so that it has no answer yet. */
export class UnknownInExpression extends TemplateError {
  /** What is not known, for people: `facts.docker (docker info: permission denied)`. */
  readonly what: string;

  constructor(what: string, spot: TemplateSpot) {
    super('unknown', `${what} is not known`, spot, 'see `mesh facts HOST` for what could not be read there, and why');
    this.name = 'UnknownInExpression';
    this.what = what;
  }
}

/** The error as a fault at the place of the task, parameter or condition that the template belongs to. */
export function templateFault(error: TemplateError, at: Position): Fault {
  const via = error.spot.via.length > 0 ? ` (in the variable ${error.spot.via.join(', through ')})` : '';
  const fault = { message: error.problem + via, at, excerpt: pointAt(error.spot) };
  return error.fix === undefined ? fault : { ...fault, fix: error.fix };
}

const shownWidth = 100;

/** The line of the template that is wrong, with a caret below; long lines are cut around the caret. */
function pointAt({ text, offset }: TemplateSpot): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const newline = text.indexOf('\n', offset);
  const line = text.slice(start, newline < 0 ? text.length : newline).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  const from = Math.max(0, offset - start - shownWidth / 2);
  const shown =
    (from > 0 ? '…' : '') + line.slice(from, from + shownWidth) + (line.length > from + shownWidth ? '…' : '');
  return `    ${shown}\n    ${' '.repeat(offset - start - from + (from > 0 ? 1 : 0))}^`;
}
