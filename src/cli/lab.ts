import { type Command, InvalidArgumentError } from 'commander';
import type { LabProgress } from '../lab/index.js';

interface LabOptions {
  readonly name: string;
}

interface UpOptions extends LabOptions {
  readonly hosts?: number;
  readonly without: Readonly<Record<string, readonly string[]>>;
  readonly inventory?: string;
}

function count(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1 on is wanted');
  return number;
}

function without(text: string, before: Readonly<Record<string, readonly string[]>>) {
  const [feature = '', host = ''] = text.split('=');
  if (!feature || !host) throw new InvalidArgumentError('FEATURE=HOST is wanted, like openvswitch=docker43');
  return { ...before, [host]: [...(before[host] ?? []), feature] };
}

/** Progress as plain lines on stderr; a phase that only moves its fraction is told at every tenth. */
function progress(): (event: LabProgress) => void {
  const started = performance.now();
  let last = '';
  return ({ host, detail, fraction }) => {
    const share = fraction === undefined ? '' : ` ${Math.floor(fraction * 10) * 10} %`;
    const line = `${host ? `${host}: ` : ''}${detail}${share}`;
    if (line === last) return;
    last = line;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${line}\n`);
  };
}

/** Ends with one sentence for what a lab cannot do here; other errors are not the person's. */
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

function interruptible(): AbortSignal {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  return stop.signal;
}

async function up(options: UpOptions): Promise<void> {
  const { featureNames, labUp } = await import('../lab/index.js');
  const { InputError } = await import('../errors.js');
  const wanted = Object.fromEntries(
    Object.entries(options.without).map(([host, features]) => [
      host,
      features.map((name) => {
        const feature = featureNames.find((known) => known === name);
        if (feature) return feature;
        throw InputError.of(`a lab host cannot be made without '${name}'`, {
          fix: `one of: ${featureNames.join(', ')}`,
        });
      }),
    ]),
  );
  const lab = await labUp({
    name: options.name,
    without: wanted,
    onProgress: progress(),
    signal: interruptible(),
    ...(options.hosts !== undefined && { hosts: options.hosts }),
    ...(options.inventory !== undefined && { inventoryFile: options.inventory }),
  });
  for (const host of lab.hosts) {
    process.stdout.write(`${host.name}  ${host.underlayAddress}  ssh 127.0.0.1:${host.sshPort}\n`);
  }
  process.stdout.write(`\nTheir inventory is ${lab.inventoryFile}. Next: mesh deploy ${lab.inventoryFile}\n`);
}

async function status(options: Partial<LabOptions> & { readonly json?: boolean }): Promise<void> {
  const { labStatus } = await import('../lab/index.js');
  const labs = await labStatus(options.name);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(labs, undefined, 2)}\n`);
    return;
  }
  if (labs.length === 0) process.stdout.write('There is no lab on this machine: mesh lab up makes one.\n');
  for (const lab of labs) {
    process.stdout.write(`${lab.name}  (inventory ${lab.inventoryFile})\n`);
    for (const host of lab.hosts) {
      process.stdout.write(
        `  ${host.name}  ${host.state.padEnd(8)}  ${host.underlayAddress}  ssh 127.0.0.1:${host.sshPort}\n`,
      );
    }
  }
}

async function exec(host: string, words: readonly string[], options: LabOptions): Promise<void> {
  const { openLab } = await import('../lab/index.js');
  const lab = await openLab(options.name);
  const result = await lab.exec(host, words.length === 1 ? ['sh', '-c', words[0] ?? ''] : words);
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.code ?? 1;
}

async function down(options: Partial<LabOptions> & { readonly all?: boolean }): Promise<void> {
  const { labDown, labStatus } = await import('../lab/index.js');
  const names = options.all ? (await labStatus()).map(({ name }) => name) : [options.name ?? 'default'];
  for (const name of names) {
    const was = await labDown(name, { onProgress: progress() });
    process.stdout.write(was ? `lab '${name}' is gone\n` : `there was no lab '${name}'\n`);
  }
}

/** `mesh lab`: throw-away hosts on this machine. */
export function register(program: Command): void {
  const lab = program
    .command('lab')
    .description('throw-away hosts on this machine: real systemd, sshd, Docker and Open vSwitch, to try mesh on');
  const named = (command: Command) => command.option('--name <name>', 'which lab', 'default');
  named(lab.command('up'))
    .description('make the hosts, or what is missing of them, and write their inventory')
    .option('--hosts <n>', 'how many (default 3)', count)
    .option('--without <feature=host>', 'make a host without openvswitch or docker', without, {})
    .option('--inventory <file>', 'where the inventory is written (default inventory/lab.yml)')
    .action((options: UpOptions) => reported(() => up(options)));
  lab
    .command('status')
    .description('what the hosts are in')
    .option('--name <name>', 'one lab instead of all')
    .option('--json', 'as JSON')
    .action((options) => reported(() => status(options)));
  named(lab.command('exec <host> <command...>'))
    .description('run a command on a host, not by SSH: mesh lab exec docker41 -- ip addr')
    .action((host: string, words: readonly string[], options: LabOptions) =>
      reported(() => exec(host, words, options)),
    );
  const power = (verb: 'reboot' | 'off' | 'on', description: string) =>
    named(lab.command(`${verb} <host>`))
      .description(description)
      .action((host: string, options: LabOptions) =>
        reported(async () => {
          const { openLab } = await import('../lab/index.js');
          const opened = await openLab(options.name);
          if (verb === 'reboot') await opened.reboot(host);
          else if (verb === 'off') await opened.powerOff(host);
          else await opened.powerOn(host);
        }),
      );
  power('reboot', 'boot a host again, and wait until it is up');
  power('off', 'switch a host off');
  power('on', 'switch a host on, and wait until it is up');
  lab
    .command('down')
    .description('remove the hosts, and everything that belongs to them')
    .option('--name <name>', 'which lab (default: default)')
    .option('--all', 'every lab of this machine')
    .action((options) => reported(() => down(options)));
}
