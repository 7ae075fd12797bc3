import type { Section } from './frames.js';
import type { Fact } from './types.js';

export type Sections = ReadonlyMap<string, Section>;

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

/** The section if its command went well; else why it is not known. `fine`: other exit codes that are no failure. */
export function good(sections: Sections, name: string, what: string, fine: readonly number[] = [0]): Fact<Section> {
  const section = sections.get(name);
  if (!section) return unknown(`the observation broke off before ${what} was read`);
  if (typeof section.status === 'string') return unknown(`${what} could not be read: ${section.status}`);
  if (fine.includes(section.status)) return known(section);
  return unknown(`${what} could not be read: ${ending(section.status)}${lastLine(section)}`);
}

function ending(status: number): string {
  // timeout(1), a signal's number plus 128, and curl(1).
  if (status === 28 || status === 124 || status === 137 || status === 142) return 'no answer in time';
  if (status === 126 || status === 127) return 'its command is missing or cannot be run';
  return `exit code ${status}`;
}

function lastLine(section: Section): string {
  const text = section.stderr || section.content.toString('utf8').slice(-500);
  const line = text.trim().split('\n').at(-1)?.trim();
  return line ? ` (${line.slice(0, 300)})` : '';
}

export function linesOf(content: Buffer): string[] {
  return content
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** JSON text as a value, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
