import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

let folder = '';
let entry = '';
/** Bytes of code that a start loads before any command runs, by file of `src` or package. */
let loaded: ReadonlyMap<string, number> = new Map();

// The bundle as the package has it, but in a folder of its own: no other test's build is in the way.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-cli-'));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  const { metafile } = await build({
    entryPoints: { mesh: 'src/cli/main.ts' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['ssh2'],
    metafile: true,
    define: { 'process.env.MESH_VERSION': '"1.2.3"' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  entry = join(folder, 'mesh.mjs');
  const outputs = new Map(Object.entries(metafile.outputs));
  const start = [...outputs.keys()].find((file) => file.endsWith('/mesh.mjs'));
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { path, kind } of outputs.get(file)?.imports ?? []) if (kind === 'import-statement') visit(path);
  };
  if (start) visit(start);
  loaded = new Map(
    [...seen].flatMap((file) =>
      Object.entries(outputs.get(file)?.inputs ?? {}).map(
        ([name, { bytesInOutput }]) => [name, bytesInOutput] as const,
      ),
    ),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function mesh(...words: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [entry, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
  });
  return { stdout, stderr, status };
}

const commands = createProgram().commands.flatMap((one) => [
  [one.name()],
  ...one.commands.map((below) => [one.name(), below.name()]),
]);

describe('help', () => {
  it.each([[[]], ...commands.map((words) => [words])])('of mesh %j fits 80 columns', (words: readonly string[]) => {
    const program = createProgram();
    const command = words.reduce((at, word) => at.commands.find((one) => one.name() === word) ?? at, program);
    let text = '';
    command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
    command.outputHelp();
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(text).toContain(`Usage: ${['mesh', ...words].join(' ')}`);
  });

  it.each(['', 'plan', 'deploy', 'verify', 'teardown', 'run', 'inventory', 'facts', 'exec', 'lab'])(
    'of mesh %s begins with examples that are commands of mesh',
    (name) => {
      const { stdout, status } = mesh(...(name === '' ? [] : [name]), '--help');
      expect(status).toBe(0);
      const [first = '', ...rest] = stdout.split('\n');
      expect(first).toBe('Examples:');
      const examples = rest.slice(0, rest.indexOf(''));
      expect(examples.length).toBeGreaterThan(1);
      const known = new Set(commands.map(([word]) => word));
      for (const example of examples) expect(known).toContain(/^ {2}mesh (\w+)/.exec(example)?.[1]);
    },
  );

  it('says the version, and the help of one command by either way', () => {
    expect(mesh('--version')).toMatchObject({ stdout: '1.2.3\n', status: 0 });
    expect(mesh('help', 'deploy').stdout).toBe(mesh('deploy', '--help').stdout);
    expect(mesh()).toMatchObject({ status: 2, stderr: expect.stringContaining('Examples:') });
  });

  it('loads the commands and their parser, and nothing of what they do', () => {
    const outside = [...loaded.keys()].filter(
      (name) => !/^(src\/cli\/|src\/errors\.ts$|node_modules\/commander\/)/.test(name),
    );
    expect(outside).toEqual([]);
    expect(loaded.size).toBeLessThan(30);
    expect([...loaded.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(200_000);
  });
});

describe('wrong words', () => {
  it.each([
    [['deply'], "unknown command 'deply'\n  fix: did you mean deploy? else see: mesh --help\n"],
    [['tear'], "unknown command 'tear'\n  fix: did you mean teardown? else see: mesh --help\n"],
    [['help', 'deply'], "unknown command 'deply'\n  fix: did you mean deploy? else see: mesh --help\n"],
    [['zzz'], "unknown command 'zzz'\n  fix: see: mesh --help\n"],
    [['lab', 'stat'], "unknown command 'stat'\n  fix: did you mean status? else see: mesh lab --help\n"],
    [['deploy', '--limt', 'x'], "unknown option '--limt'\n  fix: did you mean --limit? else see: mesh deploy --help\n"],
    [['exec', 'all'], "missing required argument 'command'\n  fix: see: mesh exec --help\n"],
    [
      ['deploy', 'a', 'b'],
      "too many arguments for 'deploy'. Expected 1 argument but got 2\n  fix: see: mesh deploy --help\n",
    ],
    [['plan', '-f', '0'], /^option '-f, --forks <n>' argument '0' is invalid\. It must be a whole number, 1 or more\n/],
    [['plan', '--output', 'xml'], /Allowed choices are text, jsonl\n {2}fix: see: mesh plan --help\n$/],
  ])('%j', (words, message) => {
    const { stdout, stderr, status } = mesh(...words);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    if (typeof message === 'string') expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });
});

describe('wrong files', () => {
  it('says what to do without an inventory', () => {
    for (const words of [['plan'], ['deploy', '-y'], ['facts'], ['inventory']]) {
      const { stderr, status } = mesh(...words);
      expect(status).toBe(2);
      expect(stderr).toMatch(/^there is no file inventory\.yml\n {2}fix: .*mesh lab up\n$/);
    }
  });

  it('takes a limit that leaves no host for a mistake, not for a mesh that is as it should be', async () => {
    await writeFile(join(folder, 'two.yml'), 'all: { hosts: { a: { ansible_host: 192.168.199.41 } } }\n');
    expect(mesh('plan', 'two.yml', '--limit', 'a:!a')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'the limit "a:!a" leaves no host\n  fix: see which groups have which hosts: mesh inventory --graph\n',
    });
    await rm(join(folder, 'two.yml'));
  });

  it('names the playbook that is not there', async () => {
    await writeFile(join(folder, 'one.yml'), 'all: { hosts: { a: { ansible_host: 192.168.199.41 } } }\n');
    const { stderr, status } = mesh('run', 'no.yml', '-i', 'one.yml');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^there is no playbook no\.yml\n {2}fix: name one that exists/);
    await rm(join(folder, 'one.yml'));
  });
});
