import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { filters, tests } from '../../src/playbook/expression/names.js';
import { playKeywords, taskKeywords } from '../../src/playbook/keywords.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { reservedNames } from '../../src/playbook/scope.js';
import { resources } from '../../src/resources/index.js';

const page = readFileSync('docs/playbooks.md', 'utf8');

describe('docs/playbooks.md', () => {
  it.each([...Object.keys(filters), ...Object.keys(tests), ...playKeywords, ...taskKeywords, ...reservedNames])(
    'names %s',
    (word) => {
      expect(page).toMatch(new RegExp(`\`${word}\\b`));
    },
  );

  it('has an example that reads without a fault', () => {
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    const [play] = parsePlaybook(example, 'docs/playbooks.md', [...resources.keys()]).plays;
    expect(play?.tasks.map((task) => task.notify)).toEqual([['Restart the shop']]);
  });
});
