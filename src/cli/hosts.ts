import { InputError } from '../errors.js';
import type { Host } from '../inventory/types.js';
import type { ConnectionFailure, Transport } from '../ssh/types.js';
import { inventoryFile, openInventory } from './inventory-file.js';
import type { HostOptions } from './options.js';

/** The hosts that a pattern and `--limit` leave, and a transport that asks on this terminal; closed when `work` ends. */
export async function withHosts(
  pattern: string,
  options: HostOptions,
  work: (hosts: readonly Host[], transport: Transport) => Promise<void>,
): Promise<void> {
  const [{ selectHosts }, { terminalQuestions }, { createTransport }, inventory] = await Promise.all([
    import('../inventory/patterns.js'),
    import('../ui/questions.js'),
    import('../ssh/transport.js'),
    openInventory(inventoryFile(undefined, options), options),
  ]);
  const selected = new Set(inventory.selected);
  const hosts = selectHosts(inventory, pattern).filter(({ name }) => selected.has(name));
  if (hosts.length === 0) throw InputError.of(`no host matches '${pattern}' within the limit`);
  const transport = createTransport({
    questions: terminalQuestions({ stdin: process.stdin, output: process.stderr }),
    acceptNew: options.acceptNew ?? false,
    forks: options.forks,
    askBecomePass: options.askBecomePass ?? false,
  });
  try {
    await work(hosts, transport);
  } finally {
    await transport.close();
  }
}

/** One line for people about a host that could not be reached. */
export function failureLine(failure: ConnectionFailure): string {
  return `${failure.host}: ${failure.reason}${failure.advice ? `\n  ${failure.advice}` : ''}`;
}
