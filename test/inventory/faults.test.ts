import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateSetting } from '../../src/cli/evaluate-setting.js';
import { InputError, renderFault } from '../../src/errors.js';
import { loadInventory } from '../../src/inventory/load.js';
import { readCases } from './cases.js';
import { writeFiles } from './write.js';

/** What a person reads about an inventory, the test's own directory left out. */
async function told(directory: string, file = 'inventory.yml', limit?: string): Promise<string> {
  const options = { evaluate: evaluateSetting, env: {}, ...(limit === undefined ? {} : { limit }) };
  const read = async () => {
    try {
      const { warnings } = await loadInventory(join(directory, file), options);
      return warnings.map((warning) => `warning: ${renderFault(warning)}`).join('\n\n');
    } catch (error) {
      if (error instanceof InputError) return error.message;
      throw error;
    }
  };
  return (await read()).replaceAll(`${directory}/`, '').replaceAll(directory, '.');
}

describe.each(['yaml.txt', 'shape.txt', 'variables.txt', 'mesh.txt'])('%s', (file) => {
  it.each(readCases(file))('$name', async ({ files, says }) => {
    expect(await told(writeFiles(files))).toBe(says);
  });
});

describe('what is not there, or no file of YAML', () => {
  const two = { 'inventory.yml': 'all:\n  hosts:\n    docker41:\n    docker42:\n' };
  const name =
    'name an inventory: `mesh deploy FILE`, `-i FILE` or $MESH_INVENTORY; to try it on this machine: mesh lab up';

  it.each<[string, { readonly [path: string]: string | Uint8Array }, string, string]>([
    ['nothing is there', {}, 'inventory.yml', `there is no file inventory.yml\n  fix: ${name}`],
    ['no directory is there', {}, 'a/b/hosts.yml', `there is no file a/b/hosts.yml\n  fix: ${name}`],
    [
      'the directory is missing',
      {},
      'a/hosts.yml',
      'there is no file a/hosts.yml\n  fix: there is no directory a either',
    ],
    ['a name misspelt', two, 'inventroy.yml', 'there is no file inventroy.yml\n  fix: did you mean inventory.yml?'],
    ['another extension', two, 'inventory.yaml', 'there is no file inventory.yaml\n  fix: did you mean inventory.yml?'],
    ['another name', two, 'lab', 'there is no file lab\n  fix: YAML files there: inventory.yml'],
    [
      'a directory with an inventory',
      { 'prod/hosts.yml': '' },
      'prod',
      'prod is a directory\n  fix: YAML files there: hosts.yml',
    ],
    [
      'a directory with the usual name',
      { 'prod/inventory.yml': '' },
      'prod',
      'prod is a directory\n  fix: did you mean prod/inventory.yml?',
    ],
    ['a directory without one', { 'prod/x': '' }, 'prod', 'prod is a directory\n  fix: name the YAML file in it'],
    [
      'UTF-16',
      { 'inventory.yml': Buffer.from('\ufeffall:\n', 'utf16le') },
      'inventory.yml',
      'inventory.yml:1:1: this is UTF-16, and YAML for Ansible is UTF-8\n  fix: save it as UTF-8',
    ],
    [
      'a program',
      { 'inventory.yml': Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1) },
      'inventory.yml',
      'inventory.yml:1:1: this is not a text file\n  fix: name a file in YAML',
    ],
    [
      'Latin-1',
      { 'inventory.yml': Buffer.from('all:\n  vars: {town: K\u00f6ln}\n', 'latin1') },
      'inventory.yml',
      'inventory.yml:2:17: this is not UTF-8\n  1 | all:\n  2 |   vars: {town: K\ufffdln}\n    |                 ^\n  fix: save the file as UTF-8',
    ],
    [
      'Latin-1 beside the inventory',
      { ...two, 'group_vars/all.yml': Buffer.from('town: K\u00f6ln\n', 'latin1') },
      'inventory.yml',
      'group_vars/all.yml:1:8: this is not UTF-8\n  1 | town: K\ufffdln\n    |        ^\n  fix: save the file as UTF-8',
    ],
  ])('%s', async (_, files, file, says) => {
    expect(await told(writeFiles(files), file)).toBe(says);
  });

  it('a file that nobody can open', async () => {
    const directory = writeFiles({});
    symlinkSync('inventory.yml', join(directory, 'inventory.yml'));
    expect(await told(directory)).toMatch(/^inventory.yml cannot be read: ELOOP.*\n {2}fix: make it readable for you$/);
  });

  it('a file of variables that nobody can open', async () => {
    const directory = writeFiles(two);
    mkdirSync(join(directory, 'group_vars'));
    symlinkSync('all.yml', join(directory, 'group_vars/all.yml'));
    expect(await told(directory)).toBe(
      'group_vars/all.yml:1:1: cannot be read: ELOOP\n  fix: make the file readable for you',
    );
  });

  it.each([
    ['dokcer41', 'there is no host or group "dokcer41"\n  fix: did you mean "docker41"?'],
    ['web', 'there is no host or group "web"\n  fix: the names are docker41, docker42, all, ungrouped'],
    ['docker41:!web', 'there is no host or group "web"\n  fix: the names are docker41, docker42, all, ungrouped'],
    [
      'web*',
      'the pattern "web*" matches no host and no group\n  fix: the names are docker41, docker42, all, ungrouped',
    ],
    [
      'docker41:&docker42',
      'the limit "docker41:&docker42" leaves no host\n  fix: see which groups have which hosts: mesh inventory --graph',
    ],
    ['!all', 'the limit "!all" leaves no host\n  fix: see which groups have which hosts: mesh inventory --graph'],
    [
      '',
      'the pattern "" names nothing\n  fix: name hosts or groups, such as docker41,docker42; "all" stands for every host',
    ],
    [
      'docker[41:42]',
      '"docker[41:42]" is no range of names here: in a pattern, brackets count the hosts of a group\n  fix: write docker41,docker42',
    ],
    ['all[2]', '"all[2]": "all" has no host at that place\n  fix: it has 2, so the subscripts go from [0] to [1]'],
    [
      '~dock(er',
      '"~dock(er" is no regular expression\n  fix: close its brackets, and write \\ before special characters',
    ],
    [
      '@hosts.txt',
      '"@hosts.txt": a pattern cannot be read from a file\n  fix: write the names: --limit docker41,docker42',
    ],
    ['all:!', 'a part of the pattern is empty\n  fix: write a name after ! and &'],
  ])('--limit %j', async (limit, says) => {
    expect(await told(writeFiles(two), 'inventory.yml', limit)).toBe(says);
  });
});
