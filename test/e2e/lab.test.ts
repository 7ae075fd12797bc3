import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, labDown, labStatus, labUp, openLab, removeOrphanedLabs } from '../../src/lab/index.js';
import { labPlaces } from '../../src/lab/names.js';
import { readState, writeState } from '../../src/lab/state.js';
import { mesh } from './mesh.js';
import { tracesOfLab } from './traces.js';

const bundle = fileURLToPath(new URL('../../dist/mesh.js', import.meta.url));

let folder = '';
let inventoryFile = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-lab-test-'));
  inventoryFile = join(folder, 'lab.yml');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const name = (purpose: string) => `${purpose}-${process.pid}`;
const bootId = async (lab: Lab, host: string) =>
  (await lab.exec(host, ['cat', '/proc/sys/kernel/random/boot_id', '/proc/uptime', '/proc/1/stat'])).stdout
    .split('\n')
    .at(-2)
    ?.split(' ')[21];

describe('a lab', () => {
  const lab = name('life');
  let up: Lab;
  beforeAll(async () => {
    up = await labUp({ name: lab, hosts: 2, without: { docker42: ['openvswitch'] }, inventoryFile });
  });
  afterAll(() => labDown(lab));

  it('has hosts as their users have them: Docker with its own docker0, each host itself, no bridge but the underlay', async () => {
    const ids = await Promise.all(up.hosts.map(({ name: host }) => up.exec(host, ['cat', '/etc/machine-id'])));
    expect(new Set(ids.map(({ stdout }) => stdout)).size).toBe(2);
    const { stdout: docker0 } = await up.exec('docker41', ['ip', '-4', '-o', 'address', 'show', 'docker0']);
    expect(docker0).toContain('172.17.0.1/16');
    expect((await up.exec('docker41', ['ovs-vsctl', 'list-br'])).stdout).toBe('br-phy\n');
    expect((await up.exec('docker41', ['test', '-e', '/etc/docker/daemon.json'])).code).toBe(1);
  });

  it('answers each packet once, from the bridge that holds the underlay address', async () => {
    const { stdout } = await up.exec('docker42', ['ping', '-c', '3', '-i', '0.2', '192.168.199.41']);
    expect(stdout).toContain('3 packets transmitted, 3 received, 0% packet loss');
    expect(stdout).not.toContain('DUP');
  });

  it('is reached by the system’s ssh, as root and by both users with sudo', async () => {
    const ssh = async (...words: string[]) => {
      const child = spawn('ssh', ['-F', up.sshConfigFile, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
      });
      await once(child, 'close');
      return out.trim();
    };
    expect(await ssh('docker41', 'hostname; id -un')).toBe('docker41\nroot');
    expect(await ssh('ops@docker42', 'sudo -n id -un')).toBe('root');
    expect(await ssh('opspw@docker42', 'sudo -n id -un 2>/dev/null || echo mesh-lab | sudo -S -p "" id -un')).toBe(
      'root',
    );
  });

  it('installs Open vSwitch without a network where it was left out, and the underlay moves to it', async () => {
    expect((await up.exec('docker42', ['sh', '-c', 'command -v ovs-vsctl'])).code).not.toBe(0);
    const apt = await up.exec('docker42', ['apt-get', 'update']);
    expect(apt.stderr).toBe('');
    expect((await up.exec('docker42', ['apt-get', 'install', '--yes', 'openvswitch-switch'])).code).toBe(0);
    // The service pulls the underlay's unit in, and does not wait for it.
    const addresses = async () => (await up.exec('docker42', ['ip', '-4', '-o', 'address', 'show'])).stdout;
    await expect.poll(addresses, { timeout: 60_000, interval: 100 }).toMatch(/br-phy +inet 192\.168\.199\.42\/24/);
    expect(await addresses()).not.toMatch(/eth0 +inet 192\.168\.199\.42/);
  });

  it('runs a container that no registry was needed for', async () => {
    await up.exec('docker41', ['sh', '-c', 'tar cT /dev/null | docker import - mesh/probe']);
    const folders = ['/bin', '/lib', '/lib64', '/usr'].flatMap((path) => ['-v', `${path}:${path}:ro`]);
    const ran = await up.exec('docker41', ['docker', 'run', '--rm', ...folders, 'mesh/probe', '/bin/echo', 'inside']);
    expect(ran).toEqual({ code: 0, stdout: 'inside\n', stderr: '' });
  });

  it('leaves alone what runs when it is brought up again, and starts what is off', async () => {
    const before = await bootId(up, 'docker41');
    await up.powerOff('docker42', { cut: true });
    expect((await labStatus(lab))[0]?.hosts.map(({ state }) => state)).toEqual(['running', 'off']);
    await expect(up.exec('docker42', ['true'])).rejects.toThrow('docker42 is off');
    await labUp({ name: lab });
    expect(await bootId(up, 'docker41')).toBe(before);
    expect((await labStatus(lab))[0]?.hosts.map(({ state }) => state)).toEqual(['running', 'running']);
  });

  it('keeps a host’s disk over a reboot, and nothing of its kernel', async () => {
    await up.exec('docker41', ['sh', '-c', 'touch /root/kept; ip link add gone type bridge']);
    const before = await bootId(up, 'docker41');
    await up.reboot('docker41');
    expect(await bootId(up, 'docker41')).not.toBe(before);
    expect((await up.exec('docker41', ['test', '-e', '/root/kept'])).code).toBe(0);
    expect((await up.exec('docker41', ['ip', 'link', 'show', 'gone'])).code).toBe(1);
    expect((await up.exec('docker41', ['systemctl', 'is-active', 'docker', 'ssh', 'lab-underlay'])).code).toBe(0);
  });

  it('drops GRE in one direction of one pair, and nothing else', async () => {
    const tunnel = (address: string) =>
      `ovs-vsctl --may-exist add-br t0 -- set bridge t0 datapath_type=netdev -- --may-exist add-port t0 gre-t -- set interface gre-t type=gre options:remote_ip=${address} && ip link set t0 up`;
    await up.exec('docker41', ['sh', '-c', `${tunnel('192.168.199.42')} && ip address add 10.9.9.1/24 dev t0`]);
    await up.exec('docker42', ['sh', '-c', `${tunnel('192.168.199.41')} && ip address add 10.9.9.2/24 dev t0`]);
    const ping = async (address: string) =>
      (await up.exec('docker41', ['ping', '-c', '5', '-i', '0.2', '-W', '1', address])).stdout;
    expect(await ping('10.9.9.2')).not.toContain(' 0 received');
    await up.blockGre('docker41', 'docker42');
    expect(await ping('10.9.9.2')).toContain(' 0 received');
    expect(await ping('192.168.199.42')).toContain('5 received');
    const capture = await up.capture('proto gre and src 192.168.199.41');
    await up.unblockGre('docker41', 'docker42');
    expect(await ping('10.9.9.2')).not.toContain(' 0 received');
    expect((await capture.stop()).length).toBeGreaterThan(0);
  });

  it('does not overwrite an inventory that is not its own', async () => {
    const theirs = join(folder, 'theirs.yml');
    await writeFile(theirs, 'mesh:\n  hosts: {}\n');
    await expect(labUp({ name: lab, inventoryFile: theirs })).rejects.toThrow(/not overwritten/);
    expect(await readFile(theirs, 'utf8')).toBe('mesh:\n  hosts: {}\n');
  });

  it('goes down without a trace, and a second time says that there was nothing', async () => {
    expect(tracesOfLab(lab, inventoryFile)).not.toEqual([]);
    expect(await labDown(lab)).toBe(true);
    expect(tracesOfLab(lab, inventoryFile)).toEqual([]);
    expect(await labDown(lab)).toBe(false);
    await expect(openLab(lab)).rejects.toThrow(`there is no lab '${lab}'`);
  });
});

/** Starts `mesh lab up` and sends a signal when a line of its progress matches; how it ended and what it said. */
async function interruptedUp(
  lab: string,
  at: string,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(
    process.execPath,
    [bundle, 'lab', 'up', '--name', lab, '--hosts', '2', '--inventory', inventoryFile],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
    if (stderr.includes(at) && !child.killed) child.kill(signal);
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

describe('a lab whose making was cut short', () => {
  const lab = name('cut');
  afterEach(() => labDown(lab));

  it.each(['the wire of lab', 'docker41: booting', 'docker42: booting'])(
    'is completed after it was killed at %j',
    async (at) => {
      expect((await interruptedUp(lab, at, 'SIGKILL')).code).toBeNull();
      const up = await labUp({ name: lab, inventoryFile });
      const hosts = (await labStatus(lab))[0]?.hosts.map(({ state, failedUnits }) => ({ state, failedUnits }));
      expect(hosts).toEqual(Array.from({ length: 2 }, () => ({ state: 'running', failedUnits: [] })));
      expect((await up.exec('docker42', ['ping', '-c', '1', '-W', '5', '192.168.199.41'])).code).toBe(0);
    },
  );

  it.each(['the wire of lab', 'docker42: booting'])(
    'goes away without a trace after it was killed at %j',
    async (at) => {
      await interruptedUp(lab, at, 'SIGKILL');
      await labDown(lab);
      expect(tracesOfLab(lab, inventoryFile)).toEqual([]);
    },
  );

  it('ends by Ctrl-C with what to type next', async () => {
    const { code, stderr } = await interruptedUp(lab, 'docker41: booting', 'SIGINT');
    expect(code).toBe(130);
    expect(stderr).toContain(`'mesh lab up --name ${lab}' goes on from here`);
    await labDown(lab);
    expect(tracesOfLab(lab, inventoryFile)).toEqual([]);
  });

  it('goes away when the process that it belongs to is gone', async () => {
    const places = labPlaces(lab);
    await labUp({ name: lab, hosts: 1, inventoryFile });
    const state = await readState(places);
    if (!state) throw new Error('the lab has no state');
    await writeState(places, { ...state, owner: { pid: process.pid, startTime: '1' } });
    expect(await removeOrphanedLabs()).toContain(lab);
    expect(tracesOfLab(lab, inventoryFile)).toEqual([]);
  });
});

describe('two labs at once', () => {
  const labs = [name('one'), name('two')];
  afterAll(() => Promise.all(labs.map((lab) => labDown(lab))));

  it('come up side by side on ports of their own; two commands for one lab take turns', async () => {
    const args = (lab: string) => [
      'lab',
      'up',
      '--name',
      lab,
      '--hosts',
      '1',
      '--inventory',
      join(folder, `${lab}.yml`),
    ];
    const [first = '', second = ''] = labs;
    const ran = await Promise.all([mesh(...args(first)), mesh(...args(first)), mesh(...args(second))]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
    const ports = (await Promise.all(labs.map((lab) => labStatus(lab)))).flat().map(({ hosts }) => hosts[0]?.sshPort);
    expect(new Set(ports).size).toBe(2);
    expect(ran.slice(0, 2).some(({ stderr }) => stderr.includes(`works on lab '${first}': waiting for it`))).toBe(true);
  });
});
