import type { Value } from '../inventory/types.js';
import { Deferred, evaluate, type Scope } from '../playbook/template.js';

/** Evaluates a template in a connection or mesh setting over the host's other variables, whose templates are evaluated too. */
export function evaluateSetting(text: string, vars: { readonly [name: string]: Value }): Value {
  const scope: Scope = {
    lookup: (name) => {
      const value = Object.hasOwn(vars, name) ? vars[name] : undefined;
      if (value === undefined) return undefined;
      const known = deferred.get(name) ?? new Deferred(value, scope, name);
      deferred.set(name, known);
      return known;
    },
    names: () => Object.keys(vars),
  };
  const deferred = new Map<string, Deferred>();
  return evaluate(text, scope);
}
