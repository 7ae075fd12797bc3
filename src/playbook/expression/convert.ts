import { toJson } from './json.js';
import type { Limits } from './limits.js';
import type { Fail } from './operators.js';
import { isPlainList, isPlainMap, type Plain, show } from './values.js';

export function asText(value: Plain, fail: Fail): string {
  return typeof value === 'string' ? value : fail(`a text is wanted, not ${show(value)}`, 'write `| string`');
}

export function asNumber(value: Plain, fail: Fail): number {
  return typeof value === 'number' ? value : fail(`a number is wanted, not ${show(value)}`, 'write `| int`');
}

export function asWhole(value: Plain, fail: Fail): number {
  return typeof value === 'number' && Number.isInteger(value)
    ? value
    : fail(`a whole number is wanted, not ${show(value)}`, 'write `| int`');
}

export function asList(value: Plain, fail: Fail): readonly Plain[] {
  return isPlainList(value) ? value : fail(`a list is wanted, not ${show(value)}`, 'write `[value]`');
}

export function asMap(value: Plain, fail: Fail): { readonly [key: string]: Plain } {
  return isPlainMap(value) ? value : fail(`a map is wanted, not ${show(value)}`);
}

/** An attribute by its dotted path (`options.key`, `addresses.0`); undefined if there is none. Own properties only. */
export function attributeOf(value: Plain, path: string): Plain | undefined {
  let current: Plain | undefined = value;
  for (const key of path.split('.')) {
    if (current === undefined) return undefined;
    if (isPlainList(current)) current = /^[0-9]{1,9}$/.test(key) ? current[Number(key)] : undefined;
    else if (isPlainMap(current)) current = Object.hasOwn(current, key) ? current[key] : undefined;
    else return undefined;
  }
  return current;
}

/** A text that is the same for two values exactly if they are equal. */
export function canonical(value: Plain, limits: Limits): string {
  return toJson(value, limits, true);
}

const yes = ['true', 'yes', 'on', '1', 'y', 't'];
const no = ['false', 'no', 'off', '0', 'n', 'f'];

/** Reads the words that YAML 1.1 and Ansible take for true and false; anything else is an error. */
export function toBoolean(value: Plain, fail: Fail): boolean {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' || typeof value === 'number' ? String(value).trim().toLowerCase() : '';
  if (yes.includes(word)) return true;
  if (no.includes(word)) return false;
  return fail(`${show(value)} is neither true nor false`, 'write yes or no, true or false, 1 or 0');
}

/** A whole number: of a number without its fraction, or of a decimal text. */
export function toInteger(value: Plain, fallback: Plain | undefined, fail: Fail): Plain {
  if (typeof value === 'number') return Math.trunc(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  const text = typeof value === 'string' ? value.trim() : '';
  const found = /^[+-]?[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  return found ?? fallback ?? fail(`${show(value)} is not a whole number`, 'write `| int(0)` to use 0 instead');
}
