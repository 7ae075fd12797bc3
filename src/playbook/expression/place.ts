import { TemplateError, type TemplateFaultKind } from './errors.js';
import type { Limits } from './limits.js';
import type { Fail } from './operators.js';
import type { Frame, Scope, Scoped } from './values.js';

/** A name or attribute that is not there: an error as soon as somebody needs its value. */
export class Missing {
  constructor(readonly error: () => TemplateError) {}
}

export type Result = Scoped | Missing;

/** Where an evaluation is: the string at work, the scope of its names, and the variables that led here. */
export interface Place {
  readonly text: string;
  readonly scope: Scope;
  readonly frames: readonly Frame[];
  readonly limits: Limits;
}

export function spot(place: Place, offset: number) {
  return { text: place.text, offset, via: place.frames.map((frame) => frame.trail) };
}

export function failAt(place: Place, offset: number, kind: TemplateFaultKind = 'type'): Fail {
  return (problem, fix) => {
    throw new TemplateError(kind, problem, spot(place, offset), fix);
  };
}

export function missing(problem: string, at: number, place: Place, fix: () => string | undefined): Missing {
  return new Missing(() => new TemplateError('undefined', problem, spot(place, at), fix()));
}
