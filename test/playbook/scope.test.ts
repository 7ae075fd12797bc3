import { describe, expect, it } from 'vitest';
import type { Host, Secret, Value, Variable } from '../../src/inventory/types.js';
import { hostvarsOf, scopedData, scopeFor } from '../../src/playbook/scope.js';
import {
  evaluate,
  evaluateCondition,
  type Scope,
  TemplateError,
  UnknownInExpression,
} from '../../src/playbook/template.js';

function vars(values: Readonly<Record<string, Value>>, scope = 'host docker41'): ReadonlyMap<string, Variable> {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, origin: { scope } }]));
}

function thrown(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const secret: Secret = { secret: true, origin: '$BECOME_PASSWORD', reveal: () => Promise.resolve('hunter2') };

function host(name: string, values: Readonly<Record<string, Value>>): Host {
  return {
    name,
    at: { file: 'inventory.yml', line: 1, column: 1 },
    groups: [],
    vars: vars(values),
    connection: { host: name, proxyJump: [], knownHostsFiles: [], become: { enabled: false, user: 'root' } },
    mesh: {
      cidr: '172.17.0.0/16',
      slicePrefix: 24,
      underlayAddress: name,
      addressing: 'flat',
      tunnelType: 'gre',
      bridge: 'br0',
      dockerBridge: 'docker0',
      datapath: 'system',
      topology: 'full',
      adopt: false,
      ovsSource: 'auto',
      ovsFiles: [],
      openHosts: false,
      ovsDowngrade: false,
    },
  };
}

describe('precedence', () => {
  const parts = {
    host: vars({ a: 'host', b: 'host', c: 'host', d: 'host', item: 'host', mesh: 'host' }),
    play: { b: 'play', c: 'play', d: 'play' },
    task: { c: 'task', d: 'task' },
    loop: { item: 'loop' },
    given: { mesh: 'given', inventory_hostname: 'docker41' },
  };

  it.each([
    ['a', 'host'],
    ['b', 'play'],
    ['c', 'task'],
    ['item', 'loop'],
    ['mesh', 'given'],
    ['inventory_hostname', 'docker41'],
  ])('%s comes from the %s', (name, value) => {
    expect(evaluate(`{{ ${name} }}`, scopeFor(parts))).toBe(value);
  });

  it('lets --extra-vars win over everything but the names that mesh gives', () => {
    const extra = new Map([...parts.host, ...vars({ d: 'extra', item: 'extra', mesh: 'extra' }, '--extra-vars')]);
    expect(evaluate('{{ d }} {{ item }} {{ mesh }}', scopeFor({ ...parts, host: extra }))).toBe('extra extra given');
  });
});

describe('variables with templates', () => {
  it('are evaluated when they are used, with the value that wins then', () => {
    const scope = scopeFor({
      host: vars({ dir: '/opt', path: '{{ dir }}/{{ name }}', name: 'host', unused: '{{ nowhere }}' }),
      play: { name: 'play' },
    });
    expect(evaluate('{{ path }}', scope)).toBe('/opt/play');
  });

  it('keep the kind of what they stand for', () => {
    const scope = scopeFor({ play: { a: '{{ b }}', b: '{{ c }}', c: [1, '{{ d }}'], d: { e: true } } });
    expect(evaluate('{{ a }}', scope)).toEqual([1, { e: true }]);
    expect(evaluate('{{ a[1].e }}', scope)).toBe(true);
  });

  it('evaluate only the part that is used', () => {
    const scope = scopeFor({
      play: { map: { good: '{{ n }}', bad: '{{ nowhere }}' }, n: 1, list: ['{{ n }}', '{{ no }}'] },
    });
    expect(evaluate('{{ map.good + list[0] }}', scope)).toBe(2);
    expect(thrown(() => evaluate('{{ map.bad }}', scope)).spot.via).toEqual(['map.bad']);
  });

  it('let `default` and `is defined` see through them', () => {
    const scope = scopeFor({ play: { a: '{{ nowhere }}' } });
    expect(evaluate("{{ a | default('x') }}", scope)).toBe('x');
    expect(evaluateCondition('a is defined', scope)).toBe(false);
  });

  it('are not taken from data: text of a host is never a template', () => {
    const scope = scopeFor({
      given: { facts: { name: '{{ boom }}' } },
      loop: { item: '{{ boom }}' },
      play: { x: '{{ item }}' },
    });
    expect(evaluate('{{ facts.name }} {{ item }} {{ x }}', scope)).toBe('{{ boom }} {{ boom }} {{ boom }}');
  });

  it('name the variable in an error', () => {
    const scope = scopeFor({ play: { a: 'x{{ b }}', b: '{{ c.lengt }}', c: { length: 1 } } });
    const error = thrown(() => evaluate('see {{ a }}', scope));
    expect(error.spot.via).toEqual(['a', 'b']);
    expect(error.message).toBe(
      'there is no `lengt` here (in the variable b)\n    {{ c.lengt }}\n         ^\n  fix: did you mean `length`?',
    );
  });
});

describe('cycles', () => {
  it.each<[Readonly<Record<string, Value>>, string, string]>([
    [{ a: '{{ a }}' }, '{{ a }}', 'a → a'],
    [{ a: '{{ b }}', b: 'x{{ c }}', c: '{{ a }}' }, '{{ a }}', 'a → b → c → a'],
    [{ a: { x: '{{ b }}' }, b: '{{ a.x }}' }, '{{ b }}', 'b → a.x → b'],
    [{ a: ['{{ a }}'] }, '{{ a }}', 'a[0] → a[0]'],
    [{ a: '{{ a | default(1) }}' }, '{{ a }}', 'a → a'],
  ])('%j', (play, text, trail) => {
    const error = thrown(() => evaluate(text, scopeFor({ play })));
    expect([error.kind, error.problem]).toEqual(['cycle', `variables need each other: ${trail}`]);
  });

  it('are not seen where parts of a map use each other', () => {
    const scope = scopeFor({ play: { a: { x: '{{ a.y }}!', y: 'hi' } } });
    expect(evaluate('{{ a.x }}', scope)).toBe('hi!');
  });

  it('are seen through hostvars', () => {
    const hosts = [host('h1', { a: "{{ hostvars['h2'].a }}" }), host('h2', { a: "{{ hostvars['h1'].a }}" })];
    const given = (): Record<string, Value> => ({});
    const lookup: ReturnType<typeof hostvarsOf> = hostvarsOf(hosts, () => ({ ...given(), hostvars: lookup }));
    const scope = scopeFor({ given: { hostvars: lookup } });
    expect(thrown(() => evaluate('{{ hostvars.h1.a }}', scope)).kind).toBe('cycle');
  });
});

describe('hostvars', () => {
  const hosts = [
    host('h1', { role: 'a', title: '{{ inventory_hostname }}/{{ role }}' }),
    host('h2', { role: 'b', title: '{{ inventory_hostname }}/{{ role }}', password: secret }),
  ];
  const scope = scopeFor({
    host: vars({ role: 'mine', inventory_hostname: 'me' }),
    given: { hostvars: hostvarsOf(hosts, ({ name }) => ({ inventory_hostname: name })) },
  });

  it('are evaluated as the host they belong to', () => {
    expect(evaluate("{{ hostvars['h2'].title }} {{ hostvars.h1.title }}", scope)).toBe('h2/b h1/a');
    expect(evaluate('{{ hostvars.h1 }}', scope)).toEqual({ inventory_hostname: 'h1', role: 'a', title: 'h1/a' });
    expect(evaluate('{{ hostvars | list }}', scopeFor({ given: { hostvars: hostvarsOf([], () => ({})) } }))).toEqual(
      [],
    );
  });

  it('name the hosts that there are', () => {
    expect(thrown(() => evaluate('{{ hostvars.h3.title }}', scope)).fix).toBe('did you mean `h1`?');
  });

  it('show no secret, not even within a whole map', () => {
    expect(thrown(() => evaluate('{{ hostvars.h2 | to_json }}', scope)).kind).toBe('secret');
    expect(evaluate('{{ hostvars.h2.role }}', scope)).toBe('b');
  });
});

describe('secrets', () => {
  const scope = scopeFor({
    host: vars({ become_password: secret, box: { inner: [secret] }, alias: '{{ become_password }}' }),
  });

  it.each([
    '{{ become_password }}',
    'x {{ become_password }}',
    '{{ alias }}',
    '{{ box }}',
    '{{ box.inner[0] }}',
    '{{ box.inner | length }}',
    "{{ become_password == 'a' }}",
    "{{ become_password | default('x') }}",
    '{{ become_password.origin }}',
    '{{ become_password.reveal }}',
    '{{ [become_password] | to_json }}',
    "{{ 'a' in box.inner }}",
  ])('%s is refused and names where the secret comes from', (text) => {
    const error = thrown(() => evaluate(text, scope));
    expect(error.kind).toBe('secret');
    expect(error.problem).toBe('a secret ($BECOME_PASSWORD) cannot be used in a template');
    expect(error.message).not.toContain('hunter2');
  });

  it('are refused as plain values too', () => {
    expect(thrown(() => evaluate({ content: secret }, scope)).kind).toBe('secret');
  });

  it('may be asked for', () => {
    expect(evaluateCondition('become_password is defined', scope)).toBe(true);
  });

  it('are told from a map that says `secret: true`', () => {
    expect(evaluate('{{ m }}', scopeFor({ play: { m: { secret: true, origin: 'x' } } }))).toEqual({
      secret: true,
      origin: 'x',
    });
  });
});

describe('facts', () => {
  const facts = scopedData(
    {
      system: { known: true, value: { kernel: '6.1', modules: ['ip_gre'], extra: undefined } },
      docker: { known: false, why: 'permission denied' },
      packages: { curl: { known: false, why: 'no dpkg' }, git: { known: true, value: { installed: null } } },
    },
    'facts',
  );
  const scope: Scope = scopeFor({ given: { facts } });

  it('that were read are plain data', () => {
    expect(evaluate('{{ facts.system }}', scope)).toEqual({ kernel: '6.1', modules: ['ip_gre'] });
    expect(evaluateCondition('facts.packages.git.installed is none', scope)).toBe(true);
    expect(evaluateCondition('facts.system.extra is defined', scope)).toBe(false);
  });

  it.each([
    ['facts.docker', 'facts.docker (permission denied)'],
    ['facts.docker.running', 'facts.docker (permission denied)'],
    ['facts.docker is defined', 'facts.docker (permission denied)'],
    ['facts.docker.version | default("none")', 'facts.docker (permission denied)'],
    ['facts.docker | default("none")', 'facts.docker (permission denied)'],
    ['facts.packages.curl.installed is none', 'facts.packages.curl (no dpkg)'],
    ["'x' in facts.packages", 'facts.packages.curl (no dpkg)'],
  ])('that could not be read leave %s without an answer', (text, what) => {
    const error = thrown(() => evaluateCondition(text, scope));
    expect(error).toBeInstanceOf(UnknownInExpression);
    expect(error).toMatchObject({ kind: 'unknown', what, problem: `${what} is not known` });
  });

  it('that are not needed do no harm', () => {
    expect(evaluateCondition("facts.system.kernel == '6.1' or facts.docker.running", scope)).toBe(true);
  });
});
