import { nearest } from '../../inventory/nearest.js';

/** What a filter or test takes. `parameters` are the names in order, for arguments given by name or by place. */
export interface Arity {
  readonly parameters: readonly string[];
  /** How many must be given. */
  readonly min: number;
  /** How many may be given by place; more than there are parameters where the rest belongs to an inner filter. */
  readonly max: number;
  /** How it is written, for people. */
  readonly usage: string;
}

function arity(usage: string, parameters: readonly string[] = [], min = 0, max = parameters.length): Arity {
  return { parameters, min, max, usage };
}

/** Every filter there is. A fixed list: a template can do nothing that is not here. */
export const filters = {
  abs: arity('number | abs'),
  bool: arity("'yes' | bool"),
  cidr_address: arity("'172.17.41.1/24' | cidr_address"),
  cidr_network: arity("'172.17.41.1/24' | cidr_network"),
  cidr_prefix: arity("'172.17.41.1/24' | cidr_prefix"),
  combine: arity('map | combine(other)', ['other'], 1),
  default: arity("name | default('value')", ['value', 'boolean'], 1),
  dict2items: arity('map | dict2items'),
  difference: arity('list | difference(other)', ['other'], 1),
  first: arity('list | first'),
  flatten: arity('list | flatten'),
  from_json: arity('text | from_json'),
  int: arity('text | int, or text | int(0) where it may be no number', ['default']),
  intersect: arity('list | intersect(other)', ['other'], 1),
  items2dict: arity('list | items2dict'),
  join: arity("list | join(', '), or list | join(', ', attribute='name')", ['separator', 'attribute']),
  last: arity('list | last'),
  length: arity('list | length'),
  list: arity('value | list'),
  lower: arity('text | lower'),
  map: arity("list | map(attribute='name'), or list | map('upper')", ['attribute', 'default'], 1, 4),
  max: arity('list | max'),
  min: arity('list | min'),
  quote: arity('text | quote'),
  reject: arity("list | reject('equalto', value)", ['test', 'value'], 1),
  rejectattr: arity("list | rejectattr('name', 'equalto', value)", ['attribute', 'test', 'value'], 1),
  replace: arity("text | replace('old', 'new')", ['old', 'new'], 2),
  reverse: arity('list | reverse'),
  round: arity('number | round, or number | round(2)', ['digits']),
  select: arity("list | select('equalto', value)", ['test', 'value'], 1),
  selectattr: arity("list | selectattr('name', 'equalto', value)", ['attribute', 'test', 'value'], 1),
  sort: arity("list | sort, or list | sort(attribute='name', reverse=true)", ['reverse', 'attribute']),
  split: arity("text | split(',')", ['separator']),
  string: arity('value | string'),
  sum: arity("list | sum, or list | sum(attribute='size')", ['attribute']),
  symmetric_difference: arity('list | symmetric_difference(other)', ['other'], 1),
  ternary: arity('condition | ternary(a, b)', ['yes', 'no'], 2),
  to_json: arity('value | to_json'),
  trim: arity('text | trim'),
  union: arity('list | union(other)', ['other'], 1),
  unique: arity('list | unique'),
  upper: arity('text | upper'),
} as const satisfies Record<string, Arity>;

/** Every test there is: what follows `is` or `is not`. */
export const tests = {
  boolean: arity('value is boolean'),
  defined: arity('name is defined'),
  eq: arity('value is eq(other)', ['other'], 1),
  equalto: arity('value is equalto(other)', ['other'], 1),
  even: arity('number is even'),
  false: arity('value is false'),
  float: arity('value is float'),
  ge: arity('value is ge(other)', ['other'], 1),
  gt: arity('value is gt(other)', ['other'], 1),
  in: arity('value is in list', ['list'], 1),
  integer: arity('value is integer'),
  le: arity('value is le(other)', ['other'], 1),
  lt: arity('value is lt(other)', ['other'], 1),
  mapping: arity('value is mapping'),
  ne: arity('value is ne(other)', ['other'], 1),
  none: arity('value is none'),
  number: arity('value is number'),
  odd: arity('number is odd'),
  sequence: arity('value is sequence'),
  string: arity('value is string'),
  true: arity('value is true'),
  undefined: arity('name is undefined'),
} as const satisfies Record<string, Arity>;

export type FilterName = keyof typeof filters;
export type TestName = keyof typeof tests;

export function isFilterName(name: string): name is FilterName {
  return Object.hasOwn(filters, name);
}

export function isTestName(name: string): name is TestName {
  return Object.hasOwn(tests, name);
}

export function filterArity(name: string): Arity | undefined {
  return isFilterName(name) ? filters[name] : undefined;
}

export function testArity(name: string): Arity | undefined {
  return isTestName(name) ? tests[name] : undefined;
}

const noPatterns = 'patterns are left out: a hostile one can take for ever; use `in`, `replace` or `split`';
const onlyCidr = 'use `cidr_address`, `cidr_network` or `cidr_prefix`';
const missing: Readonly<Record<string, string>> = {
  'filter count': 'write `length`',
  'filter d': 'write `default`',
  'filter e': 'nothing is escaped here: write the value as it is',
  'filter float': 'numbers are read as they are: leave the filter out, or use `int`',
  'filter ipaddr': onlyCidr,
  'filter ansible.utils.ipaddr': onlyCidr,
  'filter ipv4': onlyCidr,
  'filter regex_findall': noPatterns,
  'filter regex_replace': noPatterns,
  'filter regex_search': noPatterns,
  'filter to_nice_json': 'write `to_json`',
  'filter to_nice_yaml': 'write `to_json`: JSON is YAML',
  'filter to_yaml': 'write `to_json`: JSON is YAML',
  'filter tojson': 'write `to_json`',
  'test match': noPatterns,
  'test regex': noPatterns,
  'test search': noPatterns,
  'test iterable': 'write `is sequence` or `is mapping`',
  'test divisibleby': 'write `value % 3 == 0`',
  'test changed': 'a plan is made before anything runs: a later task that must follow a change is a handler (`notify`)',
  'test failed': 'a host on which a step failed runs no further step',
  'test skipped': 'repeat the condition in `when`',
  'test succeeded': 'a host on which a step failed runs no further step',
};

/** The sentence and the fix for a filter or test that does not exist. */
export function whyNoSuch(what: 'filter' | 'test', name: string): { readonly problem: string; readonly fix: string } {
  const known = Object.keys(what === 'filter' ? filters : tests);
  const short = name.replace(/^ansible\.(?:builtin|utils)\./, '');
  const key = `${what} ${short}`;
  const near = nearest(short, known);
  const hint = Object.hasOwn(missing, key) ? missing[key] : undefined;
  const fix = hint ?? (near === undefined ? `there are: ${known.join(', ')}` : `did you mean \`${near}\`?`);
  return { problem: `there is no ${what} ${name}`, fix };
}
