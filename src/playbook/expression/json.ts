import * as z from 'zod';
import type { Limits } from './limits.js';
import type { Fail } from './operators.js';
import { isPlainList, isPlainMap, mapOf, type Plain } from './values.js';

const json = z.json();

/** JSON without spaces, keys in their order (or sorted). */
export function toJson(value: Plain, limits: Limits, sorted = false): string {
  limits.spend(1);
  if (isPlainList(value)) {
    return limits.deeper(() => limits.text('[', value.map((item) => toJson(item, limits, sorted)).join(','), ']'));
  }
  if (!isPlainMap(value)) return JSON.stringify(value);
  return limits.deeper(() => {
    const keys = sorted ? Object.keys(value).sort() : Object.keys(value);
    const parts = keys.map((key) => `${JSON.stringify(key)}:${toJson(value[key] ?? null, limits, sorted)}`);
    return limits.text('{', parts.join(','), '}');
  });
}

/** The value of a JSON text. */
export function parseJson(text: string, fail: Fail, limits: Limits): Plain {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return fail('the text is not JSON');
  }
  return checked(parsed, fail, limits);
}

function checked(value: unknown, fail: Fail, limits: Limits): Plain {
  limits.spend(1);
  if (Array.isArray(value)) return limits.deeper(() => value.map((item: unknown) => checked(item, fail, limits)));
  if (typeof value === 'object' && value !== null) {
    return limits.deeper(() => mapOf(Object.entries(value).map(([key, item]) => [key, checked(item, fail, limits)])));
  }
  const leaf = json.safeParse(value);
  return leaf.success && (leaf.data === null || typeof leaf.data !== 'object')
    ? leaf.data
    : fail('the text is not JSON');
}
