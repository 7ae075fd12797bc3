import type { Position } from '../errors.js';
import type { Complaints } from './complaints.js';
import type { Value, Variable } from './types.js';
import { holdsVault, VAULT_FIX } from './values.js';

/** Evaluates `{{ }}` in a text over variables; throws an Error whose message says what is wrong. */
export type Evaluate = (text: string, vars: { readonly [name: string]: Value }) => Value;

/** A variable that mesh itself uses, its template evaluated. */
export interface Resolved {
  readonly name: string;
  readonly value: Exclude<Value, null>;
  readonly variable: Variable;
  readonly at: Position | undefined;
}

/** Reads one host's variables for mesh's own use. */
export interface HostReader {
  readonly host: string;
  readonly vars: ReadonlyMap<string, Variable>;
  /** Undefined: not set, empty, or faulty (then the fault is noted, with `fix` where a template is to blame). */
  get(name: string, fix?: string): Resolved | undefined;
  /** The last of several names that is set: Ansible's order among a setting's names. */
  last(names: readonly string[]): Resolved | undefined;
}

export function readHost(
  host: string,
  groups: readonly string[],
  vars: ReadonlyMap<string, Variable>,
  complaints: Complaints,
  evaluate: Evaluate | undefined,
): HostReader {
  let context: { [name: string]: Value } | undefined;
  const template = (name: string, text: string, at: Position | undefined, fix = 'write the value itself'): Value => {
    if (!evaluate) {
      complaints.fault(`${name} is a template, which cannot be evaluated here`, at, fix);
      return null;
    }
    context ??= Object.fromEntries([
      ...[...vars].map(([key, variable]) => [key, variable.value] as const),
      ['inventory_hostname', host],
      ['inventory_hostname_short', host.split('.')[0] ?? host],
      ['group_names', groups],
    ]);
    try {
      return evaluate(text, context);
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      complaints.fault(`the template of ${name} cannot be evaluated for host ${host}: ${why}`, at, fix);
      return null;
    }
  };
  const get = (name: string, fix?: string): Resolved | undefined => {
    const variable = vars.get(name);
    if (!variable) return undefined;
    const at = variable.origin.at;
    let value = variable.value;
    if (holdsVault(value)) {
      complaints.fault(`${name} is encrypted with Ansible Vault`, at, VAULT_FIX);
      return undefined;
    }
    if (typeof value === 'string' && isTemplate(value) && !variable.unsafe) value = template(name, value, at, fix);
    return value === null ? undefined : { name, value, variable, at };
  };
  return {
    host,
    vars,
    get,
    last: (names) => names.reduce<Resolved | undefined>((found, name) => get(name) ?? found, undefined),
  };
}

export function isTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}
