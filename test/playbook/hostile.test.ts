import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/inventory/types.js';
import { maxText } from '../../src/playbook/expression/limits.js';
import { filters, tests } from '../../src/playbook/expression/names.js';
import { scopeFor } from '../../src/playbook/scope.js';
import { checkTemplate, evaluate, evaluateCondition, TemplateError } from '../../src/playbook/template.js';

const data = {
  x: { a: 1, b: [1, 'two', null] },
  s: 'text',
  n: 3,
  list: [1, 2, 3],
  empty: [],
  deferred: '{{ x.b }}',
};
const scope = scopeFor({ play: data, given: { inventory_hostname: 'docker41' } });

/** The value, or the kind of the template's own error; any other error ends the test. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError) return `error: ${error.kind}`;
    throw error;
  }
}

const inherited = [
  'constructor',
  '__proto__',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
];

describe('prototypes', () => {
  it.each(
    ["''", '[]', '{}', '1', 'true', 'none', 'x', 's', 'list', 'deferred'].flatMap((value) =>
      [...inherited, 'map', 'length', 'call', 'at'].flatMap((name) => [`${value}.${name}`, `${value}['${name}']`]),
    ),
  )('%s is not there', (expression) => {
    expect(outcome(() => evaluate(`{{ (${expression}) }}`, scope))).toBe('error: undefined');
    expect(evaluate(`{{ (${expression}) | default('safe') }}`, scope)).toBe('safe');
  });

  it.each(inherited)('%s is no name, filter or test', (name) => {
    expect(outcome(() => evaluate(`{{ ${name} }}`, scope))).toBe('error: undefined');
    expect(outcome(() => evaluate(`{{ s | ${name} }}`, scope))).toBe('error: syntax');
    expect(outcome(() => evaluate(`{{ s is ${name} }}`, scope))).toBe('error: syntax');
    expect(outcome(() => evaluate(`{{ list | select('${name}') }}`, scope))).toBe('error: type');
    expect(outcome(() => evaluate(`{{ [x] | map(attribute='${name}') }}`, scope))).toBe('error: type');
    expect(outcome(() => evaluate(`{{ '${name}' in x }}`, scope))).toBe(false);
  });

  it('a map with a key named like one is a map with that key', () => {
    const value = evaluate('{{ {"__proto__": {"polluted": true}, "constructor": 1} }}', scope);
    expect(Object.keys(Object(value))).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(
      evaluate("{{ '{\"__proto__\": {\"p\": 1}}' | from_json | combine({'__proto__': {'q': 2}}) | to_json }}", scope),
    ).toBe('{"__proto__":{"q":2}}');
    expect(Object.hasOwn(Object.prototype, 'polluted') || Object.hasOwn(Object.prototype, 'p')).toBe(false);
  });
});

describe('arbitrary text', () => {
  const words = [
    ...Object.keys(filters),
    ...Object.keys(tests),
    ...Object.keys(data),
    ...inherited,
    ...['and', 'or', 'not', 'in', 'is', 'if', 'else', 'true', 'none', '(', ')', '[', ']', '{', '}', ',', ':', '.', '|'],
    ...[
      '+',
      '-',
      '*',
      '/',
      '//',
      '%',
      '~',
      '==',
      '!=',
      '<',
      '<=',
      '=',
      "'a'",
      '""',
      '0',
      '1',
      '2.5',
      '9e99',
      '{{',
      '}}',
    ],
  ];

  it('throws nothing but errors of templates, as an expression', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 14 }), (parts) => {
        outcome(() => evaluate(`{{ ${parts.join(' ')} }}`, scope));
        outcome(() => evaluateCondition(parts.join(' '), scope));
      }),
      { numRuns: 3000 },
    );
  });

  it('throws nothing but errors of templates, as any string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        outcome(() => evaluate(`{{${text}}}`, scope));
        outcome(() => evaluate(text, scope));
        outcome(() => evaluateCondition(text, scope));
      }),
      { numRuns: 2000 },
    );
  });

  it('is found wrong by checking exactly if evaluating finds its syntax wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 8 }), (parts) => {
        const text = `{{ ${parts.join(' ')} }}`;
        const checked = outcome(() => checkTemplate(text));
        const evaluated = outcome(() => evaluate(text, scope));
        const wrong = (result: unknown) => result === 'error: syntax' || result === 'error: limit';
        expect(wrong(evaluated)).toBe(wrong(checked));
      }),
      { numRuns: 2000 },
    );
  });

  it('comes back as it is where it holds no braces', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !/\{[{%#]/.test(text)),
        (text) => {
          expect(evaluate(text, scope)).toBe(text);
        },
      ),
    );
  });

  it('passes through a variable of data unchanged, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const given = { value: JSON.parse(JSON.stringify(value)) as Value };
        expect(JSON.stringify(evaluate('{{ value }}', scopeFor({ given })))).toBe(JSON.stringify(given.value));
        expect(evaluate('{{ value | to_json | from_json == value }}', scopeFor({ given }))).toBe(true);
      }),
    );
  });
});

describe('what would not end or fill the memory', () => {
  const doubling = (join: (name: string) => string, count = 60): Record<string, Value> =>
    Object.fromEntries([
      ['v0', 'x'],
      ...Array.from({ length: count }, (_, index) => [`v${index + 1}`, join(`v${index}`)] as const),
    ]);

  it.each<[string, Record<string, Value>, string]>([
    ['texts that double', doubling((name) => `{{ ${name} }}{{ ${name} }}`), '{{ v60 }}'],
    ['texts joined by an operator', doubling((name) => `{{ ${name} ~ ${name} }}`), '{{ v60 }}'],
    ['lists that double', doubling((name) => `{{ [${name}, ${name}] }}`), '{{ v60 }}'],
    ['lists that double, as JSON', doubling((name) => `{{ [${name}, ${name}] }}`), '{{ v60 | to_json | length }}'],
    ['sums of lists', { ...doubling((name) => `{{ ${name} + ${name} }}`), v0: [1, 2] }, '{{ v60 | length }}'],
    ['conditions that fork', { ...doubling((name) => `{{ ${name} and ${name} }}`), v0: true }, '{{ v60 }}'],
    [
      'a replacement that multiplies',
      doubling((name) => `{{ ${name} | replace('x', 'xxxxxxxxxxxxxxxx') }}`),
      '{{ v60 }}',
    ],
    ['a long chain', doubling((name) => `{{ ${name} }}`, 3000), '{{ v3000 }}'],
    ['a long chain within texts', doubling((name) => `-{{ ${name} }}`, 3000), '{{ v3000 }}'],
    ['lists in lists', doubling((name) => `{{ [${name}] }}`, 3000), '{{ v3000 }}'],
  ])('%s', (_, play, text) => {
    expect(outcome(() => evaluate(text, scopeFor({ play })))).toBe('error: limit');
  });

  it.each([
    ['parentheses', `{{ ${'('.repeat(3000)}1${')'.repeat(3000)} }}`],
    ['brackets', `{{ ${'['.repeat(3000)} }}`],
    ['signs', `{{ ${'1+'.repeat(2000)}1 }}`],
    ['negations', `{{ ${'not '.repeat(1500)}${'('.repeat(60)}true }}`],
    ['attributes', `{{ x${'.a'.repeat(3000)} }}`],
    ['filters', `{{ s${'|trim'.repeat(1000)} }}`],
    ['choices', `{{ ${'1 if true else '.repeat(300)}2 }}`],
    ['an expression without end', `{{ ${'a'.repeat(20_000)}`],
    ['spaces', `{{ ${' '.repeat(1_000_000)}1 }}`],
    ['JSON', "{{ ('[' * 3) | from_json }}"],
  ])('%s that pile up', (_, text) => {
    expect(outcome(() => evaluate(text, scope))).toMatch(/^error: (?:limit|syntax|type|undefined)$/);
  });

  it('deep JSON of a text', () => {
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    expect(outcome(() => evaluate('{{ deep | from_json }}', scopeFor({ given: { deep } })))).toBe('error: limit');
  });

  it('values nested deeply in a file', () => {
    let value: Value = '{{ n }}';
    for (let depth = 0; depth < 5000; depth += 1) value = [value];
    expect(outcome(() => evaluate(value, scope))).toBe('error: limit');
  });

  it('takes what is large and still reasonable', () => {
    const tunnels = Array.from({ length: 2000 }, (_, index) => ({
      name: `gre-${index}`,
      state: index % 2 ? 'wanted' : 'waiting',
    }));
    const big = scopeFor({ given: { tunnels, text: 'y'.repeat(maxText) } });
    expect(
      evaluate(
        "{{ tunnels | selectattr('state', 'equalto', 'wanted') | map(attribute='name') | unique | length }}",
        big,
      ),
    ).toBe(1000);
    expect(evaluate('{{ text | length }}', big)).toBe(maxText);
  });
});
