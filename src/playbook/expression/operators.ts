import type { Limits } from './limits.js';
import type { ArithmeticOperator, BinaryOperator, CompareOperator } from './syntax.js';
import { isPlainList, isPlainMap, kindOf, type Plain, show } from './values.js';

/** Ends the evaluation with an error at the place of the operator or filter that is at work. */
export type Fail = (problem: string, fix?: string) => never;

/** Applies an operator with Python's meaning where the kinds fit; kinds that do not fit are an error, never converted. */
export function operate(operator: BinaryOperator, left: Plain, right: Plain, limits: Limits, fail: Fail): Plain {
  return isArithmetic(operator)
    ? calculate(operator, left, right, limits, fail)
    : compare(operator, left, right, limits, fail);
}

function isArithmetic(operator: BinaryOperator): operator is ArithmeticOperator {
  return ['+', '-', '*', '/', '//', '%', '~'].includes(operator);
}

function calculate(operator: ArithmeticOperator, left: Plain, right: Plain, limits: Limits, fail: Fail): Plain {
  if (operator === '~') return limits.text(toText(left, fail), toText(right, fail));
  if (typeof left === 'number' && typeof right === 'number')
    return number(arithmetic(operator, left, right, fail), fail);
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return limits.text(left, right);
  if (operator === '+' && isPlainList(left) && isPlainList(right)) {
    limits.spend(left.length + right.length);
    return [...left, ...right];
  }
  const advice: Partial<Record<ArithmeticOperator, string>> = {
    '+': 'write `~` to join texts, or turn a text into a number with `| int`',
    '%': 'write `~` to build a text',
  };
  const fix = advice[operator] ?? 'turn a text into a number with `| int`';
  return fail(`\`${operator}\` cannot be used between ${show(left)} and ${show(right)}`, fix);
}

function arithmetic(operator: ArithmeticOperator, left: number, right: number, fail: Fail): number {
  if (right === 0 && ['/', '//', '%'].includes(operator)) return fail('a division by zero');
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '//':
      return Math.floor(left / right);
    default:
      return left - right * Math.floor(left / right);
  }
}

/** A result that a JSON number carries exactly enough: finite, and whole only as long as it is safe. */
export function number(value: number, fail: Fail): number {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) return fail('the number is too large');
  return value === 0 ? 0 : value;
}

function compare(operator: CompareOperator, left: Plain, right: Plain, limits: Limits, fail: Fail): boolean {
  switch (operator) {
    case '==':
      return same(left, right, limits);
    case '!=':
      return !same(left, right, limits);
    case 'in':
      return contains(right, left, limits, fail);
    case 'not in':
      return !contains(right, left, limits, fail);
    default: {
      const sign = order(left, right, fail);
      if (operator === '<') return sign < 0;
      if (operator === '<=') return sign <= 0;
      return operator === '>' ? sign > 0 : sign >= 0;
    }
  }
}

/** Negative, zero or positive: numbers by size, texts by code point. Others have no order. */
export function order(left: Plain, right: Plain, fail: Fail): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  return fail(
    `${show(left)} and ${show(right)} cannot be put in order`,
    'compare numbers with numbers and texts with texts',
  );
}

/** Equal in kind and content: `1 == '1'` and `1 == true` are false. */
export function same(left: Plain, right: Plain, limits: Limits): boolean {
  limits.spend(1);
  if (isPlainList(left)) {
    if (!isPlainList(right) || left.length !== right.length) return false;
    return left.every((item, index) => same(item, right[index] ?? null, limits));
  }
  if (!isPlainMap(left)) return left === right;
  if (!isPlainMap(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && same(left[key] ?? null, right[key] ?? null, limits));
}

function contains(whole: Plain, part: Plain, limits: Limits, fail: Fail): boolean {
  if (isPlainList(whole)) return whole.some((item) => same(item, part, limits));
  if (typeof part === 'string' && typeof whole === 'string') {
    limits.spend(whole.length / 100);
    return whole.includes(part);
  }
  if (typeof part === 'string' && isPlainMap(whole)) return Object.hasOwn(whole, part);
  return fail(
    `${show(part)} cannot be looked for in ${show(whole)}`,
    '`in` wants a list, a map with a text, or two texts',
  );
}

/** A value as part of a text: texts, numbers and booleans only, so that no list ends up in a command by accident. */
export function toText(value: Plain, fail: Fail): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const fix = value === null ? "give it another value: `| default('…', true)`" : "write `| join(', ')` or `| to_json`";
  return fail(`${kindOf(value)} cannot be part of a text`, fix);
}

/** True or false, and nothing that merely looks like it. */
export function truth(value: Plain, fail: Fail): boolean {
  if (typeof value === 'boolean') return value;
  const fix =
    typeof value === 'string' || typeof value === 'number'
      ? 'write `| bool` to read yes, no, 1 and 0 as true and false, or compare it: `== …`'
      : value === null
        ? 'write `is not none`'
        : 'write `| length > 0`';
  return fail(`${show(value)} is neither true nor false`, fix);
}
