import { quote } from '../../quote.js';
import { cidrAddress, cidrNetwork, cidrPrefix } from './cidr.js';
import { asList, asMap, asNumber, asText, asWhole, attributeOf, canonical, toBoolean, toInteger } from './convert.js';
import { parseJson, toJson } from './json.js';
import type { Limits } from './limits.js';
import { type FilterName, isFilterName, isTestName, type TestName, whyNoSuch } from './names.js';
import { type Fail, number, order, same, toText, truth } from './operators.js';
import { isPlainList, isPlainMap, kindOf, mapOf, type Plain, show } from './values.js';

export interface Work {
  readonly fail: Fail;
  readonly limits: Limits;
}

type Args = readonly (Plain | undefined)[];
type Filter = (value: Plain, args: Args, work: Work) => Plain;

/** Applies a filter to data. Arguments are by place; what was not given is undefined. */
export function applyFilter(name: FilterName, value: Plain, args: Args, work: Work): Plain {
  work.limits.spend(1 + sizeOf(value));
  return implementations[name](value, args, work);
}

function sizeOf(value: Plain): number {
  if (typeof value === 'string') return value.length / 100;
  if (isPlainList(value)) return value.length;
  return isPlainMap(value) ? Object.keys(value).length : 0;
}

const implementations: Readonly<Record<FilterName, Filter>> = {
  abs: (value, _, { fail }) => Math.abs(asNumber(value, fail)),
  bool: (value, _, { fail }) => toBoolean(value, fail),
  cidr_address: (value, _, { fail }) => cidrAddress(asText(value, fail), fail),
  cidr_network: (value, _, { fail }) => cidrNetwork(asText(value, fail), fail),
  cidr_prefix: (value, _, { fail }) => cidrPrefix(asText(value, fail), fail),
  combine: (value, [other], { fail }) =>
    mapOf([...Object.entries(asMap(value, fail)), ...Object.entries(asMap(other ?? null, fail))]),
  default: (value) => value,
  dict2items: (value, _, { fail }) =>
    Object.entries(asMap(value, fail)).map(([key, item]) => mapOf([['key', key] as const, ['value', item] as const])),
  difference: (value, [other], work) => {
    const gone = keysOf(other, work);
    return distinct(asList(value, work.fail), work).filter((item) => !gone.has(canonical(item, work.limits)));
  },
  first: (value, _, { fail }) => end(value, 0, fail),
  flatten: (value, _, work) => flatten(asList(value, work.fail), work.limits),
  from_json: (value, _, { fail, limits }) => parseJson(asText(value, fail), fail, limits),
  int: (value, [fallback], { fail }) => toInteger(value, fallback, fail),
  intersect: (value, [other], work) => {
    const kept = keysOf(other, work);
    return distinct(asList(value, work.fail), work).filter((item) => kept.has(canonical(item, work.limits)));
  },
  items2dict: (value, _, { fail }) =>
    mapOf(
      asList(value, fail).map((item) => {
        const { key, value: inner } = asMap(item, fail);
        if (typeof key !== 'string' || inner === undefined) return fail('items2dict wants maps with `key` and `value`');
        return [key, inner] as const;
      }),
    ),
  join: (value, [separator, attribute], work) => {
    const texts = pick(value, attribute, work).map((item) => toText(item, work.fail));
    const between = separator === undefined ? '' : asText(separator, work.fail);
    return work.limits.text(...texts.flatMap((text, index) => (index === 0 ? [text] : [between, text])));
  },
  last: (value, _, { fail }) => end(value, -1, fail),
  length: (value, _, { fail }) => {
    if (typeof value === 'string') return [...value].length;
    if (isPlainMap(value)) return Object.keys(value).length;
    return isPlainList(value) ? value.length : fail(`${show(value)} has no length`);
  },
  list: (value, _, { fail, limits }) => {
    if (isPlainList(value)) return value;
    if (typeof value === 'string') {
      limits.spend(value.length);
      return [...value];
    }
    return isPlainMap(value) ? Object.keys(value) : fail(`${show(value)} cannot become a list`, 'write `[value]`');
  },
  lower: (value, _, { fail }) => asText(value, fail).toLowerCase(),
  map: (value, args, work) => mapEach(value, args, work),
  max: (value, _, { fail }) => extreme(value, 1, fail),
  min: (value, _, { fail }) => extreme(value, -1, fail),
  quote: (value, _, { fail }) => {
    const text = toText(value, fail);
    return text.includes('\0') ? fail('a NUL character cannot be passed to a shell') : quote(text);
  },
  reject: (value, args, work) => asList(value, work.fail).filter((item) => !passes(item, args, work)),
  rejectattr: (value, args, work) => asList(value, work.fail).filter((item) => !attributePasses(item, args, work)),
  replace: (value, [old, fresh], { fail, limits }) => {
    const parts = asText(value, fail).split(nonEmpty(asText(old ?? null, fail), fail));
    limits.spend(parts.length);
    const between = asText(fresh ?? null, fail);
    return limits.text(...parts.flatMap((part, index) => (index === 0 ? [part] : [between, part])));
  },
  reverse: (value, _, { fail }) =>
    typeof value === 'string' ? [...value].reverse().join('') : [...asList(value, fail)].reverse(),
  round: (value, [digits], { fail }) => {
    const places = digits === undefined ? 0 : asWhole(digits, fail);
    if (places < 0 || places > 15) return fail('round takes 0 to 15 digits');
    return number(Number(asNumber(value, fail).toFixed(places)), fail);
  },
  select: (value, args, work) => asList(value, work.fail).filter((item) => passes(item, args, work)),
  selectattr: (value, args, work) => asList(value, work.fail).filter((item) => attributePasses(item, args, work)),
  sort: (value, [reverse, attribute], work) => {
    const keyed = asList(value, work.fail).map((item) => ({ item, by: pickOne(item, attribute, work) }));
    const sign = reverse !== undefined && truth(reverse, work.fail) ? -1 : 1;
    return keyed.sort((a, b) => sign * order(a.by, b.by, work.fail)).map(({ item }) => item);
  },
  split: (value, [separator], { fail, limits }) => {
    const text = asText(value, fail);
    const parts =
      separator === undefined
        ? text.split(/\s+/).filter((part) => part !== '')
        : text.split(nonEmpty(asText(separator, fail), fail));
    limits.spend(parts.length);
    return parts;
  },
  string: (value, _, { fail, limits }) =>
    value !== null && typeof value === 'object' ? toJson(value, limits) : toText(value, fail),
  sum: (value, [attribute], work) =>
    pick(value, attribute, work).reduce<number>((sum, item) => number(sum + asNumber(item, work.fail), work.fail), 0),
  symmetric_difference: (value, [other], work) => {
    const left = distinct(asList(value, work.fail), work);
    const right = distinct(asList(other ?? null, work.fail), work);
    const [inLeft, inRight] = [keysOf(left, work), keysOf(right, work)];
    return [
      ...left.filter((item) => !inRight.has(canonical(item, work.limits))),
      ...right.filter((item) => !inLeft.has(canonical(item, work.limits))),
    ];
  },
  ternary: (value, [yes, no], { fail }) => (truth(value, fail) ? yes : no) ?? null,
  to_json: (value, _, { limits }) => toJson(value, limits),
  trim: (value, _, { fail }) => asText(value, fail).trim(),
  union: (value, [other], work) => distinct([...asList(value, work.fail), ...asList(other ?? null, work.fail)], work),
  unique: (value, _, work) => distinct(asList(value, work.fail), work),
  upper: (value, _, { fail }) => asText(value, fail).toUpperCase(),
};

/** Applies a test to data (`defined` and `undefined` are answered before there is data). */
export function applyTest(name: TestName, value: Plain, argument: Plain | undefined, work: Work): boolean {
  const { fail, limits } = work;
  limits.spend(1);
  const other = argument ?? null;
  switch (name) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'defined':
      return true;
    case 'undefined':
      return false;
    case 'eq':
    case 'equalto':
      return same(value, other, limits);
    case 'ne':
      return !same(value, other, limits);
    case 'even':
    case 'odd':
      return (asWhole(value, fail) % 2 === 0) === (name === 'even');
    case 'true':
    case 'false':
      return value === (name === 'true');
    case 'float':
      return typeof value === 'number' && !Number.isInteger(value);
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value);
    case 'number':
    case 'string':
      return typeof value === name;
    case 'ge':
      return order(value, other, fail) >= 0;
    case 'gt':
      return order(value, other, fail) > 0;
    case 'le':
      return order(value, other, fail) <= 0;
    case 'lt':
      return order(value, other, fail) < 0;
    case 'in':
      return isPlainList(other)
        ? other.some((item) => same(item, value, limits))
        : typeof value === 'string' && typeof other === 'string'
          ? other.includes(value)
          : Object.hasOwn(asMap(other, fail), asText(value, fail));
    case 'mapping':
      return isPlainMap(value);
    case 'none':
      return value === null;
    case 'sequence':
      return isPlainList(value);
  }
}

function passes(item: Plain, [test, argument]: Args, work: Work): boolean {
  if (typeof test !== 'string' || !isTestName(test)) return unknownTest(test, work.fail);
  return applyTest(test, item, argument, work);
}

function attributePasses(item: Plain, [attribute, test, argument]: Args, work: Work): boolean {
  const value = attributeOf(item, asText(attribute ?? null, work.fail));
  if (test === 'defined') return value !== undefined;
  if (test === 'undefined') return value === undefined;
  if (value === undefined) return missingAttribute(attribute, work.fail);
  return test === undefined ? truth(value, work.fail) : passes(value, [test, argument], work);
}

function unknownTest(test: Plain | undefined, fail: Fail): never {
  const { problem, fix } = whyNoSuch('test', typeof test === 'string' ? test : kindOf(test ?? null));
  return fail(problem, fix);
}

function missingAttribute(attribute: Plain | undefined, fail: Fail): never {
  return fail(
    `an element has no \`${String(attribute)}\``,
    "leave such elements out first: `| selectattr('name', 'defined')`",
  );
}

function mapEach(value: Plain, [what, fallback, ...rest]: Args, work: Work): Plain {
  const list = asList(value, work.fail);
  const name = asText(what ?? null, work.fail);
  const byFilter = isFilterName(name) && !list.some((item) => attributeOf(item, name) !== undefined);
  if (byFilter) return list.map((item) => applyFilter(name, item, [fallback, ...rest], work));
  return list.map((item) => attributeOf(item, name) ?? fallback ?? missingAttribute(name, work.fail));
}

function pickOne(item: Plain, attribute: Plain | undefined, { fail }: Work): Plain {
  if (attribute === undefined) return item;
  return attributeOf(item, asText(attribute, fail)) ?? missingAttribute(attribute, fail);
}

function pick(value: Plain, attribute: Plain | undefined, work: Work): readonly Plain[] {
  return asList(value, work.fail).map((item) => pickOne(item, attribute, work));
}

function distinct(list: readonly Plain[], work: Work): readonly Plain[] {
  const found = new Map<string, Plain>();
  for (const item of list) {
    const key = canonical(item, work.limits);
    if (!found.has(key)) found.set(key, item);
  }
  return [...found.values()];
}

function keysOf(list: Plain | undefined, work: Work): ReadonlySet<string> {
  return new Set(asList(list ?? null, work.fail).map((item) => canonical(item, work.limits)));
}

function flatten(list: readonly Plain[], limits: Limits): readonly Plain[] {
  return list.flatMap((item) => {
    limits.spend(1);
    return isPlainList(item) ? limits.deeper(() => flatten(item, limits)) : [item];
  });
}

function end(value: Plain, index: 0 | -1, fail: Fail): Plain {
  const found = typeof value === 'string' ? [...value].at(index) : asList(value, fail).at(index);
  return (
    found ??
    (isPlainList(value) && value.length > 0
      ? null
      : fail(`${kindOf(value)} without elements has no ${index === 0 ? 'first' : 'last'}`))
  );
}

function extreme(value: Plain, sign: 1 | -1, fail: Fail): Plain {
  const list = asList(value, fail);
  const [head, ...rest] = list;
  if (head === undefined) return fail(`an empty list has no ${sign === 1 ? 'max' : 'min'}`);
  return rest.reduce<Plain>((best, item) => (sign * order(item, best, fail) > 0 ? item : best), head);
}

function nonEmpty(text: string, fail: Fail): string {
  return text === '' ? fail('the text to look for is empty') : text;
}
