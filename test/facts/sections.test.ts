import { describe, expect, it } from 'vitest';
import { frameFunctions, readSections } from '../../src/facts/frames.js';
import { facts, nonce, output, value } from './fixture.js';

const system = (extra = '') =>
  [
    'hostname h',
    'machine m',
    'boot b',
    'kernel 3.10.0-1160.el7.x86_64',
    'up 10.5',
    'memory 1000',
    'arch x86_64',
    'os NAME="x"',
    'os ID="centos"',
    'os ID_LIKE="rhel fedora"',
    'os VERSION_ID="7"',
    'os PRETTY_NAME="CentOS Linux 7 (Core)"',
    'format rpm',
    'init systemd',
    'module openvswitch',
    'disk 10 4096',
    'clock 1700000000',
    extra,
  ].join('\n');

describe('frames', () => {
  it('take content as it is: NUL, invalid UTF-8 and frames of another nonce', () => {
    const content = Buffer.from('\0\xff\n0000000000000000 end x 0\nend x 0\n', 'latin1');
    const stdout = Buffer.concat([
      Buffer.from(`motd\n${nonce} begin x\n`),
      content,
      Buffer.from(`\n${nonce} stderr\nwhy\n${nonce} end x 7\n`),
    ]);
    expect(readSections(stdout, nonce).get('x')).toEqual({ status: 7, content, stderr: 'why' });
  });

  it('do not hold a section without its end', () => {
    expect(readSections(Buffer.from(`\n${nonce} begin x\ncontent\n${nonce} end x 0`), nonce).size).toBe(0);
    expect(readSections(Buffer.from(`\n${nonce} begin x\ncontent\n${nonce} end y 0\n`), nonce).size).toBe(0);
  });

  it('want a nonce that a shell takes for a word', () => {
    expect(() => frameFunctions('a; reboot')).toThrow();
  });
});

describe('the system of an RPM host', () => {
  const services =
    'Id=firewalld.service\nNames=firewalld.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n';

  it('is read, with modules of modules.dep and the actors that are active', () => {
    const modules =
      'kernel/net/openvswitch/vport-gre.ko.xz: kernel/net/ipv4/ip_gre.ko.xz kernel/net/openvswitch/openvswitch.ko.xz\nkernel/net/bridge/br_netfilter.ko\n';
    const read = facts(output(['system', 0, system('actor ufw')], ['modules', 0, modules], ['services', 0, services]));
    expect(value(read.system)).toMatchObject({
      osId: 'centos',
      osLike: ['rhel', 'fedora'],
      osName: 'CentOS Linux 7 (Core)',
      packageFormat: 'rpm',
      memoryBytes: 1_024_000,
      diskFreeBytes: 40_960,
      uptimeSeconds: 10.5,
      modules: ['openvswitch', 'vport_gre', 'br_netfilter'],
      actors: ['firewalld', 'ufw'],
    });
  });

  it('is unknown where systemd does not say who is active', () => {
    const hung = output(['system', 0, system()], ['modules', 'none', ''], ['services', 124, '']);
    const read = facts(hung, { services: ['docker'] });
    expect(read.system).toMatchObject({ known: false, why: expect.stringContaining('no answer in time') });
    expect(read.services.docker).toMatchObject({ known: false });
  });

  it('has no actors where systemd does not run, and services are unknown', () => {
    const read = facts(output(['system', 0, system()], ['modules', 'none', ''], ['services', 'no-systemd', '']), {
      services: ['docker'],
    });
    expect(value(read.system).actors).toEqual([]);
    expect(read.services.docker).toEqual({ known: false, why: 'this host is not run by systemd' });
  });

  it('finds a service by its alias', () => {
    const alias =
      'Id=ssh.service\nNames=ssh.service sshd.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n';
    const read = facts(output(['services', 0, alias]), { services: ['sshd', 'x*'] });
    expect(value(read.services.sshd)).toEqual({ load: 'loaded', active: 'active', enabled: 'enabled' });
    expect(read.services['x*']).toMatchObject({ known: false });
  });
});

describe('links, addresses and routes', () => {
  // As iproute2 4.11 of RHEL 7 prints them.
  const text = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0 addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UP mode DEFAULT group default qlen 1000\\    link/ether 52:54:00:00:00:29 brd ff:ff:ff:ff:ff:ff promiscuity 1 addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 \\    alias vxlan id 7
3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1462 qdisc noqueue state DOWN mode DEFAULT group default \\    link/ether 02:42:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 addrgenmode eui64 numtxqueues 1 
5: veth1@if4: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master docker0 state UP mode DEFAULT group default \\    link/ether 9a:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 1 \\    veth \\    bridge_slave state forwarding priority 32 cost 2 hairpin off 
6: eth1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop master docker0 state DOWN mode DEFAULT group default qlen 1000\\    link/ether 52:54:00:00:00:30 brd ff:ff:ff:ff:ff:ff promiscuity 0 \\    bridge_slave state disabled priority 32 cost 100 addrgenmode eui64 
7: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1462 qdisc noqueue master docker0 state UNKNOWN mode DEFAULT group default qlen 1000\\    link/ether 6a:bb:7d:64:17:43 brd ff:ff:ff:ff:ff:ff promiscuity 1 \\    openvswitch \\    bridge_slave state forwarding priority 32 
8: gre0@NONE: <NOARP> mtu 1476 qdisc noop state DOWN mode DEFAULT group default qlen 1000\\    link/gre 0.0.0.0 brd 0.0.0.0 promiscuity 0 \\    gre remote any local any ttl inherit nopmtudisc addrgenmode eui64 
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 192.168.199.41/24 brd 192.168.199.255 scope global noprefixroute eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.8.0.1 peer 10.8.0.2/32 scope global secondary eth0:vpn\\       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::5054:ff:fe00:29/64 scope link \\       valid_lft forever preferred_lft forever
unicast default via 192.168.199.1 dev eth0 proto static scope global metric 100 
unicast 192.168.199.0/24 dev eth0 proto kernel scope link src 192.168.199.41 metric 100 
unicast 10.8.0.2 dev eth0 proto kernel scope link src 10.8.0.1 
unreachable 10.9.0.0/16 proto static metric 5 
unicast 10.10.0.0/16 proto static scope global \\\tnexthop via 192.168.199.2  dev eth0 weight 1\\\tnexthop via 192.168.199.3  dev eth0 weight 1
`;
  const read = facts(output(['ip', 0, text]));

  it('have the kind of a device, and none by its alias or its being a port', () => {
    const shown = value(read.links).map(({ name, kind, master, up, mtu }) => [name, kind, master, up, mtu]);
    expect(shown).toEqual([
      ['lo', null, null, true, 65536],
      ['eth0', null, null, true, 1500],
      ['docker0', 'bridge', null, true, 1462],
      ['veth1', 'veth', 'docker0', true, 1500],
      ['eth1', null, 'docker0', false, 1500],
      ['br0', 'openvswitch', 'docker0', true, 1462],
      ['gre0', 'gre', null, false, 1476],
    ]);
    expect(value(read.links)[6]?.mac).toBeNull();
  });

  it('have addresses with a peer', () => {
    expect(value(read.addresses)[2]).toEqual({
      link: 'eth0',
      family: 4,
      address: '10.8.0.1',
      prefix: 32,
      scope: 'global',
    });
    expect(value(read.addresses)).toHaveLength(4);
  });

  it('have routes of every kind', () => {
    expect(value(read.routes).map(({ to, via, link, metric }) => [to, via, link, metric])).toEqual([
      ['default', '192.168.199.1', 'eth0', 100],
      ['192.168.199.0/24', null, 'eth0', 100],
      ['10.8.0.2/32', null, 'eth0', null],
      ['10.9.0.0/16', null, null, 5],
      ['10.10.0.0/16', '192.168.199.2', 'eth0', null],
    ]);
  });

  it('are unknown where ip fails', () => {
    const failed = facts(output(['ip', 127, '']));
    expect(failed.links).toMatchObject({ known: false });
    expect(failed.routes).toMatchObject({ known: false });
  });
});

describe('Open vSwitch', () => {
  it('is read from a release without the newer columns', () => {
    const id = (n: number) => `["uuid","00000000-0000-0000-0000-00000000000${n}"]`;
    const tables = [
      `{"headings":["_uuid","ovs_version"],"data":[[${id(0)},"2.4.0"]]}`,
      `{"headings":["_uuid","name","ports","datapath_type","controller","fail_mode"],"data":[[${id(1)},"br0",${id(2)},"",["set",[${id(4)}]],"secure"]]}`,
      `{"headings":["_uuid","name","interfaces","tag"],"data":[[${id(2)},"br0",${id(3)},7]]}`,
      `{"headings":["_uuid","name","type","options","error"],"data":[[${id(3)},"br0","internal",["map",[]],"could not open"]]}`,
      `{"headings":["_uuid","target"],"data":[[${id(4)},"tcp:10.0.0.1:6653"]]}`,
    ];
    const read = facts(output(['vswitchd', 0, ''], ['ovs', 0, `warning of ovs-vsctl\n${tables.join('\n')}\n`]));
    expect(value(read.openvswitch)).toMatchObject({
      version: '2.4.0',
      running: true,
      bridges: [
        {
          name: 'br0',
          datapath: 'system',
          failMode: 'secure',
          controllers: ['tcp:10.0.0.1:6653'],
          ports: [
            { name: 'br0', protected: false, tag: 7, interfaces: [{ mtuRequest: null, error: 'could not open' }] },
          ],
        },
      ],
    });
  });

  it('is unknown where something else than tables was printed', () => {
    expect(facts(output(['ovs', 0, '{"a":1}\n'])).openvswitch).toMatchObject({ known: false });
  });
});

describe('Docker', () => {
  const api = (info: unknown, code = 200) => `${JSON.stringify(info)}\n${code}\n[]\n200\n[]\n200\n`;
  const info = {
    ServerVersion: '24.0',
    LiveRestoreEnabled: true,
    OperatingSystem: 'x',
    DockerRootDir: '/var/snap/docker',
  };

  it('is told apart by its flavour', () => {
    const parts = [
      ['docker-flags', 0, '/snap/docker/1/bin/dockerd\0'],
      ['docker-policies', 0, ''],
    ] as const;
    expect(value(facts(output(...parts, ['docker', 0, api(info)])).docker)).toMatchObject({
      flavour: 'snap',
      liveRestore: true,
      flags: ['/snap/docker/1/bin/dockerd'],
    });
    expect(value(facts(output(['docker', 'podman', ''])).docker)).toMatchObject({ flavour: 'podman', running: false });
  });

  it.each([
    ['active', true],
    ['locked', true],
    ['inactive', false],
    [undefined, false],
  ])('knows a node of a swarm by its state %s', (state, swarm) => {
    const answer = api({ ...info, ...(state && { Swarm: { NodeID: '', LocalNodeState: state } }) });
    const parts = [
      ['docker-flags', 0, 'dockerd\0'],
      ['docker-policies', 0, ''],
    ] as const;
    expect(value(facts(output(...parts, ['docker', 0, answer])).docker)).toMatchObject({ swarm });
  });

  it('is unknown where an answer is an error, not understood, or lacks the policies', () => {
    const flags = ['docker-flags', 0, 'dockerd\0'] as const;
    const why = (...rest: (readonly [string, number | string, string])[]) => facts(output(flags, ...rest)).docker;
    expect(why(['docker', 0, api({ message: 'x' }, 500)])).toMatchObject({
      known: false,
      why: expect.stringContaining('HTTP status 500'),
    });
    expect(why(['docker', 0, api({ x: 1 })], ['docker-policies', 0, ''])).toMatchObject({ known: false });
    expect(why(['docker', 0, api(info)])).toMatchObject({ known: false });
    expect(why(['docker', 0, api(info)], ['docker-policies', 'no-folder', ''])).toMatchObject({ known: false });
  });
});

describe('packages', () => {
  it('come from rpm, with what the repositories offer for those that are missing', () => {
    const read = facts(
      output(
        ['system', 0, system()],
        ['packages', 1, 'openvswitch install ok installed 2.9.0-3.el7\npackage docker-ce is not installed\n'],
        ['candidates', 0, 'Available Packages\ndocker-ce.x86_64   3:24.0.7-1.el7   docker-ce-stable\n'],
      ),
      { packages: ['openvswitch', 'docker-ce'] },
    );
    expect(value(read.packages.openvswitch)).toEqual({ installed: '2.9.0-3.el7', candidate: null });
    expect(value(read.packages['docker-ce'])).toEqual({ installed: null, candidate: '3:24.0.7-1.el7' });
  });

  it('are unknown where the query failed', () => {
    const debian = system().replace('format rpm', 'format deb');
    const failed = facts(output(['system', 0, debian], ['packages', 2, 'dpkg-query: error: corrupt']), {
      packages: ['a'],
    });
    expect(failed.packages.a).toMatchObject({ known: false, why: expect.stringContaining('corrupt') });
  });

  it('removed but for their settings are not installed', () => {
    const debian = system().replace('format rpm', 'format deb');
    const read = facts(
      output(
        ['system', 0, debian],
        ['packages', 0, 'a deinstall ok config-files 1.0\n'],
        ['candidates', 0, 'a:\n  Installed: (none)\n  Candidate: 1.1\n'],
      ),
      { packages: ['a'] },
    );
    expect(value(read.packages.a)).toEqual({ installed: null, candidate: '1.1' });
  });
});

describe('iptables', () => {
  it('is not installed only where the script says so', () => {
    expect(value(facts(output(['iptables', 'absent', ''])).iptables).installed).toBe(false);
    expect(facts(output(['iptables', 4, ''])).iptables).toMatchObject({ known: false });
    expect(facts(output(['iptables', 'no-iptables-save', ''])).iptables).toMatchObject({ known: false });
  });
});

describe("mesh's own", () => {
  const lock = 'lock run=r1\nlock who=ann@laptop\nlock since=2026-01-01T00:00:00Z\nlock what=mesh deploy a=b\n';

  it('lock is read, and whether its holder lives', () => {
    const none = ['records', 'absent', ''] as const;
    expect(value(facts(output(['mesh', 0, `last r0 bob@desk\nlocked\n${lock}laptop\nprogram\n`], none)).mesh)).toEqual({
      records: {},
      lastRun: 'r0 bob@desk',
      lock: {
        owner: 'ann@laptop',
        since: '2026-01-01T00:00:00Z',
        what: 'mesh deploy a=b',
        alive: true,
        laptop: true,
        program: null,
      },
    });
    expect(value(facts(output(['mesh', 0, `locked\n${lock}`], none)).mesh).lock?.alive).toBe(false);
    const left = value(facts(output(['mesh', 0, `locked\n${lock}lock play=2\nprogram\n`], none)).mesh).lock;
    expect(left).toMatchObject({ alive: true, laptop: false, program: { run: 'r1', play: 2 } });
    const hostile = `locked\nlock run=../../etc\nlock play=2\nprogram\n`;
    expect(value(facts(output(['mesh', 0, hostile], none)).mesh).lock?.program).toBe(null);
  });

  it('records of several lines are put together, and one that is not JSON makes them unknown', () => {
    const folder = '/var/lib/mesh/record/';
    const two = `${folder}file/etc%2Fx:{\n${folder}file/etc%2Fx:"content": "a:b"}\n${folder}self:1\n`;
    expect(value(facts(output(['mesh', 0, ''], ['records', 0, two])).mesh).records).toEqual({
      'file/etc%2Fx': { content: 'a:b' },
      self: 1,
    });
    expect(facts(output(['mesh', 0, ''], ['records', 0, `${folder}self:{\n`])).mesh).toMatchObject({ known: false });
    expect(facts(output(['mesh', 0, ''], ['records', 2, ''])).mesh).toMatchObject({ known: false });
  });
});
