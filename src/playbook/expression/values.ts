import type { Secret, Value } from '../../inventory/types.js';

/** What an expression yields: data without secrets, unknowns or templates. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** Something that could not be read. A template that needs it has no answer. */
export class Unknown {
  readonly unknown = true as const;
  /** @param what - for people: `facts.docker (permission denied)`. */
  constructor(readonly what: string) {}
}

/** Values whose strings are templates, evaluated in their scope when (and only if) they are used. */
export class Deferred {
  /** @param trail - how people name it: `mesh_ports`, `mesh_ports[0].name`. */
  constructor(
    readonly raw: Value,
    readonly scope: Scope,
    readonly trail: string,
    readonly reachedBy: readonly Frame[] = [],
  ) {}
}

/** A map whose values are made when they are asked for. */
export class Lookup {
  constructor(
    readonly keys: () => readonly string[],
    readonly get: (key: string) => Scoped | undefined,
  ) {}
}

/** A string that is being evaluated. Meeting the same frame within itself is a cycle. */
export interface Frame {
  readonly scope: Scope;
  readonly trail: string;
}

/** What a name may stand for. */
export type Scoped = Value | Unknown | Deferred | Lookup | readonly Scoped[] | { readonly [key: string]: Scoped };

/** The names that an expression may use. */
export interface Scope {
  /** The value behind a name; undefined if there is none. The same name must give the same value every time. */
  lookup(name: string): Scoped | undefined;
  /** Every name, for 'did you mean'. */
  names(): readonly string[];
}

export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && 'reveal' in value && typeof value.reveal === 'function';
}

export function isScopedList<T>(value: readonly T[] | Scoped): value is readonly T[] {
  return Array.isArray(value);
}

export function isScopedMap(value: Scoped): value is { readonly [key: string]: Scoped } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isPlainList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

export function isPlainMap(value: Plain): value is { readonly [key: string]: Plain } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What kind of value it is, with its article: `a list`. */
export function kindOf(value: Plain): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'a boolean';
  return isPlainList(value) ? 'a list' : 'a map';
}

/** A value for people, short: `'yes'`, `3`, `a list`. */
export function show(value: Plain): string {
  if (typeof value === 'string') return value.length > 40 ? `the text '${value.slice(0, 40)}…'` : `the text '${value}'`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

/** Builds a map of own properties only, whatever the keys are called. */
export function mapOf(entries: Iterable<readonly [string, Plain]>): { readonly [key: string]: Plain } {
  return Object.fromEntries(entries);
}
