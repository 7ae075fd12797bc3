import { readFileSync } from 'node:fs';

/** An inventory with the files beside it, and what is said of it. */
export interface Case {
  readonly name: string;
  readonly files: { readonly [path: string]: string };
  readonly says: string;
}

/**
 * The cases of a file in `faults/`: `=== NAME`, then inventory.yml, then `--- PATH` before each further file, then
 * `--- says` and the exact text.
 */
export function readCases(file: string): readonly Case[] {
  const text = readFileSync(new URL(`faults/${file}`, import.meta.url), 'utf8');
  return text
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const end = block.indexOf('\n');
      const [inventory = '', ...parts] = block.slice(end + 1).split(/^--- /m);
      const named = parts.map((part): [string, string] => {
        const line = part.indexOf('\n');
        return [part.slice(0, line), part.slice(line + 1)];
      });
      const { says = '', ...others } = Object.fromEntries(named);
      return { name: block.slice(0, end), files: { 'inventory.yml': inventory, ...others }, says: says.trimEnd() };
    });
}
