import type { Secret, Value, Variable } from './types.js';
import type { YamlEntry, YamlNode } from './yaml.js';

/** What a person would call this node: `a list`, `the text "web"`, `the number 22`. */
export function describeNode(node: YamlNode): string {
  return node.kind === 'scalar' ? describeValue(node.value) : node.kind === 'list' ? 'a list' : 'a mapping';
}

export function describeValue(value: Value): string {
  if (value === null) return 'empty';
  if (isSecret(value)) return 'a secret';
  if (typeof value === 'string') return `the text "${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'boolean') return `the truth value ${value}`;
  return Array.isArray(value) ? 'a list' : 'a mapping';
}

export function isSecret(value: Value | undefined): value is Secret {
  return (
    typeof value === 'object' &&
    value !== null &&
    'secret' in value &&
    'reveal' in value &&
    typeof value.reveal === 'function'
  );
}

/** A vault-encrypted value: nobody here can decrypt it, so it stays closed. */
export function isVault(value: Value | undefined): boolean {
  return isSecret(value) && value.origin === VAULT_ORIGIN;
}

const VAULT_ORIGIN = 'Ansible Vault';
export const VAULT_FIX =
  "mesh does not decrypt Ansible Vault; for a password write \"{{ lookup('env', 'NAME') }}\", \"{{ lookup('file', 'PATH') }}\" or " +
  "\"{{ lookup('pipe', 'COMMAND') }}\" (COMMAND may be ansible-vault), for anything else the plain value";

const closed: Secret = {
  secret: true,
  origin: VAULT_ORIGIN,
  reveal: () => Promise.reject(new Error(`the value is encrypted with Ansible Vault: ${VAULT_FIX}`)),
};

const cache = new WeakMap<YamlNode, Value>();

/** A node as plain data. Aliases of one node share one value. */
export function toValue(node: YamlNode): Value {
  if (node.kind === 'scalar') return node.tag === 'vault' ? closed : node.value;
  const known = cache.get(node);
  if (known !== undefined) return known;
  const value: Value =
    node.kind === 'list'
      ? node.items.map(toValue)
      : Object.fromEntries(node.entries.map((entry) => [entry.name, toValue(entry.value)]));
  cache.set(node, value);
  return value;
}

/** Whether `!vault` stands anywhere in a value. */
export function holdsVault(value: Value): boolean {
  if (isVault(value)) return true;
  if (typeof value !== 'object' || value === null || isSecret(value)) return false;
  return Object.values(value).some(holdsVault);
}

export function toVariable(entry: YamlEntry, scope: string): Variable {
  const origin = { scope, at: entry.value.at, keyAt: entry.key.at };
  const value = toValue(entry.value);
  return entry.value.tag === 'unsafe' ? { value, origin, unsafe: true } : { value, origin };
}
