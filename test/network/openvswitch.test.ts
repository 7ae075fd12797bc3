import { describe, expect, it } from 'vitest';
import type { BuildOnHost, PackagingFacts, SystemFacts } from '../../src/facts/types.js';
import { EMPTY_LOCK } from '../../src/inventory/lock.js';
import type { MeshSettings } from '../../src/inventory/types.js';
import { lockWithBuilds } from '../../src/network/openvswitch/lock.js';
import { openvSwitchOrigins } from '../../src/network/openvswitch/origin.js';
import { filesOf, recipeFor } from '../../src/network/openvswitch/recipe.js';
import { compareVersions, DEFAULT_VERSION, specFor, upstreamVersion } from '../../src/network/openvswitch/release.js';
import type { LaptopFile, OvsKnowledge } from '../../src/network/openvswitch/types.js';
import { type MemberOptions, member } from './members.js';

const ROCKY: Partial<SystemFacts> = {
  osId: 'rocky',
  osLike: ['rhel', 'centos', 'fedora'],
  osVersion: '9.4',
  osName: 'Rocky Linux 9.4',
  packageFormat: 'rpm',
  memoryBytes: 2 ** 31,
  diskFreeBytes: 20 * 2 ** 30,
};
const sha = (digit: string) => digit.repeat(64);
const knows = (known: Partial<OvsKnowledge> = {}): OvsKnowledge => ({
  sources: {},
  builds: {},
  laptop: new Map(),
  ...known,
});

interface RpmOptions extends MemberOptions {
  /** What is installed, with its release. */
  readonly version?: string;
  readonly owner?: string | null;
  readonly builds?: Readonly<Record<string, BuildOnHost>>;
  readonly selinux?: boolean;
}

/** A host like RHEL 9, without Open vSwitch unless a version is given. */
function rpm({ version, owner = 'openvswitch', builds = {}, selinux = false, ...options }: RpmOptions = {}) {
  const installed = version !== undefined;
  const packaging: PackagingFacts = {
    openvswitch: installed && owner !== null ? { name: owner, version } : null,
    selinux,
    builds,
  };
  return member({
    ...options,
    system: { ...ROCKY, ...options.system },
    facts: {
      openvswitch: {
        known: true,
        value: { installed, running: installed, version: installed ? upstreamVersion(version) : null, bridges: [] },
      },
      packaging: { known: true, value: packaging },
      ...options.facts,
    },
  });
}

const mesh = (settings: Partial<MeshSettings>) => ({ mesh: settings });
const three = (options: RpmOptions) => [41, 42, 43].map((number) => rpm({ ...options, number }));

describe('versions', () => {
  it('compare by their numbers', () => {
    expect(compareVersions('2.10.0', '2.9.3')).toBeGreaterThan(0);
    expect(compareVersions('3.1', '3.1.0')).toBe(0);
    expect(compareVersions('1:2.4.0-1.el7', '2.7.0')).toBeLessThan(0);
    expect(upstreamVersion('1:3.1.0-1.el9')).toBe('3.1.0');
  });

  it('decide which spec builds them', () => {
    const el7 = { release: 'el7', architecture: 'x86_64', name: 'el7-x86_64' };
    expect(specFor('2.4.0', el7).spec).toBe('rhel/openvswitch.spec');
    expect(specFor('2.17.9', el7).spec).toBe('rhel/openvswitch-fedora.spec');
    expect(specFor('3.3.4', el7).options).toEqual(['--without', 'check', '--without', 'dpdk', '--without', 'afxdp']);
  });
});

describe('where Open vSwitch comes from', () => {
  it.each([
    [
      'a Debian host without it',
      member({ facts: { openvswitch: gone() } }),
      'distro: openvswitch-switch from its own repositories',
    ],
    ['a Debian host with it', member(), 'installed: Open vSwitch 3.1.0 is installed'],
    ['an RPM host without it', rpm(), `build: it has none; ${DEFAULT_VERSION} is built here for el9-x86_64`],
    ['an RPM host with any', rpm({ version: '2.17.0-1.el9' }), 'installed: Open vSwitch 2.17.0 is installed'],
    [
      'one with the version that is wanted',
      rpm({ version: '3.1.0-1.el9', ...mesh({ ovsVersion: '3.1.0' }) }),
      'installed: Open vSwitch 3.1.0 is installed',
    ],
    [
      'one with an older one',
      rpm({ version: '2.17.0-1.el9', ...mesh({ ovsVersion: '3.1.0' }) }),
      'build: it has 2.17.0; 3.1.0 is built here for el9-x86_64',
    ],
    [
      'auto with a newer one',
      rpm({ version: '3.3.4-1.el9', ...mesh({ ovsVersion: '3.1.0' }) }),
      'installed: Open vSwitch 3.3.4 is installed',
    ],
    [
      'distro on RHEL 9',
      rpm(mesh({ ovsSource: 'distro' })),
      "distro: openvswitch3.3 from the CentOS NFV SIG's repository, which mesh adds (centos-release-nfv-openvswitch)",
    ],
    [
      'distro on Fedora',
      rpm({ system: { osId: 'fedora', osLike: [], osVersion: '40' }, ...mesh({ ovsSource: 'distro' }) }),
      "distro: openvswitch from Fedora's repositories",
    ],
  ])('%s', (_name, one, expected) => {
    const { origins, findings } = openvSwitchOrigins([one]);
    const origin = origins.get('docker41');
    expect(`${origin?.source}: ${origin?.why}`).toBe(expected);
    expect(findings.filter(({ severity }) => severity === 'refuse')).toEqual([]);
  });

  it.each([
    [
      'a build on Debian',
      member({ facts: { openvswitch: gone() }, ...mesh({ ovsSource: 'build' }) }),
      /mesh builds RPMs, and this is Debian/,
    ],
    [
      'a downgrade',
      rpm({ version: '3.3.4-1.el9', ...mesh({ ovsSource: 'build', ovsVersion: '3.1.0' }) }),
      /3\.3\.4 is installed, and 3\.1\.0 is older/,
    ],
    [
      'what somebody installed by hand',
      rpm({ version: '2.17.0', owner: null, ...mesh({ ovsVersion: '3.1.0' }) }),
      /belongs to no package/,
    ],
    [
      "another package's Open vSwitch",
      rpm({ version: '2.17.0-1.el9', owner: 'openvswitch2.17', ...mesh({ ovsVersion: '3.1.0' }) }),
      /is the package openvswitch2\.17/,
    ],
    [
      'a builder that nobody knows',
      rpm(mesh({ builder: 'docker99' })),
      /mesh_builder is docker99, which is no host of the mesh/,
    ],
    ['too little disk', rpm({ system: { diskFreeBytes: 2 ** 29 } }), /built on docker41, which has 0\.5 GiB free/],
    ['too little memory', rpm({ system: { memoryBytes: 2 ** 28 } }), /has 0\.3 GiB of memory/],
    ['no file for it', rpm(mesh({ ovsSource: 'file' })), /names no RPM of openvswitch for x86_64/],
    [
      'a system that nobody packages for',
      member({ facts: { openvswitch: gone() }, system: { packageFormat: 'unknown', osName: 'Alpine Linux' } }),
      /systems like RHEL and Fedora only \(this is Alpine Linux\)/,
    ],
  ])('is refused: %s', (_name, one, sentence) => {
    const { origins, findings } = openvSwitchOrigins([one]);
    expect(findings).toEqual([expect.objectContaining({ host: 'docker41', severity: 'refuse' })]);
    expect(findings[0]?.sentence).toMatch(sentence);
    expect(findings[0]?.fix).not.toBe('');
    expect(origins.get('docker41')?.source).toBe('none');
  });

  it('goes back to an older one where that is wanted', () => {
    const settings = { ovsSource: 'build', ovsVersion: '3.1.0', ovsDowngrade: true } as const;
    const { origins } = openvSwitchOrigins([rpm({ version: '3.3.4-1.el9', mesh: settings })]);
    expect(origins.get('docker41')).toMatchObject({ source: 'build', downgrade: true });
  });

  it('finds that more than two hosts need protected ports', () => {
    const old = (count: number) => [41, 42, 43].slice(0, count).map((number) => rpm({ number, version: '2.4.0-1' }));
    expect(openvSwitchOrigins(old(2)).findings).toEqual([]);
    const { findings } = openvSwitchOrigins(old(3));
    expect(findings.map(({ code }) => code)).toEqual(['ovs-too-old', 'ovs-too-old', 'ovs-too-old']);
    expect(findings[0]?.sentence).toContain('2.4.0 has no protected ports');
    expect(findings[0]?.fix).toContain('mesh_ovs_source: build');
    const wanted = openvSwitchOrigins(three(mesh({ ovsVersion: '2.4.0' })));
    expect(wanted.findings.map(({ code }) => code)).toEqual(['ovs-too-old', 'ovs-too-old', 'ovs-too-old']);
  });
});

describe('builders', () => {
  const builds = (members: ReturnType<typeof three>) =>
    [...openvSwitchOrigins(members).origins].map(
      ([host, { builder, builds: list }]) => `${host}: ${builder} ${list.length}`,
    );

  it('build once for all hosts of a kind', () => {
    expect(builds(three({}))).toEqual(['docker41: docker41 1', 'docker42: docker41 0', 'docker43: docker41 0']);
    expect(builds(three(mesh({ builder: 'docker42' })))).toEqual([
      'docker41: docker42 0',
      'docker42: docker42 1',
      'docker43: docker42 0',
    ]);
  });

  it('are one for every kind of host', () => {
    const [one, two] = three({});
    const arm = rpm({ number: 43, system: { architecture: 'aarch64' } });
    expect(builds([one, two, arm].flatMap((each) => each ?? []))).toEqual([
      'docker41: docker41 1',
      'docker42: docker41 0',
      'docker43: docker43 1',
    ]);
  });

  it('must be of the kind that they build for', () => {
    const arm = rpm({ number: 42, system: { architecture: 'aarch64' } });
    const { findings } = openvSwitchOrigins([rpm(mesh({ builder: 'docker42' })), arm]);
    expect(findings[0]?.sentence).toContain('for el9-x86_64, but mesh_builder is docker42, which is el9-aarch64');
  });

  it('are those that have room, that are here, and that have begun', () => {
    const small = rpm({ number: 41, system: { diskFreeBytes: 1 } });
    const away = rpm({ number: 42, absent: true });
    expect(builds([small, away, rpm({ number: 43 })])).toEqual([
      'docker41: docker43 0',
      'docker42: docker43 0',
      'docker43: docker43 1',
    ]);
    const { key } = recipeFor(small.host.mesh, { release: 'el9', architecture: 'x86_64', name: 'el9-x86_64' }, knows());
    const begun = rpm({ number: 43, builds: { [key]: { source: null, files: null } } });
    expect(builds([rpm(), begun])).toEqual(['docker41: docker43 0', 'docker43: docker43 1']);
  });

  it('do not build what is finished: a new host gets it from who has it', () => {
    const [, recipe] = [...openvSwitchOrigins([rpm()]).origins][0] ?? [];
    const key = recipe?.recipe?.key ?? '';
    const file = `openvswitch-${DEFAULT_VERSION}.x86_64.rpm`;
    const holder = rpm({
      number: 42,
      version: `${DEFAULT_VERSION}-1.el9`,
      builds: { [key]: { source: sha('a'), files: { [file]: sha('b') } } },
    });
    const { origins } = openvSwitchOrigins([rpm(), holder]);
    expect(origins.get('docker41')).toMatchObject({
      source: 'build',
      builder: 'docker42',
      builds: [],
      files: [
        {
          path: `/var/lib/mesh/packages/${key}/${file}`,
          sha256: sha('b'),
          from: { host: 'docker42', path: `/var/lib/mesh/builds/${key}/RPMS/${file}` },
          manifest: `/var/lib/mesh/builds/${key}/manifest`,
        },
      ],
    });
    expect(origins.get('docker42')).toMatchObject({ source: 'installed', builds: [] });
  });

  it('install what they built from where it lies', () => {
    const origin = openvSwitchOrigins([rpm()]).origins.get('docker41');
    expect(origin?.files).toMatchObject([{ from: null, sha256: null }]);
    expect(origin?.files[0]?.path).toBe(
      `/var/lib/mesh/builds/${origin?.recipe?.key}/RPMS/openvswitch-${DEFAULT_VERSION}.x86_64.rpm`,
    );
  });
});

describe('a recipe', () => {
  const platform = { release: 'el9', architecture: 'x86_64', name: 'el9-x86_64' };
  const { mesh: settings } = rpm(mesh({ ovsVersion: '3.1.0' })).host;
  const url = 'https://www.openvswitch.org/releases/openvswitch-3.1.0.tar.gz';

  it('has a key that changes with everything that the result depends on', () => {
    const key = (change: Partial<MeshSettings>, release = 'el9') =>
      recipeFor({ ...settings, ...change }, { ...platform, name: `${release}-x86_64` }, knows()).key;
    const keys = [
      key({}),
      key({ ovsSha256: sha('a') }),
      key({ ovsSha256: sha('b') }),
      key({ ovsVersion: '3.3.4' }),
      key({}, 'el8'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[0-9a-f]{16}$/);
  });

  it('keeps its key once the first build has told the checksum', () => {
    const first = recipeFor(settings, platform, knows());
    expect(first).toMatchObject({ sha256: null, source_name: url, source: { url } });
    const build = { source: sha('a'), files: { 'openvswitch-3.1.0.x86_64.rpm': sha('b') } };
    const lock = lockWithBuilds(EMPTY_LOCK, [{ recipe: first, build }]);
    expect(lock.sources).toEqual({ [url]: sha('a') });
    const second = recipeFor(settings, platform, knows(lock));
    expect(second).toMatchObject({ key: first.key, sha256: sha('a') });
    expect(recipeFor({ ...settings, ovsSha256: sha('c') }, platform, knows(lock)).key).not.toBe(first.key);
  });

  it('is not written down before it is finished', () => {
    const recipe = recipeFor(settings, platform, knows());
    expect(lockWithBuilds(EMPTY_LOCK, [{ recipe, build: { source: sha('a'), files: null } }])).toEqual(EMPTY_LOCK);
  });

  it('takes a source of the laptop, and refuses one that is not the recorded one', () => {
    const file: LaptopFile = { path: '/home/me/ovs.tar.gz', size: 7, sha256: sha('a') };
    const laptop = new Map([['ovs.tar.gz', file]]);
    const recipe = recipeFor({ ...settings, ovsUrl: 'ovs.tar.gz' }, platform, knows({ laptop }));
    expect(recipe).toMatchObject({ source: { laptop: '/home/me/ovs.tar.gz', size: 7 }, sha256: sha('a') });
    const { findings } = openvSwitchOrigins(
      [rpm(mesh({ ovsUrl: 'ovs.tar.gz', ovsSha256: sha('b') }))],
      knows({ laptop }),
    );
    expect(findings[0]?.sentence).toBe(`ovs.tar.gz has the sha256 ${sha('a')}, and ${sha('b')} was expected`);
  });

  it('brings the SELinux policy where SELinux is on', () => {
    const recipe = recipeFor(settings, platform, knows());
    expect(filesOf(recipe, true)).toEqual([
      'openvswitch-3.1.0.x86_64.rpm',
      'openvswitch-selinux-policy-3.1.0.noarch.rpm',
    ]);
    expect(filesOf(recipe, false)).toEqual(['openvswitch-3.1.0.x86_64.rpm']);
    expect(filesOf(recipeFor({ ...settings, ovsVersion: '2.4.0' }, platform, knows()), true)).toHaveLength(1);
  });
});

describe('RPMs of one’s own', () => {
  const laptopRpm = (name: string, architecture = 'x86_64', version = '3.1.0-1.el9'): [string, LaptopFile] => {
    const path = `${name}.rpm`;
    return [path, { path: `/home/me/${path}`, size: 9, sha256: sha('d'), rpm: { name, version, architecture } }];
  };
  const laptop = new Map([
    laptopRpm('openvswitch'),
    laptopRpm('openvswitch-selinux-policy', 'noarch'),
    laptopRpm('openvswitch-devel', 'aarch64'),
  ]);
  const settings: Partial<MeshSettings> = { ovsSource: 'file', ovsFiles: [...laptop.keys()] };

  it('are sent to the hosts that they fit', () => {
    const { origins } = openvSwitchOrigins(
      [rpm(mesh(settings)), rpm({ number: 42, selinux: true, mesh: settings })],
      knows({ laptop }),
    );
    expect(origins.get('docker41')).toMatchObject({
      source: 'file',
      version: '3.1.0',
      files: [
        {
          path: `/var/lib/mesh/packages/${'d'.repeat(16)}/openvswitch.rpm`,
          from: { laptop: '/home/me/openvswitch.rpm' },
        },
      ],
      witness: '172.17.42.1',
    });
    expect(origins.get('docker42')?.files).toHaveLength(2);
  });

  it('are not sent where they are installed', () => {
    const { origins } = openvSwitchOrigins([rpm({ version: '3.1.0-1.el9', mesh: settings })], knows({ laptop }));
    expect(origins.get('docker41')?.source).toBe('installed');
  });
});

function gone() {
  return { known: true, value: { installed: false, running: false, version: null, bridges: [] } } as const;
}
