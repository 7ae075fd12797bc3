import { dirname } from 'node:path';
import type { Complaints } from './complaints.js';
import { type HostReader, isTemplate } from './resolved.js';
import { plainSecret, SECRET_FORMS, toSecret } from './secrets.js';
import { defined } from './settings.js';
import type { Secret, Variable } from './types.js';
import { describeValue, isSecret, isVault, VAULT_FIX } from './values.js';

// Of several names of one setting the last one that is set counts, as in Ansible's ssh and sudo plugins.
export const PASSWORD: readonly string[] = ['ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'];
export const BECOME_PASSWORD: readonly string[] = [
  'ansible_become_password',
  'ansible_become_pass',
  'ansible_sudo_pass',
];

export interface ConnectionContext {
  /** The inventory's file. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly complaints: Complaints;
}

type Vars = ReadonlyMap<string, Variable>;

const REFERENCE = /^\s*\{\{\s*([A-Za-z_]\w*)\s*\}\}\s*$/;

/** The password that the last of `names` to be set gives, through `{{ other_variable }}` too. What is wrong is noted. */
export function passwordFor(
  host: HostReader,
  names: readonly string[],
  context: ConnectionContext,
): Secret | undefined {
  const set = names.filter((name) => (host.vars.get(name)?.value ?? null) !== null);
  const name = set.at(-1);
  const variable = name === undefined ? undefined : host.vars.get(name);
  return name === undefined || !variable ? undefined : passwordOf(name, variable, host, context, new Set());
}

const secrets = new WeakMap<Variable, Secret>();

function passwordOf(
  name: string,
  variable: Variable,
  host: HostReader,
  context: ConnectionContext,
  seen: Set<string>,
): Secret | undefined {
  const { complaints } = context;
  const { value, origin } = variable;
  if (isVault(value)) {
    complaints.fault(`${name} is encrypted with Ansible Vault`, origin.at, VAULT_FIX);
    return undefined;
  }
  if (isSecret(value)) return value;
  if (typeof value !== 'string') {
    complaints.fault(
      `${name} must be text, and this is ${typeof value === 'object' ? describeValue(value) : `a ${typeof value}`}`,
      origin.at,
      'put it in quotes',
    );
    return undefined;
  }
  const known = secrets.get(variable);
  if (known) return known;
  const where = `${origin.at?.file ?? context.file}:${origin.at?.line ?? 1}`;
  if (variable.unsafe) return plainSecret(value, where);
  const directory = dirname(context.file);
  const secret = toSecret(value, { env: context.env, directory, variable: name, ...defined('at', origin.at) });
  if (secret) {
    secrets.set(variable, secret);
    return secret;
  }
  const other = REFERENCE.exec(value)?.[1];
  const target = other === undefined || seen.has(other) ? undefined : host.vars.get(other);
  if (other !== undefined && target) return passwordOf(other, target, host, context, seen.add(other));
  if (other !== undefined) {
    const message = `${name} takes its value from ${other}, which ${seen.has(other) ? 'refers to itself' : `host ${host.host} does not have`}`;
    complaints.fault(message, origin.at, SECRET_FORMS);
    return undefined;
  }
  const resolved = host.get(name, SECRET_FORMS);
  if (!resolved) return undefined;
  if (typeof resolved.value === 'string' && !isTemplate(resolved.value)) return plainSecret(resolved.value, where);
  complaints.fault(`the template of ${name} does not yield text`, origin.at, SECRET_FORMS);
  return undefined;
}

/** Names of all variables that hold a password: the known ones, and those that these refer to. */
export function passwordNames(sets: Iterable<Vars>): ReadonlySet<string> {
  const names = new Set([...PASSWORD, ...BECOME_PASSWORD]);
  const all = [...sets];
  // A set grows while it is walked, so references of references are found too.
  for (const name of names) {
    for (const vars of all) {
      const value = vars.get(name)?.value;
      const other = typeof value === 'string' ? REFERENCE.exec(value)?.[1] : undefined;
      if (other !== undefined) names.add(other);
    }
  }
  return names;
}

/** Closes passwords in variables, so that whoever prints or templates them meets a Secret. One variable stays one secret. */
export function closePasswords(
  vars: Vars,
  names: ReadonlySet<string>,
  context: Omit<ConnectionContext, 'complaints'>,
): Vars {
  if (![...names].some((name) => vars.has(name))) return vars;
  return new Map(
    [...vars].map(([name, variable]) => [name, names.has(name) ? close(name, variable, context) : variable]),
  );
}

const closed = new WeakMap<Variable, Variable>();

function close(name: string, variable: Variable, context: Omit<ConnectionContext, 'complaints'>): Variable {
  const { value, origin } = variable;
  if (value === null || isSecret(value)) return variable;
  const known = closed.get(variable);
  if (known) return known;
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const at = origin.at;
  const secret =
    secrets.get(variable) ??
    toSecret(text, { env: context.env, directory: dirname(context.file), variable: name, ...defined('at', at) }) ??
    plainSecret(text, 'a template');
  const shut = { ...variable, value: secret };
  closed.set(variable, shut);
  return shut;
}
