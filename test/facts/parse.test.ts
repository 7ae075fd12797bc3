import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFacts } from '../../src/facts/parse.js';
import type { HostFacts } from '../../src/facts/types.js';
import { nonce, recorded, recordedFacts, recordedInterests, value } from './fixture.js';

describe('a Debian 12 host before mesh', () => {
  const facts = recordedFacts('debian12-fresh');

  it('is read whole', () => {
    for (const key of [
      'system',
      'links',
      'addresses',
      'routes',
      'openvswitch',
      'docker',
      'iptables',
      'mesh',
    ] as const) {
      expect(facts[key], key).toMatchObject({ known: true });
    }
  });

  it('has the system facts with their units', () => {
    expect(value(facts.system)).toMatchObject({
      hostname: 'docker41',
      osId: 'debian',
      osVersion: '12',
      osName: 'Debian GNU/Linux 12 (bookworm)',
      packageFormat: 'deb',
      init: 'systemd',
      actors: [],
      architecture: 'x86_64',
    });
    expect(value(facts.system).memoryBytes % 1024).toBe(0);
    expect(value(facts.system).clock).toBeGreaterThan(1_700_000_000);
  });

  it('has links, addresses and routes', () => {
    const links = value(facts.links);
    expect(links.find(({ name }) => name === 'docker0')).toMatchObject({ kind: 'bridge', mtu: 1500, master: null });
    expect(links.find(({ name }) => name === 'eth0')).toMatchObject({ kind: 'veth', up: true });
    expect(value(facts.addresses)).toContainEqual({
      link: 'br-phy',
      family: 4,
      address: '192.168.199.41',
      prefix: 24,
      scope: 'global',
    });
    expect(value(facts.routes)).toContainEqual({
      to: '172.17.0.0/16',
      via: null,
      link: 'docker0',
      source: '172.17.0.1',
      protocol: 'kernel',
      metric: null,
    });
  });

  it('has packages, services, files and settings', () => {
    expect(facts.packages['docker.io']).toEqual({
      known: true,
      value: { installed: '20.10.24+dfsg1-1+deb12u1+b6', candidate: null },
    });
    expect(facts.services['mesh-restore']).toEqual({
      known: true,
      value: { load: 'not-found', active: 'inactive', enabled: '' },
    });
    expect(facts.files['/etc/docker/daemon.json']).toEqual({ known: true, value: { kind: 'absent' } });
    expect(facts.files['/etc/hostname']).toMatchObject({
      value: { kind: 'file', content: 'docker41\n', mode: '0644' },
    });
    expect(facts.sysctls['net.ipv4.ip_forward']).toEqual({ known: true, value: '1' });
    expect(facts.sysctls['net.ipv6.conf.br0.disable_ipv6']).toEqual({ known: true, value: null });
  });

  it("has Docker's chains without a policy", () => {
    const iptables = value(facts.iptables);
    expect(iptables.policies).toMatchObject({ 'filter/FORWARD': 'DROP', 'filter/DOCKER-USER': '-' });
    expect(iptables.rules).toContain('filter -A FORWARD -j DOCKER-USER');
  });
});

describe('a Debian 12 host with bridge, tunnel, containers and records', () => {
  const facts = recordedFacts('debian12-meshed');

  it('has the bridge with its tunnel and flows', () => {
    const br0 = value(facts.openvswitch).bridges.find(({ name }) => name === 'br0');
    expect(br0).toMatchObject({ datapath: 'netdev', externalIds: { 'mesh-owner': 'mesh' }, protocols: ['OpenFlow13'] });
    expect(br0?.ports.map(({ name }) => name)).toEqual(['br0', 'gre-docker42']);
    expect(br0?.ports[1]).toMatchObject({
      protected: true,
      interfaces: [{ type: 'gre', options: { local_ip: '192.168.199.41', remote_ip: '192.168.199.42' } }],
    });
    expect(value(br0?.flows)).toEqual(['cookie=0x0, table=0, priority=0 actions=NORMAL']);
  });

  it('says why the flows of a bridge that nobody asked for are not known', () => {
    const other = value(facts.openvswitch).bridges.find(({ name }) => name === 'br-phy');
    expect(other?.flows).toEqual({ known: false, why: 'the flows of br-phy were not asked for' });
  });

  it("has the containers' policies, networks and addresses", () => {
    const docker = value(facts.docker);
    const shown = docker.containers.map(({ name, running, restartPolicy, autoRemove, networkMode }) => [
      name,
      running,
      restartPolicy,
      autoRemove,
      networkMode,
    ]);
    expect(shown).toEqual([
      ['hosted', true, 'no', false, 'host'],
      ['once', true, 'no', true, 'shop'],
      ['stopped', false, 'on-failure', false, 'bridge'],
      ['web', true, 'unless-stopped', false, 'bridge'],
    ]);
    expect(docker.containers[1]?.endpoints).toEqual([
      { network: 'shop', address: '172.30.0.2', mac: '02:42:ac:1e:00:02' },
    ]);
    expect(docker.flags).toEqual(['/usr/sbin/dockerd', '-H', 'fd://', '--containerd=/run/containerd/containerd.sock']);
  });

  it("never holds a container's environment", () => {
    expect(recorded('debian12-meshed').includes('hunter2')).toBe(false);
    expect(recorded('no-curl').includes('hunter2')).toBe(false);
  });

  it('says the same of Docker when its client is asked for want of curl', () => {
    expect(recordedFacts('no-curl').docker).toEqual(facts.docker);
  });

  it('has the records but not one that is being written, and the last run', () => {
    expect(value(facts.mesh)).toEqual({
      records: { 'sysctl/net.ipv4.ip_forward': { n: 'none' } },
      lastRun: '20260101-1 me@laptop',
      lock: null,
    });
  });
});

describe('what does not answer', () => {
  it('is unknown where dockerd hangs, and the rest is known', () => {
    const facts = recordedFacts('dockerd-hung');
    expect(facts.docker).toMatchObject({ known: false, why: expect.stringContaining('no answer in time') });
    expect(facts.openvswitch.known && facts.system.known && facts.iptables.known).toBe(true);
  });

  it('is unknown where ovsdb-server hangs', () => {
    const facts = recordedFacts('ovsdb-hung');
    expect(facts.openvswitch).toMatchObject({ known: false, why: expect.stringContaining('no answer in time') });
    expect(facts.docker.known).toBe(true);
  });

  it('leaves flows unknown where ovs-vswitchd hangs', () => {
    const br0 = value(recordedFacts('vswitchd-hung').openvswitch).bridges.find(({ name }) => name === 'br0');
    expect(br0?.flows).toMatchObject({ known: false, why: expect.stringContaining('no answer in time') });
  });

  it('is not running, yet installed, where it is stopped', () => {
    const facts = recordedFacts('both-stopped');
    expect(value(facts.docker)).toMatchObject({ installed: true, running: false });
    expect(value(facts.openvswitch)).toMatchObject({ installed: true, running: false });
  });
});

/** Every fact by a name of its own. */
function flatten(facts: HostFacts): Map<string, { known: boolean }> {
  const { host: _, tookMs: __, packages, services, files, sysctls, checks, ...sections } = facts;
  const maps = { packages, services, files, sysctls, checks };
  return new Map([
    ...Object.entries(sections),
    ...Object.entries(maps).flatMap(([kind, map]) =>
      Object.entries(map).map(([name, fact]): [string, { known: boolean }] => [`${kind} ${name}`, fact]),
    ),
  ]);
}

/** The fact without the flows, which are a fact of their own inside it. */
function withoutFlows(fact: unknown): string {
  return JSON.stringify(fact, (key, item) => (key === 'flows' ? undefined : item));
}

describe('an output that was cut', () => {
  for (const name of ['debian12-fresh', 'debian12-meshed', 'both-stopped']) {
    const whole = recorded(name);
    const expected = flatten(recordedFacts(name));
    const check = (length: number) => {
      const cut = flatten(parseFacts('docker41', whole.subarray(0, length), nonce, recordedInterests, 1));
      for (const [key, fact] of cut) {
        if (fact.known) expect(withoutFlows(fact), `${key} of ${length} bytes`).toBe(withoutFlows(expected.get(key)));
      }
    };

    it(`says of ${name} only what the whole says, wherever it is cut`, () => {
      fc.assert(fc.property(fc.nat(whole.length), check), { numRuns: 150 });
    });

    it(`says of ${name} only what the whole says where a frame is cut`, () => {
      const mark = `${nonce} end `;
      for (let at = whole.indexOf(mark); at !== -1; at = whole.indexOf(mark, at + 1)) {
        for (let length = at; length < at + mark.length + 12; length += 3) check(Math.min(length, whole.length));
      }
    });
  }

  it('is all unknown when nothing came', () => {
    for (const [key, fact] of flatten(parseFacts('h', Buffer.alloc(0), nonce, recordedInterests, 1))) {
      expect(fact, key).toMatchObject({ known: false, why: expect.stringMatching(/broke off/) });
    }
  });

  it('never throws for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), (noise, position) => {
        const whole = recorded('debian12-fresh');
        const at = position % whole.length;
        const mixed = Buffer.concat([whole.subarray(0, at), Buffer.from(noise), whole.subarray(at + noise.length)]);
        expect(() => parseFacts('h', mixed, nonce, recordedInterests, 1)).not.toThrow();
      }),
      { numRuns: 60 },
    );
  });

  it('survives a motd before it and noise after it', () => {
    const noisy = Buffer.concat([
      Buffer.from('Welcome!\r\n\0\xff no newline at the end', 'latin1'),
      recorded('debian12-meshed'),
      Buffer.from('\n0000 begin docker\nlogout\n'),
    ]);
    expect(parseFacts('docker41', noisy, nonce, recordedInterests, 1)).toEqual(recordedFacts('debian12-meshed'));
  });
});
