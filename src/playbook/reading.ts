import type { Fault, Position } from '../errors.js';
import { excerpt } from '../inventory/excerpt.js';
import { nearest } from '../inventory/nearest.js';
import type { Value } from '../inventory/types.js';
import type { YamlEntry, YamlMap, YamlNode, YamlScalar } from '../inventory/yaml.js';
import { checkCondition, checkTemplate, isTemplate, TemplateError } from './template.js';

/** More values than this in one playbook (after aliases) are an accident. */
const maxValues = 200_000;

/** What is wrong with a resource's parameters; `path` leads to it: `['settings', 'mtu']`. */
export type CheckParameters = (
  type: string,
  params: Value,
) => readonly { readonly path: readonly (string | number)[]; readonly message: string; readonly fix?: string }[];

/** A playbook's text while it is read, and what is wrong in it so far. */
export interface Reading {
  readonly file: string;
  readonly faults: readonly Fault[];
  fault(message: string, at: Position, fix?: string): void;
  /** Text, or undefined after a fault. */
  text(entry: YamlEntry): string | undefined;
  /** Text that is used as it is; a template in it is a fault. */
  fixedText(entry: YamlEntry): string | undefined;
  flag(entry: YamlEntry): boolean | undefined;
  /** A text, or a list of texts. `comma`: a text is split at commas, as Ansible does for tags. */
  texts(entry: YamlEntry, comma?: 'comma'): readonly string[];
  map(node: YamlNode, what: string): YamlMap | undefined;
  list(entry: YamlEntry): readonly YamlNode[];
  /** Data with templates left in place; every template's syntax is checked. */
  value(node: YamlNode): Value;
  condition(node: YamlScalar, text: string): void;
  /** A resource's parameters, as `value` has them. Where they hold no template, they are checked as a whole. */
  parameters(entry: YamlEntry): Value;
}

export function createReading(text: string, file: string, check: CheckParameters): Reading {
  const faults: Fault[] = [];
  const lines = text.split('\n');
  let values = 0;

  const fault: Reading['fault'] = (message, at, fix) => {
    const shown = excerpt(text, at);
    faults.push({ message, at, ...(shown && { excerpt: shown }), ...(fix !== undefined && { fix }) });
  };

  /** The place within a scalar, where the file spells the scalar as it reads; else the scalar's beginning. */
  const within = (node: YamlScalar, value: string, offset: number): Position => {
    const line = lines[node.at.line - 1] ?? '';
    const start = node.at.column - 1;
    const quote = /["']/.test(line.charAt(start)) ? 1 : 0;
    const before = value.slice(0, offset);
    const literal = !before.includes('\n') && line.startsWith(before, start + quote);
    return literal ? { ...node.at, column: node.at.column + quote + offset } : node.at;
  };

  const checked = (node: YamlScalar, value: string, check: (value: string) => void): void => {
    try {
      check(value);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      fault(error.problem, within(node, value, error.spot.offset), error.fix);
    }
  };

  const scalarText = (node: YamlNode, name: string): string | undefined => {
    if (node.kind === 'scalar' && typeof node.value === 'string' && node.tag === undefined) return node.value;
    fault(`\`${name}\` must be a text, not ${describe(node)}`, node.at, quotesFix(node));
    return undefined;
  };

  const value = (node: YamlNode): Value => {
    values += 1;
    if (values === maxValues) fault(`the playbook holds more than ${maxValues} values`, node.at, 'write fewer aliases');
    if (values >= maxValues) return null;
    if (node.tag !== undefined) {
      const fix = node.tag === 'vault' ? 'steps take no secret' : "write `{{ '{{' }}` for braces that are no template";
      fault(`\`!${node.tag}\` is not supported in a playbook`, node.at, fix);
      return null;
    }
    if (node.kind === 'list') return node.items.map(value);
    if (node.kind === 'map') return Object.fromEntries(node.entries.map((entry) => [keyOf(entry), value(entry.value)]));
    if (typeof node.value === 'string') checked(node, node.value, checkTemplate);
    if (typeof node.value === 'number' && !Number.isFinite(node.value)) {
      fault(`${node.value} cannot be used as a number`, node.at, 'put it in quotes');
      return null;
    }
    return node.value;
  };

  const keyOf = (entry: YamlEntry): string => {
    if (isTemplate(entry.name)) {
      fault('a key cannot be a template', entry.key.at, "build the map in an expression: `{{ {name: 'value'} }}`");
    }
    return entry.name;
  };

  return {
    file,
    faults,
    fault,
    value,
    text(entry) {
      const text = scalarText(entry.value, entry.name);
      if (text !== undefined && entry.value.kind === 'scalar') checked(entry.value, text, checkTemplate);
      return text;
    },
    fixedText(entry) {
      const text = scalarText(entry.value, entry.name);
      if (text === undefined || !isTemplate(text)) return text;
      fault(`\`${entry.name}\` cannot hold a template`, entry.value.at, 'write the value itself');
      return undefined;
    },
    flag(entry) {
      if (entry.value.kind === 'scalar' && typeof entry.value.value === 'boolean') return entry.value.value;
      fault(
        `\`${entry.name}\` must be true or false, not ${describe(entry.value)}`,
        entry.value.at,
        'write true or false',
      );
      return undefined;
    },
    texts(entry, comma) {
      const nodes = entry.value.kind === 'list' ? entry.value.items : [entry.value];
      return nodes.flatMap((node) => {
        const text = scalarText(node, entry.name);
        if (text === undefined) return [];
        const parts = (comma ? text.split(',') : [text]).map((part) => part.trim());
        const bad = parts.find((part) => part === '' || isTemplate(part));
        if (bad === undefined) return parts;
        fault(
          bad === '' ? `\`${entry.name}\` holds an empty text` : `\`${entry.name}\` cannot hold a template`,
          node.at,
        );
        return [];
      });
    },
    map(node, what) {
      if (node.kind === 'map') return node;
      fault(`${what} must be a map, not ${describe(node)}`, node.at, 'write `key: value` lines below it');
      return undefined;
    },
    list(entry) {
      if (entry.value.kind === 'list') return entry.value.items;
      const empty = entry.value.kind === 'scalar' && entry.value.value === null;
      if (!empty)
        fault(
          `\`${entry.name}\` must be a list, not ${describe(entry.value)}`,
          entry.value.at,
          'start every element with `- `',
        );
      return [];
    },
    condition(node, text) {
      checked(node, text, checkCondition);
    },
    parameters(entry) {
      const before = faults.length;
      const params = value(entry.value);
      if (faults.length > before || holdsTemplate(entry.value)) return params;
      for (const { path, message, fix } of check(entry.name, params)) {
        const told = message.startsWith(`${entry.name} `) ? message : `${[entry.name, ...path].join('.')}: ${message}`;
        fault(told, placeIn(entry, path), fix);
      }
      return params;
    },
  };
}

function holdsTemplate(node: YamlNode): boolean {
  if (node.kind === 'list') return node.items.some(holdsTemplate);
  if (node.kind === 'map') return node.entries.some(({ name, value }) => isTemplate(name) || holdsTemplate(value));
  return typeof node.value === 'string' && isTemplate(node.value);
}

/** Where a part of a resource's parameters stands; for one that is missing, what it is missing from. */
function placeIn(entry: YamlEntry, path: readonly (string | number)[]): Position {
  let at = entry.key.at;
  let node: YamlNode | undefined = entry.value;
  for (const part of path) {
    if (node?.kind === 'map') {
      const found: YamlEntry | undefined = node.entries.find(({ name }) => name === part);
      if (!found) return at;
      at = found.key.at;
      node = found.value;
    } else if (node?.kind === 'list' && typeof part === 'number') {
      node = node.items[part];
      at = node?.at ?? at;
    } else return at;
  }
  return at;
}

/** What a node is, for people. */
export function describe(node: YamlNode): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`;
  if (node.tag === 'vault') return 'a vault-encrypted value';
  if (node.tag === 'unsafe') return 'an `!unsafe` text';
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? `the text '${node.value.slice(0, 40)}'` : String(node.value);
}

function quotesFix(node: YamlNode): string | undefined {
  const bare = node.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'boolean');
  return bare ? 'put it in quotes' : undefined;
}

/** 'Did you mean', or what there is. Letters in another order count as near, however short the word is. */
export function suggest(word: string, known: readonly string[]): string {
  const letters = (text: string): string => [...text].sort().join('');
  const near = known.find((other) => letters(other) === letters(word)) ?? nearest(word, known);
  return near === undefined ? `there are: ${known.join(', ')}` : `did you mean \`${near}\`?`;
}
