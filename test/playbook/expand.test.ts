import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/inventory/types.js';
import { evaluatePartly, expandTask, foreseeTask, type TaskScope } from '../../src/playbook/expand.js';
import { scopeFor } from '../../src/playbook/scope.js';
import { type Scoped, TemplateError, Unknown, UnknownInExpression } from '../../src/playbook/template.js';
import type { Task } from '../../src/playbook/types.js';

const at = { file: 'p.yml', line: 1, column: 1 };

function task(rest: Partial<Task>): Task {
  return {
    name: 'A task',
    at,
    resource: 'file',
    params: null,
    paramsAt: at,
    when: [],
    loopVar: 'item',
    vars: {},
    tags: [],
    notify: [],
    runOnce: false,
    ...rest,
  };
}

function scopes(given: Readonly<Record<string, Scoped>>, play: Readonly<Record<string, Value>> = {}): TaskScope {
  return (one, loop) => scopeFor({ given, play, task: one.vars, loop });
}

const names = scopes({
  tunnels: [
    { name: 'a', up: true },
    { name: 'b', up: false },
  ],
  docker: new Unknown('docker'),
});

describe('a task without a loop', () => {
  it('is one, with its parameters evaluated', () => {
    const one = task({
      name: 'To {{ x }}',
      params: { path: '/{{ x }}', list: '{{ tunnels | map(attribute="up") }}' },
      vars: { x: 'y' },
    });
    expect(expandTask(one, names)).toEqual([{ task: one, name: 'To y', params: { path: '/y', list: [true, false] } }]);
  });

  it('is skipped by any false condition, and then nothing of it is evaluated', () => {
    const one = task({ when: ['true', 'false', 'nowhere'], params: '{{ nowhere }}', delegateTo: '{{ nowhere }}' });
    expect(expandTask(one, names)).toEqual([{ task: one, name: 'A task', params: null, skipped: 'when' }]);
  });

  it('keeps a name that cannot be evaluated', () => {
    expect(expandTask(task({ name: 'x {{ nowhere }}' }), names)[0]?.name).toBe('x {{ nowhere }}');
  });

  it('names the host that it is delegated to', () => {
    expect(expandTask(task({ delegateTo: '{{ tunnels[0].name }}' }), names)[0]?.delegateTo).toBe('a');
    expect(() => expandTask(task({ delegateTo: '{{ tunnels }}' }), names)).toThrow(
      '`delegate_to` must be the name of a host',
    );
  });

  it('has no answer where it depends on something unknown', () => {
    expect(() => expandTask(task({ when: ['docker.running'] }), names)).toThrow(UnknownInExpression);
    expect(() => expandTask(task({ params: { a: '{{ docker }}' } }), names)).toThrow(UnknownInExpression);
  });
});

describe('a loop', () => {
  it('asks `when` for every element, after the loop was evaluated', () => {
    const one = task({
      loop: '{{ tunnels }}',
      when: ['item.up'],
      params: { name: '{{ item.name }}' },
      name: 'Port {{ item.name }}',
    });
    const skipped = {
      task: one,
      name: 'Port b',
      params: null,
      skipped: 'when',
      item: { name: 'b', up: false },
      label: 'b',
    };
    expect(expandTask(one, names)).toEqual([
      { task: one, name: 'Port a', params: { name: 'a' }, item: { name: 'a', up: true }, label: 'a' },
      skipped,
    ]);
  });

  it('may be written out, with templates and any name for its variable', () => {
    const one = task({
      loop: ['{{ tunnels[1].name }}', 2, { x: [1] }],
      loopVar: 'it',
      params: '{{ it }}',
      vars: { item: 'free' },
    });
    expect(expandTask(one, names).map(({ params, label }) => [params, label])).toEqual([
      ['b', 'b'],
      [2, '2'],
      [{ x: [1] }, '3.'],
    ]);
  });

  it('sees its variable in the variables of the task', () => {
    const one = task({ loop: [1, 2], vars: { twice: '{{ item * 2 }}' }, params: '{{ twice }}' });
    expect(expandTask(one, names).map(({ params }) => params)).toEqual([2, 4]);
  });

  it('over nothing is nothing', () => {
    expect(expandTask(task({ loop: [], when: ['nowhere'] }), names)).toEqual([]);
  });

  it('without a value is skipped by a condition that is false anyway, and an error else', () => {
    const one = task({ loop: '{{ nowhere }}', when: ['false'] });
    expect(expandTask(one, names)).toEqual([{ task: one, name: 'A task', params: null, skipped: 'when' }]);
    expect(() => expandTask({ ...one, when: ['item.up'] }, names)).toThrow('`nowhere` is not defined');
    expect(() => expandTask(task({ loop: '{{ docker.containers }}' }), names)).toThrow(UnknownInExpression);
  });

  it.each<[string, string]>([
    ['{{ tunnels[0] }}', '`loop` wants a list, and this is a map'],
    ["{{ 'a,b' }}", '`loop` wants a list, and this is a text'],
    ['{{ none }}', '`loop` wants a list, and this is none'],
  ])('over %s is an error', (loop, problem) => {
    expect(() => expandTask(task({ loop }), names)).toThrow(TemplateError);
    expect(() => expandTask(task({ loop }), names)).toThrow(problem);
  });
});

describe('what can be foreseen without facts', () => {
  it('is evaluated, the rest stays as it is written', () => {
    expect(
      evaluatePartly({ a: '{{ x }}', b: ['{{ docker.v }}', 'c{{ nope }}', 1] }, scopeFor({ play: { x: [1] } })),
    ).toEqual({
      a: [1],
      b: ['{{ docker.v }}', 'c{{ nope }}', 1],
    });
  });

  it('follows loops and conditions as far as they have an answer', () => {
    expect(foreseeTask(task({ loop: '{{ tunnels }}', when: ['item.up'], params: '{{ item.name }}' }), names)).toEqual([
      'a',
    ]);
    expect(foreseeTask(task({ loop: '{{ docker.x }}', params: { a: '{{ item }}' } }), names)).toEqual([
      { a: '{{ item }}' },
    ]);
    expect(foreseeTask(task({ when: ['docker.running'], params: 'p' }), names)).toEqual(['p']);
    expect(foreseeTask(task({ when: ['false'], params: 'p' }), names)).toEqual([]);
  });
});
