import type { Value } from '../inventory/types.js';
import { TemplateError } from './expression/errors.js';
import { evaluateExpression, evaluateValue } from './expression/evaluator.js';
import { createLimits } from './expression/limits.js';
import { truth } from './expression/operators.js';
import { parseExpression } from './expression/parser.js';
import { parseTemplate } from './expression/segments.js';
import type { Plain, Scope } from './expression/values.js';

export { TemplateError, templateFault, UnknownInExpression } from './expression/errors.js';
export { Deferred, Lookup, type Plain, type Scope, type Scoped, Unknown } from './expression/values.js';

/**
 * Evaluates every `{{ expression }}` within a value. A string that is exactly one template yields the expression's value
 * with its kind (a list, a number); one with text around it yields text. What is not a template is returned as it is.
 *
 * @throws {TemplateError} if a template cannot be read, needs what is not defined, or touches a secret.
 * @throws {UnknownInExpression} if it needs something that could not be read from the host.
 */
export function evaluate(value: Value, scope: Scope): Plain {
  const text = typeof value === 'string' ? value : '';
  return guarded(text, (limits) => evaluateValue(value, { text, scope, frames: [], limits }));
}

/**
 * Evaluates an expression without braces (`when`) to true or false. Nothing else counts as either: the text 'yes' is an
 * error.
 *
 * @throws {TemplateError} and {UnknownInExpression} as `evaluate` does.
 */
export function evaluateCondition(text: string, scope: Scope): boolean {
  return guarded(text, (limits) => {
    const place = { text, scope, frames: [], limits };
    const { expression } = parseExpression({ text, from: 0, until: 'end' });
    return truth(evaluateExpression(expression, place), (problem, fix) => {
      throw new TemplateError(
        'type',
        `the condition must be true or false, but ${problem}`,
        { text, offset: expression.at, via: [] },
        fix,
      );
    });
  });
}

/** Reads the templates of a string without evaluating them. @throws {TemplateError} of kind syntax or limit. */
export function checkTemplate(text: string): void {
  guarded(text, () => parseTemplate(text));
}

/** Reads a condition without evaluating it. @throws {TemplateError} of kind syntax or limit. */
export function checkCondition(text: string): void {
  guarded(text, () => parseExpression({ text, from: 0, until: 'end' }));
}

/** Whether a string holds a template. */
export function isTemplate(text: string): boolean {
  return text.includes('{{');
}

function guarded<T>(text: string, run: (limits: ReturnType<typeof createLimits>) => T): T {
  const exceeded = (problem: string): never => {
    throw new TemplateError('limit', problem, { text, offset: 0, via: [] });
  };
  try {
    return run(createLimits(exceeded));
  } catch (error) {
    // The call stack and the longest string are the runtime's own limits; they are met before ours only by very odd input.
    if (error instanceof RangeError) return exceeded('the template is too large to evaluate');
    throw error;
  }
}
