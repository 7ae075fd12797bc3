import type { Value } from '../../inventory/types.js';
import { UnknownInExpression } from './errors.js';
import { applyFilter, applyTest } from './filters.js';
import { maxDepth } from './limits.js';
import { meant, memberOf } from './members.js';
import { filterArity, isFilterName, isTestName, testArity } from './names.js';
import { number, operate, toText, truth } from './operators.js';
import { failAt, Missing, missing, type Place, type Result, spot } from './place.js';
import { parseTemplate } from './segments.js';
import type { Expression } from './syntax.js';
import {
  Deferred,
  isPlainList,
  isPlainMap,
  isScopedList,
  isSecret,
  Lookup,
  mapOf,
  type Plain,
  show,
  Unknown,
} from './values.js';

/** The value of a condition's or template's expression, with nothing left to evaluate. */
export function evaluateExpression(expression: Expression, place: Place): Plain {
  return plain(run(expression, place), place, expression.at);
}

/** The value of a string that may hold templates. A string that is exactly one template keeps its value's kind. */
function evaluateText(place: Place): Plain {
  return plain(lazyText(place), place, 0);
}

/** Evaluates every string within a value of the playbook; keys are taken as they are. */
export function evaluateValue(value: Value, place: Place): Plain {
  place.limits.spend(1);
  if (value === null || (typeof value !== 'object' && typeof value !== 'string')) return value;
  if (typeof value === 'string') return evaluateText({ ...place, text: value });
  if (isSecret(value)) return plain(value, place, 0);
  return place.limits.deeper(() => {
    if (isScopedList(value)) return value.map((item) => evaluateValue(item, place));
    return mapOf(Object.entries(value).map(([key, item]) => [key, evaluateValue(item, place)]));
  });
}

function lazyText(place: Place): Result {
  const segments = parseTemplate(place.text);
  const only = segments[0];
  if (segments.length === 1 && only !== undefined && typeof only !== 'string') return run(only, place);
  const parts = segments.map((segment) =>
    typeof segment === 'string' ? segment : toText(evaluateExpression(segment, place), failAt(place, segment.at)),
  );
  return place.limits.text(...parts);
}

/** Forces a result into data: evaluates what is deferred, and refuses what is missing, secret or unknown. */
function plain(result: Result, place: Place, at: number): Plain {
  place.limits.spend(1);
  if (result === null || typeof result !== 'object') return result;
  if (result instanceof Missing) throw result.error();
  if (result instanceof Unknown) throw new UnknownInExpression(result.what, spot(place, at));
  if (isSecret(result)) {
    const fix = 'steps take no secret: use the name of a file on the host that holds it';
    return failAt(place, at, 'secret')(`a secret (${result.origin}) cannot be used in a template`, fix);
  }
  return place.limits.deeper(() => {
    if (result instanceof Deferred) return plain(step(result, place), place, at);
    if (result instanceof Lookup) {
      return mapOf(result.keys().map((key) => [key, plain(result.get(key) ?? null, place, at)]));
    }
    if (isScopedList(result)) return result.map((item) => plain(item, place, at));
    return mapOf(Object.entries(result).map(([key, item]) => [key, plain(item, place, at)]));
  });
}

/** One step of a deferred value: a string is evaluated, a list or map becomes one of deferred values. */
function step(deferred: Deferred, place: Place): Result {
  const { raw, scope, trail, reachedBy } = deferred;
  if (typeof raw === 'string') {
    if (!raw.includes('{{') && !raw.includes('{%')) return raw;
    const loop = reachedBy.findIndex((frame) => frame.scope === scope && frame.trail === trail);
    if (loop >= 0) {
      const names = [...reachedBy.slice(loop), { trail }].map((frame) => frame.trail).join(' → ');
      return failAt({ ...place, text: raw, frames: reachedBy }, 0, 'cycle')(`variables need each other: ${names}`);
    }
    if (reachedBy.length > maxDepth) {
      failAt(
        { ...place, text: raw, frames: reachedBy.slice(-3) },
        0,
        'limit',
      )(`more than ${maxDepth} variables lead to each other`);
    }
    const inner = { text: raw, scope, frames: [...reachedBy, { scope, trail }], limits: place.limits };
    return place.limits.deeper(() => lazyText(inner));
  }
  if (raw === null || typeof raw !== 'object' || isSecret(raw)) return raw;
  if (isScopedList(raw)) return raw.map((item, index) => new Deferred(item, scope, `${trail}[${index}]`, reachedBy));
  return Object.fromEntries(
    Object.entries(raw).map(([key, item]) => [key, new Deferred(item, scope, `${trail}.${key}`, reachedBy)]),
  );
}

/** What stands behind a deferred value, without its parts being evaluated. */
function opened(result: Result, place: Place): Result {
  let current = result;
  while (current instanceof Deferred) {
    place.limits.spend(1);
    current = step(current, place);
  }
  return current;
}

function run(expression: Expression, place: Place): Result {
  place.limits.spend(1);
  return place.limits.deeper(() => {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'name':
        return named(expression.name, expression.at, place);
      case 'attribute':
        return member(run(expression.of, place), expression.name, expression.at, place);
      case 'index': {
        const key = evaluateExpression(expression.index, place);
        return member(run(expression.of, place), key, expression.at, place);
      }
      case 'list':
        return expression.items.map((item) => evaluateExpression(item, place));
      case 'map':
        return mapOf(expression.entries.map(([key, value]) => [keyOf(key, place), evaluateExpression(value, place)]));
      case 'logic': {
        const left = condition(expression.left, place);
        return left === (expression.operator === 'or') ? left : condition(expression.right, place);
      }
      case 'choice': {
        if (condition(expression.condition, place)) return run(expression.then, place);
        if (expression.otherwise) return run(expression.otherwise, place);
        return missing(
          'the condition is false and there is no `else`',
          expression.at,
          place,
          () => 'write `a if condition else b`',
        );
      }
      case 'filter':
        return filter(expression, place);
      case 'test':
        return test(expression, place);
      default:
        return compute(expression, place);
    }
  });
}

function compute(expression: Extract<Expression, { kind: 'unary' | 'binary' | 'slice' }>, place: Place): Plain {
  const fail = failAt(place, expression.at);
  if (expression.kind === 'binary') {
    const left = evaluateExpression(expression.left, place);
    return operate(expression.operator, left, evaluateExpression(expression.right, place), place.limits, fail);
  }
  if (expression.kind === 'unary') {
    if (expression.operator === 'not') return !condition(expression.operand, place);
    const value = evaluateExpression(expression.operand, place);
    if (typeof value !== 'number') return fail(`\`${expression.operator}\` wants a number, not ${show(value)}`);
    return number(expression.operator === '-' ? -value : value, fail);
  }
  const value = evaluateExpression(expression.of, place);
  const bound = (end: Expression | undefined): number | undefined => {
    const index = end && evaluateExpression(end, place);
    if (index === undefined || (typeof index === 'number' && Number.isInteger(index))) return index;
    return fail(`a slice wants whole numbers, not ${show(index)}`);
  };
  const from = bound(expression.from);
  const to = bound(expression.to);
  if (isPlainList(value)) return value.slice(from, to);
  if (typeof value === 'string') {
    place.limits.spend(value.length / 100);
    return [...value].slice(from, to).join('');
  }
  return fail(`${show(value)} has no parts to slice`);
}

function condition(expression: Expression, place: Place): boolean {
  return truth(evaluateExpression(expression, place), failAt(place, expression.at));
}

function keyOf(expression: Expression, place: Place): string {
  const key = evaluateExpression(expression, place);
  return typeof key === 'string' ? key : failAt(place, expression.at)(`a map's key is a text, not ${show(key)}`);
}

function named(name: string, at: number, place: Place): Result {
  const value = place.scope.lookup(name);
  if (value instanceof Deferred) return new Deferred(value.raw, value.scope, value.trail, place.frames);
  if (value !== undefined) return value;
  return missing(`\`${name}\` is not defined`, at, place, () => {
    if (name.startsWith('ansible_')) return 'what is known of the host is under `facts`: see `mesh facts HOST`';
    return meant(name, place.scope.names()) ?? "define it, or write `| default('…')` behind it";
  });
}

function member(of: Result, key: Plain, at: number, place: Place): Result {
  const whole = opened(of, place);
  if (whole instanceof Missing) return whole;
  if (whole instanceof Unknown || whole instanceof Deferred || isSecret(whole)) return plain(whole, place, at);
  return memberOf(whole, key, at, place);
}

function filter(expression: Extract<Expression, { kind: 'filter' }>, place: Place): Result {
  const { name, at } = expression;
  if (!isFilterName(name)) return failAt(place, at, 'syntax')(`there is no filter ${name}`);
  const args = () => bind(filterArity(name)?.parameters ?? [], expression, place);
  if (name === 'default') {
    const value = opened(run(expression.of, place), place);
    const [fallback, boolean] = args();
    if (value instanceof Missing) return fallback ?? null;
    if (boolean !== true || value instanceof Unknown || isSecret(value)) return value;
    return isEmpty(plain(value, place, at)) ? (fallback ?? null) : value;
  }
  const value = evaluateExpression(expression.of, place);
  return applyFilter(name, value, args(), { fail: failAt(place, at), limits: place.limits });
}

function isEmpty(value: Plain): boolean {
  if (isPlainList(value)) return value.length === 0;
  if (isPlainMap(value)) return Object.keys(value).length === 0;
  return value === null || value === false || value === 0 || value === '';
}

function test(expression: Extract<Expression, { kind: 'test' }>, place: Place): boolean {
  const { name, at, negated } = expression;
  if (!isTestName(name)) return failAt(place, at, 'syntax')(`there is no test ${name}`);
  if (name === 'defined' || name === 'undefined') {
    const value = opened(run(expression.of, place), place);
    if (value instanceof Unknown) throw new UnknownInExpression(value.what, spot(place, at));
    return (value instanceof Missing === (name === 'undefined')) !== negated;
  }
  const value = evaluateExpression(expression.of, place);
  const [argument] = bind(testArity(name)?.parameters ?? [], expression, place);
  return applyTest(name, value, argument, { fail: failAt(place, at), limits: place.limits }) !== negated;
}

/** The arguments by place; those that were not given are undefined. */
function bind(
  parameters: readonly string[],
  { positional, named: byName }: Pick<Extract<Expression, { kind: 'filter' }>, 'positional' | 'named'>,
  place: Place,
): (Plain | undefined)[] {
  const args: (Plain | undefined)[] = positional.map((argument) => evaluateExpression(argument, place));
  for (const [name, argument] of byName) args[parameters.indexOf(name)] = evaluateExpression(argument, place);
  return args;
}
