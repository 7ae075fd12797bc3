// A deploy that has nothing to change, on lab hosts of this measurement's own, against the floor (the same idempotent
// commands and pings by parallel ssh) and an equivalent Ansible playbook; and the start-up of the command line itself.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { compare, line, median, timed } from './timing.mjs';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '3' },
    runs: { type: 'string', default: '10' },
    keep: { type: 'boolean' },
  },
});
const count = Number(values.hosts);
const runs = Number(values.runs);
const root = new URL('..', import.meta.url).pathname;
const mesh = join(root, 'dist/mesh.js');
const lab = `bench-${process.pid}`;
const folder = await mkdtemp(join(tmpdir(), 'mesh-bench-'));
const inventory = join(folder, 'lab.yml');
const node = process.execPath;
const meshRun = (...args) => timed(node, [mesh, ...args]);
const say = (text) => process.stderr.write(`${text}\n`);

async function down() {
  await meshRun('lab', 'down', '--name', lab).catch((error) => say(error.message));
  await rm(folder, { recursive: true, force: true });
}
process.on('SIGINT', () => down().then(() => process.exit(130)));

try {
  say(`bringing up ${count} lab hosts …`);
  await meshRun('lab', 'up', '--name', lab, '--hosts', String(count), '--inventory', inventory);
  const { hosts, vars } = await readHosts();
  const first = await meshRun('deploy', inventory, '--yes');

  // The floor gets the state that mesh made, by the same names.
  const { slices } = parse(await readFile(join(folder, 'lab.lock'), 'utf8'));
  const addressOf = (name) => slices[name].replace(/\.0\/\d+$/, '.1');
  const config = join(folder, 'ssh_config');
  await writeFile(config, sshConfig(hosts, vars));
  const floorArgs = hosts.map(({ name, underlay }) => {
    const peers = hosts.filter((peer) => peer.name !== name);
    const words = peers.map((peer) => `gre-${peer.name}=${peer.underlay}=${addressOf(peer.name)}`);
    return `${name}=${[underlay, `${addressOf(name)}/16`, 'br0', 'netdev', ...words].join(' ')}`;
  });
  const floor = () => timed(join(root, 'bench/floor/run.sh'), [config, ...floorArgs]);
  const again = () => meshRun('deploy', inventory, '--yes');
  const { output } = await again();
  if (!/no changes/i.test(output)) throw new Error(`the second deploy was to change nothing:\n${output}`);
  const quick = await compare(
    [
      { name: 'mesh deploy, nothing to change', run: again },
      { name: 'parallel ssh, same commands and pings', run: floor },
      { name: 'node, empty', run: () => timed(node, ['-e', '0']) },
      { name: 'mesh --help', run: () => meshRun('--help') },
      { name: 'mesh --version', run: () => meshRun('--version') },
    ],
    runs,
  );

  say('the same network by Ansible …');
  await meshRun('teardown', inventory, '--yes');
  const ansibleInventory = join(folder, 'ansible.yml');
  await writeFile(ansibleInventory, JSON.stringify(ansibleHosts(hosts, vars, addressOf, slices)));
  const ansible = () =>
    timed('ansible-playbook', ['-i', ansibleInventory, '-f', String(count), join(root, 'bench/ansible/site.yml')], {
      env: { ...process.env, ANSIBLE_PIPELINING: 'True', ANSIBLE_NOCOLOR: '1', ANSIBLE_DEPRECATION_WARNINGS: 'False' },
    });
  const ansibleFirst = await ansible();
  const slow = await compare(
    [{ name: 'ansible-playbook, nothing to change', run: ansible }],
    Math.max(3, Math.ceil(runs / 3)),
  );

  const all = new Map([...quick, ...slow]);
  const of = (name) => median(all.get(name));
  const noop = of('mesh deploy, nothing to change');
  const empty = of('node, empty');
  process.stdout.write(
    `${[
      `${count} lab hosts, Node ${process.versions.node}`,
      ...[...all].map(([name, samples]) => line(name, samples)),
      line('mesh deploy, the first', [first.ms]),
      line('ansible-playbook, the first', [ansibleFirst.ms]),
      '',
      `Ansible / mesh        ${(of('ansible-playbook, nothing to change') / noop).toFixed(1)}   (wanted: at least 10)`,
      `mesh / floor          ${(noop / of('parallel ssh, same commands and pings')).toFixed(2)}   (wanted: at most 2.5)`,
      `--help / empty node   ${(of('mesh --help') / empty).toFixed(2)}   (wanted: at most 1.5)`,
      `--version / empty     ${(of('mesh --version') / empty).toFixed(2)}   (wanted: at most 1.5)`,
    ].join('\n')}\n`,
  );
} finally {
  if (!values.keep) await down();
}

/** The lab's hosts from its inventory: names, ports, underlay addresses, and the connection's variables. */
async function readHosts() {
  const text = await readFile(inventory, 'utf8');
  const { all, mesh: group } = parse(text);
  const where = all?.children?.mesh ?? group ?? all;
  const variables = { ...all?.vars, ...where.vars };
  const list = Object.entries(where.hosts ?? all.hosts).map(([name, host]) => ({
    name,
    address: host.ansible_host ?? variables.ansible_host,
    port: host.ansible_port,
    underlay: host.mesh_underlay_address,
  }));
  return { hosts: list, vars: variables };
}

function knownHosts(variables) {
  return /UserKnownHostsFile=(\S+)/.exec(variables.ansible_ssh_common_args)[1];
}

function sshConfig(hosts, variables) {
  return hosts
    .map(
      ({ name, address, port }) => `Host ${name}
  HostName ${address}
  Port ${port}
  User ${variables.ansible_user}
  IdentityFile ${variables.ansible_ssh_private_key_file}
  IdentitiesOnly yes
  UserKnownHostsFile ${knownHosts(variables)}
`,
    )
    .join('');
}

function ansibleHosts(hosts, variables, addressOf, slices) {
  const entries = hosts.map(({ name, address, port, underlay }) => [
    name,
    {
      ansible_host: address,
      ansible_port: port,
      subnet: `${addressOf(name)}/16`,
      slice: slices[name],
      mesh_underlay_address: underlay,
    },
  ]);
  return {
    all: { hosts: Object.fromEntries(entries), vars: { ...variables, ansible_python_interpreter: 'auto_silent' } },
  };
}
