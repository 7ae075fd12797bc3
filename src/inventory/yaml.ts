import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Fault, Position } from '../errors.js';
import { excerpt } from './excerpt.js';
import { plainScalar } from './scalars.js';
import { syntaxFault } from './syntax.js';

/** A YAML file as read: every node with the place where it starts. */
export type YamlNode = YamlScalar | YamlList | YamlMap;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly value: null | boolean | number | string;
  readonly at: Position;
  /** `!vault`: the text is ciphertext. `!unsafe`: the text is never a template. */
  readonly tag?: 'vault' | 'unsafe';
}

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly at: Position;
  readonly tag?: 'unsafe';
}

export interface YamlMap {
  readonly kind: 'map';
  /** In the order in which PyYAML would fill its dictionary: what is merged comes first. */
  readonly entries: readonly YamlEntry[];
  readonly at: Position;
  readonly tag?: 'unsafe';
}

export interface YamlEntry {
  readonly key: YamlScalar;
  /** The key as text. */
  readonly name: string;
  readonly value: YamlNode;
}

export interface YamlFile {
  readonly file: string;
  readonly text: string;
  /** Undefined for a file without content, and where a fault kept the file from being read. */
  readonly root: YamlNode | undefined;
  readonly faults: readonly Fault[];
}

/** More nodes than this after aliases are followed is an attack or an accident, not a configuration. */
const MAX_WEIGHT = 5_000_000;

/**
 * Reads one YAML document as Ansible does: YAML 1.1 by PyYAML's rules, merge keys, `!vault` and `!unsafe`.
 *
 * Never throws for what is in the text: syntax errors (the first: what follows one is guesswork), duplicate keys and
 * unsupported tags are in `faults`.
 */
export function readYaml(source: string, file: string): YamlFile {
  const text = source.replace(/^\uFEFF/, '');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
    // 'silent' would keep a second document from being told.
    logLevel: 'error',
  });
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const first = document.errors[0];
  if (first) return { file, text, root: undefined, faults: [syntaxFault(document, first, text, place)] };
  const reading = new Reading(text, place, isJson(text));
  const root = document.contents ? reading.node(document.contents as ParsedNode) : undefined;
  const blank = root?.kind === 'scalar' && root.value === null;
  return { file, text, root: blank ? undefined : root, faults: reading.faults };
}

/** Ansible tries JSON before YAML, so `1e3` in a JSON file is a number. */
function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

class Reading {
  readonly faults: Fault[] = [];
  private readonly anchors = new Map<string, { node: YamlNode; weight: number }>();
  private weight = 0;

  constructor(
    private readonly text: string,
    private readonly place: (offset: number) => Position,
    private readonly json: boolean,
  ) {}

  node(node: ParsedNode | null): YamlNode {
    if (node === null) return { kind: 'scalar', value: null, at: this.place(0) };
    if (isAlias(node)) return this.alias(node as Alias.Parsed);
    const before = this.weight;
    this.weight += 1;
    const read = isMap(node) ? this.map(node) : isSeq(node) ? this.list(node) : this.scalar(node);
    if (node.anchor) this.anchors.set(node.anchor, { node: read, weight: this.weight - before });
    return read;
  }

  private fault(message: string, at: Position, fix: string): void {
    this.faults.push({ message, at, excerpt: excerpt(this.text, at), fix });
  }

  private alias(alias: Alias.Parsed): YamlNode {
    const at = this.place(alias.range[0]);
    const target = this.anchors.get(alias.source);
    if (!target) {
      const message = `*${alias.source} names no value that ends above it`;
      this.fault(message, at, `put the anchor &${alias.source} before the value that is meant, further up`);
      return { kind: 'scalar', value: null, at };
    }
    this.weight += target.weight;
    if (this.weight > MAX_WEIGHT) {
      if (this.weight - target.weight <= MAX_WEIGHT) {
        this.fault('the aliases of this file expand to millions of values', at, 'write the values out');
      }
      return { kind: 'scalar', value: null, at };
    }
    return target.node;
  }

  private tag(node: { tag?: string }, at: Position, standard: readonly string[]): string | undefined {
    const tag = node.tag;
    if (tag === undefined) return undefined;
    if (tag === '!unsafe') return 'unsafe';
    if (tag === '!vault' || tag === '!vault-encrypted') return 'vault';
    const short = tag.replace('tag:yaml.org,2002:', '').replace(/^!$/, 'str');
    if (standard.includes(short)) return short;
    this.fault(`the tag ${tag.replace('tag:yaml.org,2002:', '!!')} is not supported`, at, 'write the value without it');
    return undefined;
  }

  private scalar(node: Scalar.Parsed): YamlScalar {
    const at = this.place(node.range[0]);
    const tag = this.tag(node, at, ['str', 'int', 'float', 'bool', 'null', 'timestamp']);
    const source = typeof node.value === 'string' ? node.value : (node.source ?? '');
    if (tag === 'vault' || tag === 'unsafe') return { kind: 'scalar', value: source, at, tag };
    if (tag === 'str') return { kind: 'scalar', value: source, at };
    if (tag !== undefined || node.type === 'PLAIN' || node.type === undefined) {
      const value = this.json && tag === undefined ? JSON.parse(source) : plainScalar(source);
      return { kind: 'scalar', value, at };
    }
    return { kind: 'scalar', value: source, at };
  }

  private list(node: YAMLSeq.Parsed): YamlList {
    const at = this.place(node.range[0]);
    const tag = this.tag(node, at, ['seq']);
    const items = node.items.map((item) => this.node(item));
    return { kind: 'list', items, at, ...(tag === 'unsafe' ? { tag } : {}) };
  }

  private map(node: YAMLMap.Parsed): YamlNode {
    const at = this.place(node.range[0]);
    const tag = this.tag(node, at, ['map']);
    const merged: YamlEntry[] = [];
    const own = new Map<string, YamlEntry>();
    for (const pair of node.items) {
      const key = this.node(pair.key);
      const value = pair.value ? this.node(pair.value) : { kind: 'scalar' as const, value: null, at: key.at };
      if (isScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.value === '<<') {
        merged.push(...this.merge(value));
        continue;
      }
      if (key.kind !== 'scalar') {
        this.complexKey(key, at);
        return { kind: 'scalar', value: null, at };
      }
      const entry = { key, name: keyText(key.value), value };
      const identity = `${typeof key.value}:${entry.name}`;
      const first = own.get(identity);
      if (first) {
        const fix = 'keep one of the two, or put what both say under one key';
        this.fault(`"${entry.name}" is written twice, first in line ${first.key.at.line}`, key.at, fix);
      } else {
        own.set(identity, entry);
      }
    }
    const entries = merged.length > 0 ? withoutOverridden([...merged, ...own.values()]) : [...own.values()];
    return { kind: 'map', entries, at, ...(tag === 'unsafe' ? { tag } : {}) };
  }

  /** PyYAML's order: of several merged mappings the first one wins, and the mapping's own keys win over all of them. */
  private merge(value: YamlNode): readonly YamlEntry[] {
    if (value.kind === 'map') return value.entries;
    if (value.kind === 'list' && value.items.every((item) => item.kind === 'map')) {
      return [...value.items].reverse().flatMap((item) => (item.kind === 'map' ? item.entries : []));
    }
    this.fault('<< merges a mapping or a list of mappings, and this is neither', value.at, 'write << : *NAME');
    return [];
  }

  private complexKey(key: YamlNode, outer: Position): void {
    const { line, column } = key.at;
    const rest = this.text.split(/\r?\n/)[line - 1]?.slice(Math.max(0, column - 2)) ?? '';
    if (/^\{?\s*\{/.test(rest)) {
      this.fault('a template that starts a value must be in quotes', outer, 'write "{{ … }}"');
    } else {
      this.fault('a key must be a word or a number', key.at, 'write the key as plain text');
    }
  }
}

function keyText(value: YamlScalar['value']): string {
  return value === null ? 'null' : String(value);
}

function withoutOverridden(entries: readonly YamlEntry[]): YamlEntry[] {
  const kept = new Map<string, YamlEntry>();
  for (const entry of entries) kept.set(`${typeof entry.key.value}:${entry.name}`, entry);
  return [...kept.values()];
}
