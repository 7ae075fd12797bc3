import type { HostFacts } from '../facts/types.js';
import type { Host, Value, Variable } from '../inventory/types.js';
import { Deferred, Lookup, type Scope, type Scoped, Unknown } from './expression/values.js';

/** Names that mesh itself gives a meaning to; a playbook or inventory cannot give them another one. */
export const reservedNames = ['mesh', 'facts', 'inventory_hostname', 'group_names', 'groups', 'hostvars'] as const;

export interface ScopeParts {
  /** The host's variables as the inventory has them; templates in them are evaluated when they are used. */
  readonly host?: ReadonlyMap<string, Variable>;
  readonly play?: Readonly<Record<string, Value>>;
  readonly task?: Readonly<Record<string, Value>>;
  /** The loop's variable: data, never a template. */
  readonly loop?: Readonly<Record<string, Scoped>>;
  /** `mesh`, `facts`, `inventory_hostname`, …: data, never a template. */
  readonly given?: Readonly<Record<string, Scoped>>;
}

/**
 * The names of one task on one host. What wins, first to last: names that mesh gives, `--extra-vars`, the loop's variable,
 * the task's variables, the play's, the host's. Ansible's order ("Understanding variable precedence").
 */
export function scopeFor({ host, play, task, loop, given }: ScopeParts): Scope {
  const scope: Scope = {
    lookup(name) {
      if (given && Object.hasOwn(given, name)) return given[name];
      const inventory = host?.get(name);
      if (inventory?.origin.scope === '--extra-vars') return new Deferred(inventory.value, scope, name);
      if (loop && Object.hasOwn(loop, name)) return loop[name];
      for (const vars of [task, play]) {
        const value = vars && Object.hasOwn(vars, name) ? vars[name] : undefined;
        if (value !== undefined) return new Deferred(value, scope, name);
      }
      return inventory && new Deferred(inventory.value, scope, name);
    },
    names() {
      const parts = [given, loop, task, play].flatMap((part) => Object.keys(part ?? {}));
      return [...new Set([...parts, ...(host?.keys() ?? [])])];
    },
  };
  return scope;
}

/** `hostvars`: every host's variables, each with its templates evaluated as that host, and made only when asked for. */
export function hostvarsOf(hosts: readonly Host[], given: (host: Host) => Readonly<Record<string, Scoped>>): Lookup {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const made = new Map<string, Lookup>();
  return new Lookup(
    () => [...byName.keys()],
    (name) => {
      const host = byName.get(name);
      if (!host) return undefined;
      const known = made.get(name);
      if (known) return known;
      const scope = scopeFor({ host: host.vars, given: given(host) });
      const vars = new Lookup(scope.names, scope.lookup);
      made.set(name, vars);
      return vars;
    },
  );
}

/** The facts as `facts`: what could not be read is unknown, and says why when a template needs it. */
export function scopedFacts(facts: HostFacts): Scoped {
  return scopedData(facts, 'facts');
}

/**
 * Any data of the program's own as a template sees it: facts unwrapped, properties that are undefined left out. Its texts
 * are never taken for templates.
 *
 * @param path - how people name it: `mesh`.
 */
export function scopedData(value: unknown, path: string): Scoped {
  if (Array.isArray(value)) return value.map((item: unknown, index) => scopedData(item, `${path}[${index}]`));
  if (typeof value === 'object' && value !== null) {
    if ('known' in value && value.known === true && 'value' in value) return scopedData(value.value, path);
    if ('known' in value && value.known === false && 'why' in value)
      return new Unknown(`${path} (${String(value.why)})`);
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]: [string, unknown]) => item !== undefined)
        .map(([key, item]: [string, unknown]) => [key, scopedData(item, `${path}.${key}`)]),
    );
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
