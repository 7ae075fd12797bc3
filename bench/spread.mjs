// A file from one host to N others by `mesh run`, against N times scp from this machine: the time, and the bytes of file
// that leave this machine. On lab hosts of this measurement's own; ratios are of one run.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { compare, line, median, timed } from './timing.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    megabytes: { type: 'string', default: '20' },
    needers: { type: 'string', default: '2,4,8' },
    keep: { type: 'boolean' },
  },
});
const runs = Number(values.runs);
const size = Number(values.megabytes) * 1_000_000;
const counts = values.needers.split(',').map(Number);
const root = new URL('..', import.meta.url).pathname;
const mesh = join(root, 'dist/mesh.js');
const lab = `bench-${process.pid}`;
const folder = await mkdtemp(join(tmpdir(), 'mesh-bench-'));
const inventory = join(folder, 'lab.yml');
const meshRun = (...args) => timed(process.execPath, [mesh, ...args]);
const say = (text) => process.stderr.write(`${text}\n`);

async function down() {
  await meshRun('lab', 'down', '--name', lab).catch((error) => say(error.message));
  await rm(folder, { recursive: true, force: true });
}
process.on('SIGINT', () => down().then(() => process.exit(130)));

try {
  say(`bringing up ${Math.max(...counts) + 1} lab hosts …`);
  await meshRun('lab', 'up', '--name', lab, '--hosts', String(Math.max(...counts) + 1), '--inventory', inventory);
  const { mesh: group } = parse(await readFile(inventory, 'utf8'));
  const [holder, ...others] = Object.keys(group.hosts);
  const ssh = sshArguments(group.vars);
  const on = (host, command) =>
    timed('ssh', [...ssh, '-p', String(group.hosts[host].ansible_port), `root@${group.vars.ansible_host}`, command]);
  await on(holder, `head -c ${size} /dev/urandom >/root/bench.bin`);
  const sha256 = (await on(holder, 'sha256sum /root/bench.bin')).output.match(/[0-9a-f]{64}/)[0];
  const local = join(folder, 'bench.bin');
  await timed('scp', [
    ...ssh,
    '-P',
    String(group.hosts[holder].ansible_port),
    `root@${group.vars.ansible_host}:/root/bench.bin`,
    local,
  ]);

  const lines = [];
  for (const count of counts) {
    const needers = others.slice(0, count);
    const task = {
      name: 'the file',
      file: { path: '/opt/bench.bin', from: { host: holder, path: '/root/bench.bin', sha256 } },
    };
    const playbook = join(folder, `copy-${count}.yml`);
    await writeFile(playbook, JSON.stringify([{ name: 'Copy', hosts: needers.join(':'), tasks: [task] }]));
    const clear = () => Promise.all(needers.map((host) => on(host, 'rm -f /opt/bench.bin')));
    let relayed = 0;
    let spreadMs = [];
    const byMesh = async () => {
      await clear();
      const ran = await meshRun('run', playbook, '-i', inventory, '--yes', '--output', 'jsonl');
      const events = ran.output
        .split('\n')
        .filter((text) => text.startsWith('{'))
        .map((text) => JSON.parse(text));
      const transfers = events.filter(({ kind }) => kind === 'transfer');
      const done = transfers.filter(({ state }) => state === 'done');
      if (done.length !== count) throw new Error(`${done.length} of ${count} hosts got the file`);
      relayed = done.filter(({ via }) => via === 'laptop').reduce((sum, { of }) => sum + of, 0);
      spreadMs.push(Date.parse(done.at(-1).time) - Date.parse(transfers[0].time));
      return ran;
    };
    const byScp = async (together) => {
      await clear();
      const started = performance.now();
      const one = (host) =>
        timed('scp', [
          ...ssh,
          '-P',
          String(group.hosts[host].ansible_port),
          local,
          `root@${group.vars.ansible_host}:/opt/bench.bin`,
        ]);
      if (together) await Promise.all(needers.map(one));
      else for (const host of needers) await one(host);
      return { ms: performance.now() - started };
    };
    say(`${count} hosts …`);
    const samples = await compare(
      [
        { name: `mesh run, ${count} hosts`, run: byMesh },
        { name: `scp to ${count} hosts, one after the other`, run: () => byScp(false) },
        { name: `scp to ${count} hosts, all at once`, run: () => byScp(true) },
      ],
      runs,
    );
    const [run, serial, parallel] = [...samples.values()].map(median);
    lines.push(
      ...[...samples].map(([name, list]) => line(name, list)),
      line('  of it the transfers', spreadMs),
      `  file bytes out of this machine: mesh ${megabytes(relayed)}, scp ${megabytes(count * size)}`,
      `  mesh / scp one by one ${(run / serial).toFixed(2)}, mesh / scp at once ${(run / parallel).toFixed(2)}, transfers / scp one by one ${(median(spreadMs) / serial).toFixed(2)}`,
      '',
    );
    spreadMs = [];
  }
  process.stdout.write(`${megabytes(size)}, Node ${process.versions.node}\n${lines.join('\n')}`);
} finally {
  if (!values.keep) await down();
}

function megabytes(bytes) {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function sshArguments(variables) {
  const known = /UserKnownHostsFile=(\S+)/.exec(variables.ansible_ssh_common_args)[1];
  return [
    '-q',
    '-i',
    variables.ansible_ssh_private_key_file,
    '-o',
    `UserKnownHostsFile=${known}`,
    '-o',
    'IdentitiesOnly=yes',
  ];
}
