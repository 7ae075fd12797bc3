import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseEventLine } from '../../src/events/schema.js';
import type { Event } from '../../src/events/types.js';
import { type Lab, labDown, labUp } from '../../src/lab/index.js';
import { addressOf, pings, runContainers, shell } from './hosts.js';
import { lastingFacts, mesh, startMesh } from './mesh.js';

const name = `ovs-${process.pid}`;
const mirror = 'http://192.168.199.1';
const tarball = 'openvswitch-3.1.0.tar.gz';
const builder = 'docker41';
/** A compiler that shares two cores with others may take its time. */
const BUILD_MS = 1_800_000;
let folder = '';
let lab: Lab;

interface Written {
  readonly mesh: { readonly hosts: Record<string, object>; readonly vars: object };
}
let written: Written;

/** Three hosts of the RPM family without Open vSwitch, and one of Debian's: one build for all that is tested here. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-ovs-test-'));
  const inventoryFile = join(folder, 'lab.yml');
  lab = await labUp({ name, hosts: 4, family: ['rpm', 'rpm', 'rpm', 'deb'], inventoryFile });
  written = parse(await readFile(inventoryFile, 'utf8'), { schema: 'failsafe' });
  await Promise.all(lab.hosts.map((host) => shell(lab, host.name, 'systemctl restart docker')));
  // What comes out need not be fast; the compiler is faster so.
  await shell(lab, builder, "echo '%optflags -O0 -w' >/etc/rpm/macros.quick");
});
afterAll(async () => {
  await labDown(name);
  await rm(folder, { recursive: true, force: true });
});

/** Writes an inventory of some of the lab's hosts, each with these settings beside its own. */
async function inventory(file: string, hosts: readonly string[], settings: object = {}): Promise<string> {
  const chosen = Object.entries(written.mesh.hosts).filter(([host]) => hosts.includes(host));
  const content = {
    mesh: {
      hosts: Object.fromEntries(chosen.map(([host, own]) => [host, { ...own, ...settings }])),
      vars: written.mesh.vars,
    },
  };
  const path = join(folder, file);
  await writeFile(path, stringify(content));
  return path;
}

function eventsOf(stdout: string): readonly Event[] {
  return stdout.trim().split('\n').map(parseEventLine);
}

const played = (events: readonly Event[]) =>
  events.flatMap((event) => (event.kind === 'play.started' ? [`${event.play}: ${event.hosts.join(' ')}`] : []));

const downloads = async () => (await lab.mirrorRequests()).filter((line) => line === `GET /${tarball} 200`).length;

describe('a source that is not what it should be', () => {
  it.each([
    [
      'is not there',
      { mesh_ovs_url: `${mirror}/openvswitch-9.9.9.tar.gz` },
      /could not be fetched from \S+ ?.*see that 3\.1\.0 is a release/s,
    ],
    ['comes cut', { mesh_ovs_url: `${mirror}/truncated/${tarball}` }, /could not be fetched from/],
    ['is damaged', { mesh_ovs_url: `${mirror}/corrupt/${tarball}` }, /is no complete tarball \(\d+ bytes\)/],
    [
      'has another checksum',
      { mesh_ovs_sha256: 'a'.repeat(64) },
      /has the sha256 [0-9a-f]{64}\s.*and a{64} was expected/s,
    ],
    [
      'is another release',
      { mesh_ovs_version: '2.17.0' },
      /is it the release 2\.17\.0\? It begins with: openvswitch-3\.1\.0\//,
    ],
  ])('%s: the builder says so, and nothing else happens', async (_name, settings, said) => {
    const file = await inventory('bad.yml', [builder], settings);
    const { code, stdout } = await mesh('build', file, '--yes', '--output', 'jsonl');
    expect(code).toBe(1);
    const ends = eventsOf(stdout).flatMap((event) => (event.kind === 'step.ended' ? [event] : []));
    expect(ends).toHaveLength(1);
    expect(ends[0]?.output).toMatch(said);
    expect(await shell(lab, builder, 'rpm -q gcc || :; ls /var/lib/mesh/builds')).toBe(
      'package gcc is not installed\n',
    );
  });
});

describe('Open vSwitch for hosts of the RPM family', () => {
  let before: unknown;

  it(
    'is built once, though the laptop goes away while it compiles, and makes a mesh with a Debian host',
    async () => {
      const file = await inventory('lab.yml', ['docker41', 'docker42', 'docker44']);
      before = await lastingFacts(file);
      const fetched = await downloads();

      const first = startMesh('deploy', file, '--yes', '--output', 'jsonl');
      await first.said(/"line":"compile [1-9]\d* of \d+"/);
      first.kill('SIGKILL');
      expect(await shell(lab, builder, 'pgrep -c rpmbuild')).toMatch(/^[1-9]/);

      const second = await mesh('deploy', file, '--yes', '--output', 'jsonl');
      expect(second.code, second.stdout.slice(-3000) + second.stderr).toBe(0);
      const probes = eventsOf(second.stdout).filter((event) => event.kind === 'probe');
      expect(probes.filter(({ state }) => state === 'fail')).toEqual([]);
      expect(new Set(probes.map(({ from, to }) => `${from} ${to}`)).size).toBe(6);
      expect((await downloads()) - fetched).toBe(1);
      expect(await shell(lab, builder, "cat /var/lib/mesh/runs/*/*/output | grep -c '^built in'")).toBe('1\n');
      expect(await shell(lab, 'docker42', 'rpm -q openvswitch; ovs-vsctl get Open_vSwitch . ovs_version')).toMatch(
        /^openvswitch-3\.1\.0-1\.el9\.\S+\n"3\.1\.0"\n$/,
      );

      const lock = parse(await readFile(join(folder, 'lab.lock'), 'utf8'));
      const [key, ...others] = Object.keys(lock.builds);
      expect(others).toEqual([]);
      expect(lock.sources).toEqual({ [`${mirror}/${tarball}`]: lock.builds[key ?? ''].source });
      const manifest = await shell(lab, builder, `cat /var/lib/mesh/builds/${key}/manifest`);
      for (const [rpm, sum] of Object.entries(lock.builds[key ?? ''].rpms))
        expect(manifest).toContain(`${sum}  RPMS/${rpm}`);
    },
    BUILD_MS,
  );

  it('is left alone by a second run', async () => {
    const { code, stdout } = await mesh('deploy', join(folder, 'lab.yml'), '--yes', '--output', 'jsonl');
    expect(code).toBe(0);
    expect(played(eventsOf(stdout))).toEqual([]);
    expect(eventsOf(stdout).at(-1)).toMatchObject({ kind: 'run.ended', changed: 0 });
  });

  it('needs no build for a new host of a kind that was built for', async () => {
    const file = await inventory('lab.yml', ['docker41', 'docker42', 'docker43', 'docker44']);
    const { code, stdout, stderr } = await mesh('deploy', file, '--yes', '--output', 'jsonl');
    expect(code, stdout.slice(-3000) + stderr).toBe(0);
    const events = eventsOf(stdout);
    expect(played(events).map((play) => play.split(':')[0])).not.toContain('Build');
    const sentences = events.flatMap((event) =>
      event.kind === 'step.ended' ? [`${event.host}: ${event.sentence}`] : [],
    );
    expect(sentences.filter((sentence) => sentence.includes('RPM'))).toEqual([
      'docker43: install openvswitch 3.1.0 (1 RPM from docker41)',
    ]);
  });

  it('goes when the mesh goes, with the compiler; what was built stays', async () => {
    const teardown = await mesh('teardown', join(folder, 'lab.yml'), '--yes');
    expect(teardown.code, teardown.stdout + teardown.stderr).toBe(0);
    expect(
      await shell(
        lab,
        builder,
        'pgrep ovs-vswitchd || :; rpm -q openvswitch gcc make rpm-build || :; getent passwd mesh-build || :',
      ),
    ).toBe(['openvswitch', 'gcc', 'make', 'rpm-build'].map((rpm) => `package ${rpm} is not installed\n`).join(''));
    expect(await shell(lab, builder, 'cd /var/lib/mesh/builds/*/; LC_ALL=C ls; sha256sum -c --quiet manifest')).toBe(
      ['RPMS', 'busy', 'log', 'manifest', 'openvswitch.spec', 'requires', 'source', 'source.sha256', ''].join('\n'),
    );
    const file = await inventory('lab.yml', ['docker41', 'docker42', 'docker44']);
    expect(comparable(await lastingFacts(file))).toEqual(comparable(before));
  });

  it('comes from RPMs of one’s own, without a builder', async () => {
    const rpm = join(folder, 'openvswitch.rpm');
    const encoded = await shell(lab, builder, 'base64 /var/lib/mesh/builds/*/RPMS/openvswitch-3.1.0.x86_64.rpm');
    await writeFile(rpm, Buffer.from(encoded, 'base64'));
    const settings = { mesh_ovs_source: 'file', mesh_ovs_files: ['openvswitch.rpm'] };
    const file = await inventory('file.yml', ['docker42', 'docker43'], settings);
    const { code, stdout, stderr } = await mesh('deploy', file, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('install openvswitch 3.1.0 (1 RPM from the laptop)');
    expect(stdout).toContain('Both pairs pass');
  });
});

/** Facts without what was built, and without the devices of the lab's underlay: taps that outlive Open vSwitch's daemon. */
function comparable(facts: unknown): unknown {
  return JSON.parse(
    JSON.stringify(facts, (key, value) => {
      if (key === 'builds') return undefined;
      if (key !== 'links' && key !== 'addresses') return value;
      const lasting = value.value.filter(
        (one: { name?: string }) => !['br-phy', 'ovs-netdev'].includes(one.name ?? ''),
      );
      return { ...value, value: lasting };
    }),
  );
}

describe('the two hosts that were once set up by hand', () => {
  const [first, second] = ['docker41', 'docker42'] as const;

  it('get by mesh all that the procedure did, with its pings and its capture', async () => {
    const former = await mesh('teardown', join(folder, 'file.yml'), '--yes');
    expect(former.code, former.stdout + former.stderr).toBe(0);
    const example = fileURLToPath(new URL('../../inventory/seed.yml', import.meta.url));
    const { all } = parse(await readFile(example, 'utf8'), { schema: 'failsafe' });
    const { ansible_user: _user, ...settings } = all.vars;
    const file = await inventory('seed.yml', Object.keys(all.hosts), settings);
    const { code, stdout, stderr } = await mesh('deploy', file, '--yes');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('Both pairs pass');

    expect(await shell(lab, first, 'ip -4 -o address show dev docker0')).toContain('172.17.41.1/24');
    expect(await shell(lab, second, 'ip -4 -o address show dev docker0')).toContain('172.17.42.1/24');
    expect(await shell(lab, first, 'ip route show 172.17.0.0/16')).toContain('dev docker0');
    expect(await shell(lab, first, 'ip -o link show dev br0')).toContain('master docker0');
    expect(await shell(lab, first, 'ovs-vsctl get interface gre-docker42 type options:remote_ip')).toBe(
      'gre\n"192.168.199.42"\n',
    );

    expect(await pings(lab, first, '172.17.42.1')).toBe(3);
    expect(await pings(lab, second, '172.17.41.1')).toBe(3);
    await Promise.all([first, second].map((host) => runContainers(lab, host, { java: '' })));
    const [here, there] = await Promise.all([first, second].map((host) => addressOf(lab, host, 'java')));
    expect([here, there]).toEqual(['172.17.41.2', '172.17.42.2']);
    expect(await pings(lab, second, here ?? '', 3, 'java')).toBe(3);

    // Inner frames on br0, GRE around them on the underlay, and none the other way round.
    const wire = await lab.capture('proto gre');
    const inside = shell(lab, first, 'timeout 20 tcpdump -i br0 -n -l -c 6 icmp or proto gre 2>/dev/null || :');
    expect(await pings(lab, first, there ?? '', 20, 'java')).toBe(20);
    const frames = await inside;
    const packets = (await wire.stop()).join('\n');
    expect(frames).toContain('172.17.41.2 > 172.17.42.2: ICMP echo request');
    expect(frames).toContain('172.17.42.2 > 172.17.41.2: ICMP echo reply');
    expect(frames).not.toContain('GRE');
    expect(packets).toMatch(
      /192\.168\.199\.41 > 192\.168\.199\.42: GREv0.*172\.17\.41\.2 > 172\.17\.42\.2: ICMP echo request/,
    );
    expect(packets).toMatch(
      /192\.168\.199\.42 > 192\.168\.199\.41: GREv0.*172\.17\.42\.2 > 172\.17\.41\.2: ICMP echo reply/,
    );
  });
});
