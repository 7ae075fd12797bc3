import type { Command } from 'commander';
import { withExamples } from './help.js';
import { type HostOptions, withHostOptions } from './options.js';

/** `mesh facts`: what is there on the hosts, read by one read-only script each. */
export function register(program: Command): void {
  const command = withHostOptions(program.command('facts [pattern]'))
    .description('show what is on hosts, changing nothing')
    .action(show);
  withExamples(command, [
    ['mesh facts -i inventory.yml', 'the gist of every host'],
    ['mesh facts docker41 -i inventory.yml --json', 'every fact, with its unit'],
  ]);
}

async function show(pattern: string | undefined, options: HostOptions): Promise<void> {
  const [{ withHosts, failureLine }, { gather }, { describeFacts }, { mergeInterests }] = await Promise.all([
    import('./hosts.js'),
    import('../engine/gather.js'),
    import('../facts/describe.js'),
    import('../facts/interests.js'),
  ]);
  await withHosts(pattern ?? 'all', options, async (hosts, transport) => {
    const services = ['docker', 'openvswitch-switch', 'openvswitch', 'mesh.service'];
    const interests = (name: string) =>
      mergeInterests([
        { services, bridges: hosts.filter((host) => host.name === name).map((host) => host.mesh.bridge) },
      ]);
    const { signal: stop } = new AbortController();
    const gathered = await gather({ hosts, interests, transport, emit: () => undefined, stop });
    const facts = [...gathered.values()].flatMap((one) => ('facts' in one ? [one.facts] : []));
    const failures = [...gathered.values()].flatMap((one) => ('failure' in one ? [one.failure] : []));
    if (options.json) {
      const unreachable = failures.map(({ host, kind, message }) => ({ host, kind, message }));
      process.stdout.write(`${JSON.stringify({ version: 1, hosts: facts, unreachable }, undefined, 2)}\n`);
    } else for (const one of facts) process.stdout.write(`${describeFacts(one)}\n\n`);
    for (const failure of failures) process.stderr.write(`${failureLine(failure)}\n`);
    process.exitCode = failures.length > 0 ? 4 : 0;
  });
}
