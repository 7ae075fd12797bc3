import { type Command, Option } from 'commander';
import { withExamples } from './help.js';
import { inventoryFile, openInventory } from './inventory-file.js';

interface Options {
  readonly inventory?: string;
  readonly list?: boolean;
  readonly graph?: boolean;
  readonly host?: string;
  readonly json?: boolean;
  readonly limit?: string;
}

/** `mesh inventory`: what was understood of an inventory, and where each value came from. */
export function register(program: Command): void {
  const command = program
    .command('inventory [inventory]')
    .description('show what was understood of an inventory')
    .option('-i, --inventory <file>', 'the inventory; else $MESH_INVENTORY or ./inventory.yml')
    .addOption(
      new Option(
        '--list',
        'every host, and where each value was set; with --json in the shape of ansible-inventory --list',
      ).conflicts(['graph', 'host']),
    )
    .addOption(new Option('--graph', 'groups and hosts as a tree, with addresses').conflicts(['host']))
    .option('--host <name>', 'the variables of one host with their origin, its connection and its mesh settings')
    .option('-l, --limit <pattern>', 'only these hosts, e.g. web:&prod:!docker42')
    .option('--json', 'as JSON')
    .action((file: string | undefined, options: Options) => show(inventoryFile(file, options), options));
  withExamples(command, [
    ['mesh inventory inventory.yml', 'hosts, addresses, slices, groups'],
    ['mesh inventory inventory.yml --graph', 'groups and hosts as a tree'],
    ['mesh inventory inventory.yml --host docker41', 'its variables and their origin'],
    ['mesh inventory inventory.yml --list --json', 'as ansible-inventory --list'],
  ]);
}

async function show(file: string, options: Options): Promise<void> {
  const [inventory, list, tables] = await Promise.all([
    openInventory(file, options),
    import('../inventory/list.js'),
    import('../inventory/tables.js'),
  ]);
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  if (options.host !== undefined) {
    const { oneHost } = await import('../inventory/patterns.js');
    const host = oneHost(inventory, options.host);
    process.stdout.write(options.json ? json(list.toHostJson(host)) : `${tables.toHostText(host)}\n`);
  } else if (options.json) {
    process.stdout.write(json(list.toAnsibleList(inventory)));
  } else if (options.graph) {
    process.stdout.write(`${tables.toGraph(inventory)}\n`);
  } else {
    const { readLock } = await import('../inventory/lock.js');
    process.stdout.write(`${tables.toTable(inventory, (await readLock(file)).slices)}\n`);
  }
}
