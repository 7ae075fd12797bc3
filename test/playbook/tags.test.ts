import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { selectTasks, tagsOf } from '../../src/playbook/tags.js';

const playbook = parsePlaybook(
  `- hosts: all
  tasks:
    - { name: none, file: {} }
    - { name: a, file: {}, tags: a }
    - { name: ab, file: {}, tags: [a, b] }
    - { name: always, file: {}, tags: always }
    - { name: never, file: {}, tags: [never, c] }
  handlers:
    - { name: h, file: {}, tags: b }
- hosts: all
  tags: b
  tasks:
    - { name: of-play, file: {} }
`,
  'p.yml',
  ['file'],
);

const select = (tags: readonly string[], skipTags: readonly string[] = []) =>
  selectTasks(playbook, { tags, skipTags }).plays.flatMap((play) => play.tasks.map((task) => task.name));

describe('tags', () => {
  it.each<[readonly string[], readonly string[], readonly string[]]>([
    [[], [], ['none', 'a', 'ab', 'always', 'of-play']],
    [['all'], [], ['none', 'a', 'ab', 'always', 'of-play']],
    [['a'], [], ['a', 'ab', 'always']],
    [['b'], [], ['ab', 'always', 'of-play']],
    [['a'], ['b'], ['a', 'always']],
    [['c'], [], ['always', 'never']],
    [['never'], [], ['always', 'never']],
    [['tagged'], [], ['a', 'ab', 'always', 'of-play']],
    [['untagged'], [], ['none', 'always']],
    [[], ['a'], ['none', 'always', 'of-play']],
    [[], ['always'], ['none', 'a', 'ab', 'of-play']],
    [[], ['all'], ['always']],
    [[], ['all', 'always'], []],
    [[], ['tagged'], ['none']],
    [['a'], ['always'], ['a', 'ab']],
  ])('--tags %j --skip-tags %j', (tags, skipTags, names) => {
    expect(select(tags, skipTags)).toEqual(names);
  });

  it('leave handlers alone', () => {
    expect(selectTasks(playbook, { tags: ['a'], skipTags: ['b'] }).plays[0]?.handlers.map(({ name }) => name)).toEqual([
      'h',
    ]);
  });

  it('are listed', () => {
    expect(tagsOf(playbook)).toEqual(['a', 'always', 'b', 'c', 'never']);
  });

  it('that no task has are an error', () => {
    expect(() => select(['alway'])).toThrow(
      new InputError([{ message: 'no task of p.yml has the tag alway', fix: 'did you mean always?' }]),
    );
    expect(() => select(['a'], ['zzzzzz'])).toThrow('there are: a, always, b, c, never');
  });
});
