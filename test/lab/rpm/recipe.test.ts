import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { rpmFiles } from '../../../src/lab/rpm/files.js';
import { mirrorScript } from '../../../src/lab/rpm/mirror.js';
import {
  becomeRpmScript,
  fetchHook,
  installFetchedScript,
  rpmPackages,
  rpmRecipeKey,
  tarballScript,
} from '../../../src/lab/rpm/recipe.js';
import { hidden, installedStubs, offeredStubs, sonamesScript, stubSpec } from '../../../src/lab/rpm/stubs.js';

const syntaxOf = (script: string) => execFileSync('sh', ['-n'], { input: script, stdio: ['pipe', 'pipe', 'pipe'] });

describe('scripts', () => {
  it.each([
    ['fetchHook', fetchHook('/a b/status', "/a b/it's")],
    ['installFetchedScript', installFetchedScript],
    ['becomeRpmScript', becomeRpmScript],
    ['tarballScript', tarballScript],
    ['mirrorScript', mirrorScript],
    ['sonamesScript', sonamesScript],
  ])('%s is a POSIX-sh program', (_, text) => {
    expect(() => syntaxOf(text)).not.toThrow();
  });
});

describe('the packages of an RPM host', () => {
  it('have no Open vSwitch among them: mesh builds it there', () => {
    expect(rpmPackages.filter((name) => name.startsWith('openvswitch'))).toEqual([]);
  });

  it('say a family as RHEL’s rebuilds do', () => {
    const release = rpmFiles().find(({ path }) => path === '/usr/lib/os-release')?.text;
    expect(release).toMatch(/^ID_LIKE="rhel fedora"$/m);
    expect(release).toMatch(/^VERSION_ID="9/m);
  });

  it('have a key that is the same each time and can be part of a folder’s name', () => {
    expect(rpmRecipeKey()).toBe(rpmRecipeKey());
    expect(rpmRecipeKey()).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('stubs', () => {
  it('have one name each', () => {
    const names = [...installedStubs, ...offeredStubs].map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  it('bring back every program that a fresh host lacks', () => {
    const links = offeredStubs.flatMap((stub) => Object.keys(stub.links ?? {}));
    for (const name of [...hidden.programs, ...hidden.links]) expect(links).toContain(`/usr/bin/${name}`);
  });

  it('offer what the spec of Open vSwitch asks for, installed or to be installed', () => {
    const offered = [...installedStubs, ...offeredStubs].flatMap(({ name, provides = [], links = {} }) => [
      name,
      ...provides.map((provide) => provide.split(' ')[0]),
      ...Object.keys(links),
    ]);
    const asked =
      'gcc gcc-c++ autoconf automake libtool systemd-units openssl openssl-devel python3-devel desktop-file-utils groff ' +
      'graphviz checkpolicy selinux-policy-devel /usr/bin/sphinx-build-3 procps-ng libcap-ng libcap-ng-devel unbound ' +
      'unbound-devel hostname iproute module-init-tools shadow-utils /bin/sed rpm-build make';
    for (const name of asked.split(' ')) expect(offered).toContain(name);
  });

  it('are one section of a spec each, with their files', () => {
    const spec = stubSpec([{ name: 'make', provides: ['/usr/bin/gmake'], links: { '/usr/bin/make': '/hidden/make' } }]);
    expect(spec).toContain('%package -n make\n');
    expect(spec).toContain('Provides: /usr/bin/gmake\n');
    expect(spec).toContain('%files -n make\n/usr/bin/make\n');
    expect(spec).toContain(`ln -s '/hidden/make' "%{buildroot}/usr/bin/make"`);
  });
});
