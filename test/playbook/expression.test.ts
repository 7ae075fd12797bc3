import { describe, expect, it } from 'vitest';
import { scopeFor } from '../../src/playbook/scope.js';
import { evaluate, evaluateCondition, TemplateError, templateFault } from '../../src/playbook/template.js';

const scope = scopeFor({
  given: {
    inventory_hostname: 'docker41',
    text: 'Hello',
    yes: 'yes',
    n: 7,
    nothing: null,
    list: [3, 1, 2, 3],
    words: ['b', 'a'],
    map: { one: 1, 'two words': 2 },
    tunnels: [
      { name: 'gre-a', state: 'wanted', opt: { key: 5 } },
      { name: 'gre-b', state: 'waiting' },
    ],
    braces: '{{ n }}',
  },
});

function errorOf(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('values', () => {
  it.each<[string, unknown]>([
    ['no template', 'no template'],
    ['', ''],
    ['{{ n }}', 7],
    ['{{n}}', 7],
    [' {{ n }}', ' 7'],
    ['{{ n }}{{ n }}', '77'],
    ['on {{ inventory_hostname }}!', 'on docker41!'],
    ['{{ list }}', [3, 1, 2, 3]],
    ['{{ nothing }}', null],
    ["{{ 'a' 'b' }}", 'ab'],
    ["{{ 'it\\'s' }}", "it's"],
    ['{{ "a\\n\\t\\\\" }}', 'a\n\t\\'],
    ["{{ '{{' }} {{ '}}' }}", '{{ }}'],
    ['{{ 1.5 }}', 1.5],
    ['{{ 2e3 }}', 2000],
    ['{{ true }}{{ False }}', 'truefalse'],
    ['{{ none }}', null],
    ['{{ [1, "a", [true]] }}', [1, 'a', [true]]],
    ['{{ [1, 2,] }}', [1, 2]],
    ["{{ {'a': {'b': 1}} }}", { a: { b: 1 } }],
    ["{{ {'a': {'b': 1}}['a'].b }}", 1],
    ['{{ {} }}', {}],
    ['${HOME} { } }} {#no comment', '${HOME} { } }} {#no comment'],
    ['{{ braces }}', '{{ n }}'],
    ['{{ braces ~ braces }}', '{{ n }}{{ n }}'],
  ])('%s', (text, value) => {
    expect(evaluate(text, scope)).toEqual(value);
  });

  it('evaluates within lists and maps, and leaves keys and what is no text alone', () => {
    const value = { a: ['{{ n }}', true, null, 1.5], '{{ k }}': { b: 'x{{ n }}' } };
    expect(evaluate(value, scope)).toEqual({ a: [7, true, null, 1.5], '{{ k }}': { b: 'x7' } });
  });
});

describe('operators', () => {
  it.each<[string, unknown]>([
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['7 / 2', 3.5],
    ['7 // 2', 3],
    ['-7 // 2', -4],
    ['-7 % 3', 2],
    ['7 % -3', -2],
    ['- n + 1', -6],
    ['2 - -1', 3],
    ["1 ~ '-' ~ 2 + 0 ~ ''", '1-20'],
    ["'a' ~ 1 ~ true", 'a1true'],
    ["'a' + 'b'", 'ab'],
    ['[1] + [2]', [1, 2]],
    ['1 < 2', true],
    ["'b' >= 'a'", true],
    ["1 == '1'", false],
    ['1 == true', false],
    ['[1, {"a": 2}] == [1, {"a": 2}]', true],
    ['{"a": 1, "b": 2} == {"b": 2, "a": 1}', true],
    ['n != 7', false],
    ['3 in list', true],
    ['4 not in list', true],
    ["'ell' in text", true],
    ["'one' in map", true],
    ['not 1 in list', false],
    ['not false and true', true],
    ['not not true', true],
    ['true or undefined_name', true],
    ['false and undefined_name', false],
    ["'a' if n > 5 else 'b'", 'a'],
    ["'a' if n > 9 else 'b' if n > 8 else 'c'", 'c'],
    ['n + 1 is defined', undefined],
    ['-1 | abs', 1],
    ['2 + 3 | string ~ ""', undefined],
  ])('%s', (expression, value) => {
    const run = () => evaluate(`{{ ${expression} }}`, scope);
    if (value === undefined) expect(errorOf(run).kind).toBe('type');
    else expect(run()).toEqual(value);
  });
});

describe('members', () => {
  it.each<[string, unknown]>([
    ['map.one', 1],
    ["map['two words']", 2],
    ['list[0]', 3],
    ['list[-1]', 3],
    ['list.1', 1],
    ['list[1:3]', [1, 2]],
    ['list[:-1]', [3, 1, 2]],
    ['list[2:]', [2, 3]],
    ['list[:]', [3, 1, 2, 3]],
    ['text[0]', 'H'],
    ['text[1:3]', 'el'],
    ['tunnels[0].opt.key', 5],
    ["tunnels[1].opt.key | default('none')", 'none'],
    ["nowhere.at.all | default('x')", 'x'],
    ["text.missing | default('x')", 'x'],
    ["list[9] | default('x')", 'x'],
    ["nothing | default('x')", null],
    ["nothing | default('x', true)", 'x'],
    ["'' | default('x', boolean=true)", 'x'],
    ["n | default('x')", 7],
    ['nowhere is defined', false],
    ['nowhere.at.all is undefined', true],
    ['map.one is defined and map.two is not defined', true],
    ['nothing is none', true],
    ['nothing is defined', true],
  ])('%s', (expression, value) => {
    expect(evaluate(`{{ ${expression} }}`, scope)).toEqual(value);
  });
});

describe('filters', () => {
  it.each<[string, unknown]>([
    ["'AbC' | lower", 'abc'],
    ["'AbC' | upper", 'ABC'],
    ["'  a ' | trim", 'a'],
    ["'a.b.c' | replace('.', '-')", 'a-b-c'],
    ["'$&' | replace('$', '$$')", '$$&'],
    ["list | join('-')", '3-1-2-3'],
    ['words | join', 'ba'],
    ["tunnels | join(', ', attribute='name')", 'gre-a, gre-b'],
    ['list | length', 4],
    ["'aé😀' | length", 3],
    ['map | length', 2],
    ['list | first', 3],
    ["'xyz' | last", 'z'],
    ['list | unique', [3, 1, 2]],
    ['[{"a": 1, "b": 2}, {"b": 2, "a": 1}] | unique', [{ a: 1, b: 2 }]],
    ['list | sort', [1, 2, 3, 3]],
    ['list | sort(reverse=true)', [3, 3, 2, 1]],
    ["tunnels | sort(attribute='name', reverse=true) | map(attribute='name')", ['gre-b', 'gre-a']],
    ["tunnels | map(attribute='opt.key', default=0)", [5, 0]],
    ["words | map('upper')", ['B', 'A']],
    ["words | map('replace', 'a', 'x') | list", ['b', 'x']],
    ["list | select('gt', 1)", [3, 2, 3]],
    ["list | reject('equalto', 3) | list", [1, 2]],
    ["list | select('in', [1, 2])", [1, 2]],
    ["tunnels | selectattr('state', 'equalto', 'wanted') | map(attribute='name')", ['gre-a']],
    ["tunnels | rejectattr('state', 'eq', 'wanted') | map(attribute='name')", ['gre-b']],
    ["tunnels | selectattr('opt', 'defined') | length", 1],
    ['map | list', ['one', 'two words']],
    ["'ab' | list", ['a', 'b']],
    ["' 42 ' | int", 42],
    ["'x' | int(0)", 0],
    ['4.9 | int', 4],
    ['true | int', 1],
    ['7 | string', '7'],
    ['[1] | string', '[1]'],
    ["'Yes' | bool", true],
    ['0 | bool', false],
    ["'off' | bool", false],
    ['{"b": [1, null], "a": "x"} | to_json', '{"b":[1,null],"a":"x"}'],
    ['\'{"a": [1, true]}\' | from_json', { a: [1, true] }],
    ["'it\\'s' | quote", "'it'\\''s'"],
    ["'a,b' | split(',')", ['a', 'b']],
    ["'  a  b ' | split", ['a', 'b']],
    ['list | difference([3])', [1, 2]],
    ['list | union([4])', [3, 1, 2, 4]],
    ['list | intersect([3, 9])', [3]],
    ['[1, 2] | symmetric_difference([2, 3])', [1, 3]],
    ["'172.17.41.1/24' | cidr_address", '172.17.41.1'],
    ["'172.17.41.1/24' | cidr_prefix", 24],
    ["'172.17.41.9/22' | cidr_network", '172.17.40.0/22'],
    ["'10.0.0.1' | cidr_prefix", 32],
    ["'fd00::1/64' | cidr_network", 'fd00::/64'],
    ["{'a': 1} | combine({'b': 2, 'a': 3})", { a: 3, b: 2 }],
    ["{'a': 1} | dict2items", [{ key: 'a', value: 1 }]],
    ["[{'key': 'a', 'value': 1}] | items2dict", { a: 1 }],
    ['[1, [2, [3]]] | flatten', [1, 2, 3]],
    ['list | max', 3],
    ['words | min', 'a'],
    ['list | sum', 9],
    ['[1, 2] | reverse', [2, 1]],
    ["'ab' | reverse", 'ba'],
    ['2.567 | round(2)', 2.57],
    ['2.5 | round', 3],
    ["true | ternary('a', 'b')", 'a'],
    ["text | lower | replace('l', 'L') ~ '!'", 'heLLo!'],
  ])('%s', (expression, value) => {
    expect(evaluate(`{{ ${expression} }}`, scope)).toEqual(value);
  });
});

describe('tests', () => {
  it.each<[string, boolean]>([
    ['text is string', true],
    ['n is number', true],
    ['n is integer', true],
    ['1.5 is float', true],
    ['true is boolean', true],
    ['map is mapping', true],
    ['list is sequence', true],
    ['text is sequence', false],
    ['n is odd', true],
    ['n is not even', true],
    ['true is true', true],
    ['n is true', false],
    ['false is false', true],
    ['3 is in list', true],
    ['n is not in list', true],
    ['n is eq 7', true],
    ['n is gt(6)', true],
    ['n is le 6', false],
    ["'one' is in(map)", true],
    ["'x' is ne 'y'", true],
    ['n is ge 7 and n is lt 8', true],
  ])('%s', (expression, value) => {
    expect(evaluateCondition(expression, scope)).toBe(value);
  });
});

describe('errors', () => {
  it.each<[text: string, kind: string, problem: string, offset: number, fix?: string]>([
    [
      '{{ inventory_hostnam }}',
      'undefined',
      '`inventory_hostnam` is not defined',
      3,
      'did you mean `inventory_hostname`?',
    ],
    ['{{ zzzzzzzz }}', 'undefined', '`zzzzzzzz` is not defined', 3, "define it, or write `| default('…')` behind it"],
    [
      '{{ ansible_facts.os }}',
      'undefined',
      '`ansible_facts` is not defined',
      3,
      'what is known of the host is under `facts`: see `mesh facts HOST`',
    ],
    ['a {{ map.on }}', 'undefined', 'there is no `on` here', 9, 'did you mean `one`?'],
    ['{{ map.xxxxx }}', 'undefined', 'there is no `xxxxx` here', 7, 'there are: one, two words'],
    ['{{ list[4] }}', 'undefined', 'there is no element 4', 7, 'the list has 4 (0 to 3)'],
    ['{{ list.name }}', 'undefined', 'a list has no `name`', 8, 'a list has elements by number, from 0'],
    ['{{ text.size }}', 'undefined', "the text 'Hello' has no `size`", 8],
    [
      "{{ 'a' if false }}",
      'undefined',
      'the condition is false and there is no `else`',
      7,
      'write `a if condition else b`',
    ],
    ['x {{ list }}', 'type', 'a list cannot be part of a text', 5, "write `| join(', ')` or `| to_json`"],
    ['x {{ nothing }}', 'type', 'none cannot be part of a text', 5, "give it another value: `| default('…', true)`"],
    [
      '{{ 1 + text }}',
      'type',
      "`+` cannot be used between 1 and the text 'Hello'",
      5,
      'write `~` to join texts, or turn a text into a number with `| int`',
    ],
    [
      '{{ text * 3 }}',
      'type',
      "`*` cannot be used between the text 'Hello' and 3",
      8,
      'turn a text into a number with `| int`',
    ],
    [
      '{{ 1 < text }}',
      'type',
      "1 and the text 'Hello' cannot be put in order",
      5,
      'compare numbers with numbers and texts with texts',
    ],
    ['{{ 1 / 0 }}', 'type', 'a division by zero', 5],
    ['{{ 9007199254740991 + 1 }}', 'type', 'the number is too large', 20],
    [
      '{{ not text }}',
      'type',
      "the text 'Hello' is neither true nor false",
      7,
      'write `| bool` to read yes, no, 1 and 0 as true and false, or compare it: `== …`',
    ],
    ['{{ list | lower }}', 'type', 'a text is wanted, not a list', 10, 'write `| string`'],
    ['{{ text | int }}', 'type', "the text 'Hello' is not a whole number", 10, 'write `| int(0)` to use 0 instead'],
    [
      '{{ text | bool }}',
      'type',
      "the text 'Hello' is neither true nor false",
      10,
      'write yes or no, true or false, 1 or 0',
    ],
    [
      '{{ text | cidr_prefix }}',
      'type',
      "'Hello' is neither an address nor a CIDR",
      10,
      'write it like 172.17.41.1/24',
    ],
    ['{{ [] | first }}', 'type', 'a list without elements has no first', 8],
    ['{{ [] | max }}', 'type', 'an empty list has no max', 8],
    ['{{ text | from_json }}', 'type', 'the text is not JSON', 10],
    [
      "{{ tunnels | map(attribute='opt') }}",
      'type',
      'an element has no `opt`',
      13,
      "leave such elements out first: `| selectattr('name', 'defined')`",
    ],
    [
      "{{ list | select('odd', ) | select('match', 'x') }}",
      'type',
      'there is no test match',
      28,
      'patterns are left out: a hostile one can take for ever; use `in`, `replace` or `split`',
    ],
    ['{{ {1: 2} }}', 'type', "a map's key is a text, not 1", 4],
    ['{{ map[list] }}', 'type', 'a list cannot be a key', 6],
    ['{{ text | uper }}', 'syntax', 'there is no filter uper', 10, 'did you mean `upper`?'],
    [
      '{{ text | ipaddr }}',
      'syntax',
      'there is no filter ipaddr',
      10,
      'use `cidr_address`, `cidr_network` or `cidr_prefix`',
    ],
    [
      '{{ text | ansible.builtin.to_yaml }}',
      'syntax',
      'there is no filter ansible.builtin.to_yaml',
      10,
      'write `to_json`: JSON is YAML',
    ],
    [
      '{{ text is changed }}',
      'syntax',
      'there is no test changed',
      11,
      'a plan is made before anything runs: a later task that must follow a change is a handler (`notify`)',
    ],
    [
      "{{ text | replace('a') }}",
      'syntax',
      'the filter replace needs more arguments',
      10,
      "text | replace('old', 'new')",
    ],
    ['{{ text | lower(1) }}', 'syntax', 'the filter lower has too many arguments', 10, 'text | lower'],
    [
      "{{ list | join(sep=',') }}",
      'syntax',
      'the filter join has no argument sep',
      19,
      "list | join(', '), or list | join(', ', attribute='name')",
    ],
    ["{{ list | join('a', separator=',') }}", 'syntax', 'the argument separator is given twice', 30],
    ["{{ list | join(separator=',', 'a') }}", 'syntax', 'an argument without a name cannot follow one with a name', 30],
    ["{{ text.split(',') }}", 'syntax', 'nothing can be called in an expression', 13, 'write `| split`'],
    ['{{ range(3) }}', 'syntax', 'nothing can be called in an expression', 8, 'use a filter: `value | filter`'],
    [
      "{{ lookup('env', 'HOME') }}",
      'syntax',
      'lookups are not supported: an expression reads variables and nothing else',
      3,
    ],
    ['{{ }}', 'syntax', 'there is no expression here', 3],
    ['a {{ n', 'syntax', 'the template has no end: `}}` is missing', 2],
    ["{{ 'a }}", 'syntax', "the text has no end: a ' is missing", 3],
    [
      "{{ '\\d' }}",
      'syntax',
      'a backslash here must be followed by n, t, r, a quote or a backslash',
      4,
      'write `\\\\` for a backslash',
    ],
    ['{{ (n }}', 'syntax', 'a `)` is missing: it was opened here', 3],
    ['{{ n n }}', 'syntax', 'there is `n` where an operator, a filter or the end belongs', 5],
    ['{{ n + }}', 'syntax', 'the expression ends where a value belongs', 7],
    ['{{ n. }}', 'syntax', 'the expression ends where a name behind the dot belongs', 6],
    ['{{ {1 2} }}', 'syntax', 'there is `2` where `:` and a value belongs', 6],
    ['{{ n = 1 }}', 'syntax', '`=` does not compare', 5, 'write `==`'],
    ['{{ 1 < n < 9 }}', 'syntax', 'comparisons cannot be chained', 9, 'join them: `a < b and b < c`'],
    ['{{ n && n }}', 'syntax', '`&` has no meaning in an expression', 5, 'write `and`'],
    ['{{ !n }}', 'syntax', '`!` has no meaning in an expression', 3, 'write `not`'],
    ['{{ $n }}', 'syntax', '`$` has no meaning in an expression', 3, 'variables are written without a `$`'],
    ['{{ 3n }}', 'syntax', 'a name cannot begin with a digit', 3],
    ['{{ .Name }}', 'syntax', 'there is `.` where a value belongs', 3],
    ['{{- n }}', 'syntax', '`{{-` is not supported', 0, 'write `{{ ` and leave the space out yourself'],
    [
      'a {% if n %}',
      'syntax',
      'statements (`{% … %}`) are not supported',
      2,
      "use `when`, `loop` or `a if condition else b`; write `{{ '{%' }}` for these characters themselves",
    ],
    [
      'a {# n #}',
      'syntax',
      'comments (`{# … #}`) are not supported',
      2,
      "write a YAML comment; write `{{ '{#' }}` for these characters themselves",
    ],
  ])('%s', (text, kind, problem, offset, fix) => {
    const error = errorOf(() => evaluate(text, scope));
    expect([error.kind, error.problem, error.spot.offset, error.fix]).toEqual([kind, problem, offset, fix]);
  });

  it('says where in the text, with a caret', () => {
    const error = errorOf(() => evaluate('first line\nmtu {{ map.on }} x', scope));
    expect(error.message).toBe(
      'there is no `on` here\n    mtu {{ map.on }} x\n               ^\n  fix: did you mean `one`?',
    );
    expect(templateFault(error, { file: 'p.yml', line: 3, column: 5 })).toEqual({
      message: 'there is no `on` here',
      at: { file: 'p.yml', line: 3, column: 5 },
      excerpt: '    mtu {{ map.on }} x\n               ^',
      fix: 'did you mean `one`?',
    });
  });

  it('cuts a long line around the caret', () => {
    const [, line = '', caret = ''] = errorOf(() =>
      evaluate(`${'x'.repeat(300)}{{ zz }}${'y'.repeat(300)}`, scope),
    ).message.split('\n');
    expect(line.length).toBeLessThan(110);
    expect(line.slice(caret.indexOf('^')).startsWith('zz }}')).toBe(true);
  });
});

describe('conditions', () => {
  it.each<[string, boolean]>([
    ['true', true],
    ['n == 7 and text is defined', true],
    ["inventory_hostname in ['docker42']", false],
    ['yes | bool', true],
    ['\n  n > 3\n  and n < 9\n', true],
  ])('%s', (text, value) => {
    expect(evaluateCondition(text, scope)).toBe(value);
  });

  it.each<[text: string, message: string]>([
    ['yes', "the condition must be true or false, but the text 'yes' is neither true nor false"],
    ['n', 'the condition must be true or false, but 7 is neither true nor false'],
    ['list', 'the condition must be true or false, but a list is neither true nor false'],
    ['nothing', 'the condition must be true or false, but none is neither true nor false'],
    ['', 'there is no expression here'],
    ['n == 7 }}', 'there is `}` where an operator, a filter or the end belongs'],
  ])('%s is no condition', (text, message) => {
    expect(errorOf(() => evaluateCondition(text, scope)).problem).toBe(message);
  });
});
