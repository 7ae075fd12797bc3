import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Lab, labDown, labStatus, labUp } from '../../src/lab/index.js';
import { allProcesses } from '../../src/lab/processes.js';
import { mesh } from './mesh.js';
import { tracesOfLab } from './traces.js';

const name = `rpm-${process.pid}`;
const tarball = 'openvswitch-3.1.0.tar.gz';
const mirror = 'http://192.168.199.1';
let folder = '';
let inventoryFile = '';
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-rpm-test-'));
  inventoryFile = join(folder, 'lab.yml');
  lab = await labUp({ name, family: ['rpm', 'deb'], inventoryFile });
});
afterAll(async () => {
  await labDown(name);
  await rm(folder, { recursive: true, force: true });
});

const sh = (script: string, host = 'docker41') => lab.exec(host, ['sh', '-c', script]);

describe('a lab of both families', () => {
  it('runs, with no failed unit on either host', async () => {
    expect(lab.hosts.map(({ family }) => family)).toEqual(['rpm', 'deb']);
    const hosts = (await labStatus(name))[0]?.hosts.map(({ state, failedUnits }) => ({ state, failedUnits }));
    expect(hosts).toEqual(Array.from({ length: 2 }, () => ({ state: 'running', failedUnits: [] })));
  });

  it('looks to mesh as a fresh host of each family does', async () => {
    const { stdout } = await mesh('facts', '-i', inventoryFile, '--json');
    const hosts: { system: { value: Record<string, unknown> }; docker: { value: Record<string, unknown> } }[] =
      JSON.parse(stdout).hosts;
    expect(hosts.map(({ system }) => system.value.packageFormat)).toEqual(['rpm', 'deb']);
    expect(hosts[0]?.system.value).toMatchObject({ osLike: ['rhel', 'fedora'], osVersion: '9.4' });
    expect(hosts[0]?.docker.value).toMatchObject({ installed: true });
  });

  it('says in the inventory where Open vSwitch of the RPM host comes from', async () => {
    const { mesh: group } = parse(await readFile(inventoryFile, 'utf8'));
    expect(group.hosts.docker41.mesh_ovs_url).toBe(`${mirror}/${tarball}`);
    expect(group.hosts.docker42.mesh_ovs_url).toBeUndefined();
  });

  it('has no Open vSwitch, no compiler, no dpkg and no database of Debian’s on the RPM host', async () => {
    const { stdout } = await sh(
      'for p in ovs-vsctl gcc g++ make rpmbuild dpkg apt-get dnf rpm; do command -v $p; done',
    );
    expect(stdout).toBe('/usr/bin/dnf\n/usr/bin/rpm\n');
    expect((await sh('rpm -q openvswitch gcc rpm-build')).code).toBe(3);
  });

  it('serves the tarball, the same bytes each time, and faults', async () => {
    const fetch = (path: string) => sh(`curl -fsS -o /tmp/got '${mirror}/${path}'; echo $?; sha256sum < /tmp/got`);
    const [code, whole] = (await fetch(tarball)).stdout.split('\n');
    expect(code).toBe('0');
    expect((await fetch(tarball)).stdout).toContain(whole);
    expect((await fetch(`truncated/${tarball}`)).stdout).toMatch(/^18\n/);
    expect((await fetch(`corrupt/${tarball}`)).stdout).not.toContain(whole);
    expect((await fetch('openvswitch-9.9.9.tar.gz')).stdout).toMatch(/^22\n/);
    expect((await lab.mirrorRequests()).slice(-5)).toEqual([
      `GET /${tarball} 200`,
      `GET /${tarball} 200`,
      `GET /truncated/${tarball} 200`,
      `GET /corrupt/${tarball} 200`,
      'GET /openvswitch-9.9.9.tar.gz 404',
    ]);
  });

  it('installs what Open vSwitch’s own spec asks for, and then can read it with rpmspec', async () => {
    const spec = 'openvswitch-3.1.0/rhel/openvswitch-fedora.spec';
    await sh(`cd /srv && curl -fsSO '${mirror}/${tarball}' && tar -xzf ${tarball} ${spec}`);
    const yum = await sh('yum -y install rpm-build make');
    expect(yum).toMatchObject({ code: 0, stderr: '' });
    const builddep = await sh(`dnf -y builddep --define '_without_afxdp 1' --define '_without_check 1' /srv/${spec}`);
    expect(builddep).toMatchObject({ code: 0 });
    const tools = await sh('gcc --version && g++ --version && make --version && sphinx-build-3 --version');
    expect(tools.code).toBe(0);
    const options = '--without check --without dpdk --without afxdp';
    const { stdout } = await sh(`rpmspec -q --qf '%{name}.%{arch}\\n' ${options} /srv/${spec} 2>/dev/null`);
    expect(stdout.trim().split('\n')).toHaveLength(7);
    expect(stdout).toMatch(/^openvswitch[.](x86_64|aarch64)$/m);
    const { stdout: lacking } = await sh(
      `rpmspec -q --buildrequires ${options} /srv/${spec} 2>/dev/null | xargs -d '\\n' rpm -q --whatprovides | grep 'no package'`,
    );
    expect(lacking).toBe('');
  });

  it('keeps one mirror when it is brought up again, and starts one that was lost', async () => {
    const mirrors = () =>
      allProcesses().filter(
        ({ argv }) =>
          argv[0] === 'systemd-socket-activate' && argv.some((word) => word.includes(`/${name}/serve-mirror`)),
      );
    const [before, ...more] = mirrors();
    expect(more).toEqual([]);
    await labUp({ name });
    expect(mirrors().map(({ pid }) => pid)).toEqual([before?.pid]);
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await labUp({ name });
    expect(mirrors().length).toBe(1);
    expect((await sh(`curl -fsS ${mirror}/repository/repodata/repomd.xml`)).code).toBe(0);
  });

  it('refuses another family for a host that is there, and a host without Docker', async () => {
    await expect(labUp({ name, family: ['deb'] })).rejects.toThrow(/docker41 .* is a host of the rpm family/);
    const without = { docker43: ['docker'] } as const;
    await expect(labUp({ name, hosts: 3, family: ['rpm', 'deb', 'rpm'], without })).rejects.toThrow(/without Docker/);
  });

  it('goes down without a trace, its mirror included', async () => {
    await labDown(name);
    expect(tracesOfLab(name, inventoryFile)).toEqual([]);
  });
});
