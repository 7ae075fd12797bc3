import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recipeFor } from '../../src/network/openvswitch/recipe.js';
import { fetchSource } from '../../src/resources/rpm-build/commands.js';
import { rpmBuild } from '../../src/resources/rpm-build.js';
import { settings } from '../network/members.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const platform = { release: 'el9', architecture: 'x86_64', name: 'el9-x86_64' };
const nothingKnown = { sources: {}, builds: {}, laptop: new Map() };
const recipe = recipeFor({ ...settings, ovsVersion: '3.1.0' }, platform, nothingKnown);
const tarball = { path: '/home/me/ovs.tgz', size: 7_892_378, sha256: 'a'.repeat(64) };
const fromLaptop = recipeFor({ ...settings, ovsVersion: '3.1.0', ovsUrl: 'ovs.tgz' }, platform, {
  ...nothingKnown,
  laptop: new Map([['ovs.tgz', tarball]]),
});

describe('rpm_build', () => {
  it('takes what the network works out', () => {
    expect(complaints(rpmBuild, { build: recipe })).toEqual([]);
    expect(complaints(rpmBuild, { build: fromLaptop })).toEqual([]);
    expect(complaints(rpmBuild, {})).toEqual(['is needed: one of `mesh.ovs.builds`']);
    expect(complaints(rpmBuild, { build: { ...recipe, key: '../../etc' } })[0]).toContain('16 hexadecimal digits');
    expect(complaints(rpmBuild, { build: { ...recipe, version: '3.1.0; reboot' } })[0]).toContain('release');
    expect(complaints(rpmBuild, { build: { ...recipe, spec: '../x' } })[0]).toContain('path within the source');
  });

  it('fetches, installs what the spec asks for, builds, and keeps the RPMs', () => {
    const changes = changesOf(plan(rpmBuild, { build: recipe }, hostFacts()));
    expect(changes.map(({ sentence }) => sentence)).toEqual([
      'fetch the source of Open vSwitch 3.1.0 from https://www.openvswitch.org/releases/openvswitch-3.1.0.tar.gz',
      'install what building it needs, as its spec says',
      `build Open vSwitch 3.1.0 (rpmbuild rhel/openvswitch-fedora.spec, log in /var/lib/mesh/builds/${recipe.key}/log)`,
      `keep the RPMs in /var/lib/mesh/builds/${recipe.key}/RPMS`,
    ]);
    expect(changes.flatMap(({ needs }) => needs ?? [])).toEqual([]);
    for (const { command } of changes) expect(command).toMatchSnapshot();
    expect(syntaxErrors(changes.flatMap(shellTexts))).toBe('');
  });

  it('has a source of the laptop brought', () => {
    const [check] = changesOf(plan(rpmBuild, { build: fromLaptop }, hostFacts()));
    expect(check?.needs).toEqual([
      {
        path: `/var/lib/mesh/builds/${fromLaptop.key}/source/openvswitch-3.1.0.tar.gz`,
        size: tarball.size,
        sha256: tarball.sha256,
        from: { laptop: tarball.path },
      },
    ]);
    expect(check?.command).not.toContain('curl');
  });

  it('does nothing for a build that is finished, and goes on with one that was begun', () => {
    const facts = hostFacts();
    expect(
      changesOf(plan(rpmBuild, { build: recipe }, applied(plan(rpmBuild, { build: recipe }, facts), facts))),
    ).toEqual([]);
    const begun = known({ openvswitch: null, selinux: false, builds: { [recipe.key]: { source: null, files: null } } });
    expect(changesOf(plan(rpmBuild, { build: recipe }, hostFacts({ packaging: begun })))).toHaveLength(4);
    expect(plan(rpmBuild, { build: recipe }, hostFacts({ packaging: unknown })).kind).toBe('unknown');
  });

  it('takes away what was installed to build, and keeps what was built unless asked', () => {
    const start = hostFacts();
    const facts = applied(plan(rpmBuild, { build: recipe }, start), start);
    const changes = changesOf(plan(rpmBuild, { state: 'former' }, facts));
    expect(changes.map(({ sentence }) => sentence)).toEqual(['remove what was installed to build Open vSwitch']);
    expect(syntaxErrors(changes.flatMap(shellTexts))).toBe('');
    expect(
      changesOf(plan(rpmBuild, { state: 'former' }, applied(plan(rpmBuild, { state: 'former' }, facts), facts))),
    ).toEqual([]);
    const all = changesOf(plan(rpmBuild, { state: 'former', cache: 'remove' }, facts));
    expect(all.at(-1)?.command).toBe('rm -rf /var/lib/mesh/builds /var/lib/mesh/packages');
    expect(changesOf(plan(rpmBuild, { state: 'former', cache: 'remove' }, start))).toEqual([]);
  });
});

describe('the source', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mesh-source-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A source as the laptop would bring it, checked by the step's own command in a folder of the test. */
  function check(make: (file: string) => void, sha256: string | null = null) {
    const command = fetchSource({ ...fromLaptop, sha256, options: [], requires: [] }).replaceAll(
      '/var/lib/mesh',
      folder,
    );
    const build = join(folder, 'builds', fromLaptop.key);
    mkdirSync(join(build, 'source'), { recursive: true });
    make(join(build, 'source/openvswitch-3.1.0.tar.gz'));
    const { status, stdout, stderr } = spawnSync('sh', ['-c', `set -e\n${command}`], { encoding: 'utf8' });
    return { status, stdout, stderr, build };
  }

  function tar(file: string, top: string, spec = 'rhel/openvswitch-fedora.spec') {
    mkdirSync(join(folder, top, 'rhel'), { recursive: true });
    writeFileSync(join(folder, top, spec), 'Name: openvswitch\n');
    spawnSync('tar', ['-czf', file, '-C', folder, top]);
  }

  it('is taken with its spec, and its checksum is noted', () => {
    const { status, stdout, build } = check((file) => tar(file, 'openvswitch-3.1.0'));
    expect(status).toBe(0);
    expect(readFileSync(join(build, 'openvswitch.spec'), 'utf8')).toBe('Name: openvswitch\n');
    const noted = readFileSync(join(build, 'source.sha256'), 'utf8');
    expect(noted).toMatch(/^[0-9a-f]{64} {2}source\/openvswitch-3\.1\.0\.tar\.gz\n$/);
    expect(stdout).toBe(`sha256 ${noted.slice(0, 64)}\n`);
  });

  it('is refused with both checksums where it is another one', () => {
    const { status, stderr } = check((file) => tar(file, 'openvswitch-3.1.0'), 'b'.repeat(64));
    expect(status).toBe(1);
    expect(stderr).toMatch(/has the sha256 [0-9a-f]{64}\nand b{64} was expected/);
  });

  it('is refused where it is cut, empty, a page of a portal, or another release', () => {
    const cut = (file: string) => {
      tar(file, 'openvswitch-3.1.0');
      const whole = readFileSync(file);
      writeFileSync(file, whole.subarray(0, whole.length / 2));
    };
    expect(check(cut).stderr).toContain('is no complete tarball');
    expect(check((file) => writeFileSync(file, '')).stderr).toContain('is no complete tarball (0 bytes)');
    expect(check((file) => writeFileSync(file, '<html>')).stderr).toContain('is no complete tarball');
    const other = check((file) => tar(file, 'openvswitch-2.17.0'));
    expect(other.stderr).toContain('is it the release 3.1.0? It begins with: openvswitch-2.17.0/');
    expect(other.status).toBe(1);
    expect(check((file) => rmSync(file)).stderr).toContain('was not brought here');
  });
});
