import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError } from '../errors.js';
import type { Family, Feature, LabProgress, LabStatus } from '../lab/index.js';
import { withExamples } from './help.js';

interface Named {
  readonly name: string;
}

interface UpFlags extends Named {
  readonly hosts?: number;
  readonly inventory?: string;
  readonly vm?: boolean;
  readonly family?: readonly Family[];
  readonly without: readonly (readonly [string, Feature])[];
}

/** Adds `mesh lab` with its subcommands: throw-away hosts on this machine. */
export function register(program: Command): void {
  const lab = program
    .command('lab')
    .description('throw-away hosts on this machine, to try mesh (root)')
    .helpCommand(false);
  withExamples(lab, [
    ['mesh lab up', 'three hosts, and inventory/lab.yml'],
    ['mesh deploy inventory/lab.yml', 'the mesh over them'],
    ['mesh lab exec docker41 -- ovs-vsctl show', 'a look into one'],
    ['mesh lab off docker43', 'then deploy: what does mesh say?'],
    ['mesh lab down', 'removes them'],
  ]);
  const name = () => new Option('--name <name>', 'which lab').default('default');

  lab
    .command('up')
    .description('make a lab, or start what is missing of it')
    .addOption(name())
    .option('--hosts <n>', 'how many hosts there are to be (default: 3)', count)
    .option(
      '--vm',
      'the hosts are virtual machines with kernels of their own, for the kernel’s datapath (slow without KVM)',
    )
    .option('--inventory <path>', 'where the inventory is written (default: inventory/lab.yml)')
    .addOption(
      new Option(
        '--family <family>',
        'deb or rpm for all hosts, or one each, such as deb,deb,rpm: an rpm host has rpm, dnf and a mirror, and no Open vSwitch',
      ).argParser(familyList),
    )
    .addOption(
      new Option('--without <what=host>', 'openvswitch or docker left out of a host; repeatable')
        .argParser(without)
        .default([], 'none'),
    )
    .action((flags: UpFlags) => reported(() => up(flags)));
  lab
    .command('status')
    .description('show labs and their hosts')
    .option('--name <name>', 'only this lab')
    .option('--json', 'print it for programs')
    .action((flags: { name?: string; json?: boolean }) => reported(() => status(flags)));
  lab
    .command('exec')
    .description('run a command in a host as root, not by SSH')
    .argument('<host>')
    .argument('<command...>')
    .addOption(name())
    .action((host: string, command: string[], flags: Named) => reported(() => exec(host, command, flags)));
  lab
    .command('reboot')
    .description('reboot a host and wait until it answers again')
    .argument('<host>')
    .addOption(name())
    .action((host: string, flags: Named) =>
      reported(async () => {
        await (await open(flags)).reboot(host);
        say(`${host} is up again`);
      }),
    );
  lab
    .command('off')
    .description('switch a host off')
    .argument('<host>')
    .addOption(name())
    .option('--cut', 'at once, as if its plug was pulled')
    .action((host: string, flags: Named & { cut?: boolean }) =>
      reported(async () => {
        await (await open(flags)).powerOff(host, { cut: flags.cut === true });
        say(`${host} is off; mesh lab on ${host}${named(flags)} switches it on`);
      }),
    );
  lab
    .command('on')
    .description('switch a host on and wait until it answers')
    .argument('<host>')
    .addOption(name())
    .action((host: string, flags: Named) =>
      reported(async () => {
        await (await open(flags)).powerOn(host);
        say(`${host} is on`);
      }),
    );
  lab
    .command('down')
    .description('remove a lab with everything of it; the cache of root file systems stays')
    .addOption(name())
    .option('--all', 'all labs of this machine')
    .action((flags: Named & { all?: boolean }) => reported(() => down(flags)));
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

/** The option that a lab's name asks for, ready to be typed. */
function named({ name }: Named): string {
  return name === 'default' ? '' : ` --name ${name}`;
}

/** Ends with one sentence for what a lab could not do; other errors are not the person's. */
async function reported(work: () => Promise<void>): Promise<void> {
  const { LabError } = await import('../lab/index.js');
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

async function open(flags: Named) {
  const { openLab, requireRoot } = await import('../lab/index.js');
  await requireRoot('mesh lab');
  return openLab(flags.name);
}

async function up(flags: UpFlags): Promise<void> {
  const { labUp } = await import('../lab/index.js');
  const features: Record<string, Feature[]> = {};
  for (const [host, feature] of flags.without) features[host] = [...(features[host] ?? []), feature];
  const started = Date.now();
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const lab = await labUp({
      name: flags.name,
      without: features,
      ...(flags.vm ? { vm: true } : {}),
      ...(flags.hosts === undefined ? {} : { hosts: flags.hosts }),
      ...(flags.family === undefined ? {} : { family: flags.family }),
      ...(flags.inventory === undefined ? {} : { inventoryFile: flags.inventory }),
      onProgress: printer(),
      signal: interrupted.signal,
    });
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(
      [
        `lab '${lab.name}' is up after ${seconds} s: ${lab.hosts.map((host) => host.name).join(', ')}`,
        `  inventory  ${lab.inventoryFile}`,
        `  ssh        ssh -F ${lab.sshConfigFile} ${lab.hosts[0]?.name}`,
        `  next       mesh deploy ${lab.inventoryFile}`,
        `  remove     mesh lab down${named(flags)}`,
        '',
      ].join('\n'),
    );
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.stderr.write(
      `interrupted: 'mesh lab up${named(flags)}' goes on from here, 'mesh lab down${named(flags)}' removes what there is\n`,
    );
    process.exitCode = 130;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function status(flags: { name?: string; json?: boolean }): Promise<void> {
  const { labStatus, requireRoot } = await import('../lab/index.js');
  await requireRoot('mesh lab status');
  const labs = await labStatus(flags.name);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ version: 1, labs }, undefined, 2)}\n`);
  } else if (labs.length === 0) {
    process.stdout.write(`${flags.name ? `there is no lab '${flags.name}'` : 'there is no lab on this machine'}\n`);
  } else {
    process.stdout.write(labs.map(statusText).join('\n'));
  }
}

/** A lab and its hosts as lines for people. */
export function statusText(lab: LabStatus): string {
  const rows = lab.hosts.map((host) => {
    const vm = host.vm ? '  virtual machine' : '';
    const lacks = host.without.length > 0 ? `  made without ${host.without.join(', ')}` : '';
    const failed = host.failedUnits.length > 0 ? `  failed: ${host.failedUnits.join(', ')}` : '';
    return `  ${host.name}  ${host.state.padEnd(8)}  ${host.family}  ${host.underlayAddress}  ssh 127.0.0.1:${host.sshPort}${vm}${lacks}${failed}\n`;
  });
  const note = lab.note ? `  ${lab.note}\n` : '';
  return `lab '${lab.name}'  ${lab.inventoryFile}\n${note}${rows.join('')}`;
}

async function exec(host: string, command: readonly string[], flags: Named): Promise<void> {
  const lab = await open(flags);
  // One word is a line of shell, as with ssh; several are a program and its arguments.
  process.exitCode = await lab.execAttached(host, command.length === 1 ? ['sh', '-c', ...command] : command);
}

async function down(flags: Named & { all?: boolean }): Promise<void> {
  const { labDown, labNames, requireRoot } = await import('../lab/index.js');
  await requireRoot('mesh lab down');
  const names = flags.all ? await labNames() : [flags.name];
  for (const name of names) {
    const existed = await labDown(name, { onProgress: printer() });
    if (!existed) process.stdout.write(`there is no lab '${name}': nothing to remove\n`);
  }
  if (names.length === 0) process.stdout.write('there is no lab on this machine\n');
}

/** Progress as plain lines on stderr, with the seconds since the start. */
function printer(): (event: LabProgress) => void {
  const started = Date.now();
  return ({ host, detail }) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${host ? `${host}: ` : ''}${detail}\n`);
  };
}

function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('a number of hosts is wanted');
  return Number(text);
}

function familyList(text: string): Family[] {
  return text.split(',').map((word) => {
    if (word === 'deb' || word === 'rpm') return word;
    throw new InvalidArgumentError('deb or rpm is wanted, or a list of these with commas and no spaces');
  });
}

function without(
  text: string,
  before: readonly (readonly [string, Feature])[],
): readonly (readonly [string, Feature])[] {
  const [what, host, ...rest] = text.split('=');
  if ((what !== 'openvswitch' && what !== 'docker') || !host || rest.length > 0) {
    throw InputError.of(`--without ${text} is not understood`, {
      fix: 'write openvswitch=HOST or docker=HOST, for example --without openvswitch=docker43',
    });
  }
  return [...before, [host, what]];
}
