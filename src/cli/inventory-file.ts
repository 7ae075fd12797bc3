import type { Inventory } from '../inventory/types.js';

/**
 * The inventory that a command works with: its argument, else `-i`, else $MESH_INVENTORY, else ./inventory.yml. It need not
 * exist: loading it says so, and what to write.
 */
export function inventoryFile(
  argument: string | undefined,
  options: { readonly inventory?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): string {
  return argument || options.inventory || env.MESH_INVENTORY || 'inventory.yml';
}

/**
 * Loads an inventory with templates in its settings evaluated, and prints its warnings on stderr.
 *
 * @throws {InputError} as `loadInventory` does.
 */
export async function openInventory(
  file: string,
  options: { readonly limit?: string | undefined } = {},
): Promise<Inventory> {
  const [{ loadInventory }, { evaluateSetting }, { renderFault }] = await Promise.all([
    import('../inventory/load.js'),
    import('./evaluate-setting.js'),
    import('../errors.js'),
  ]);
  const limit = options.limit === undefined ? {} : { limit: options.limit };
  const inventory = await loadInventory(file, { evaluate: evaluateSetting, ...limit });
  for (const warning of inventory.warnings) process.stderr.write(`warning: ${renderFault(warning)}\n`);
  return inventory;
}
