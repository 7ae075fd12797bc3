import { distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { InputError } from '../errors.js';
import type { HostFacts, Interests } from '../facts/types.js';
import type { Diff, Resource } from './types.js';

/** One thing that is wrong with a task's parameters. `path` leads to it: `['settings', 'mtu']`. */
export interface ParamIssue {
  readonly path: readonly (string | number)[];
  /** One sentence without a full stop. */
  readonly message: string;
  readonly fix?: string;
}

/** A resource whose parameters are still what a playbook holds. */
export interface Defined {
  readonly type: string;
  /** The parameters that it has, for a reader's help. */
  readonly parameters: readonly string[];
  /** What is wrong with `raw`; nothing: the other functions take it. */
  readonly check: (raw: unknown) => readonly ParamIssue[];
  /** A name for people. Falls back to the type where `raw` is not valid (yet). */
  readonly label: (raw: unknown) => string;
  /**
   * What must be looked at. `raw` may still hold templates: what depends on one is left out, so ask again with the
   * finished parameters where the answer matters.
   */
  readonly interests: (raw: unknown) => Partial<Interests>;
  /** @throws {InputError} if `raw` is not valid: call `check` first to tell where in the file. */
  readonly diff: (raw: unknown, facts: HostFacts) => Diff;
}

/** Closes over a resource's schema, so that a registry of many types needs no cast. */
export function define<P>(resource: Resource<P>): Defined {
  const { type, schema } = resource;
  const parameters = parametersOf(schema);
  const issuesOf = (raw: unknown): { readonly params: P } | { readonly issues: readonly ParamIssue[] } => {
    const secrets = findSecrets(raw, []);
    if (secrets.length > 0) return { issues: secrets };
    const parsed = schema.safeParse(raw ?? {});
    if (parsed.success) return { params: parsed.data };
    return { issues: parsed.error.issues.flatMap((issue) => toIssues(type, parameters, issue, raw)) };
  };
  return {
    type,
    parameters,
    check: (raw) => {
      const result = issuesOf(raw);
      return 'issues' in result ? result.issues : [];
    },
    label: (raw) => {
      const result = issuesOf(raw);
      return 'params' in result ? resource.label(result.params) : type;
    },
    interests: (raw) => {
      for (const candidate of candidates(raw)) {
        const parsed = schema.safeParse(candidate);
        if (parsed.success) return finished(resource.interests(parsed.data));
      }
      return {};
    },
    diff: (raw, facts) => {
      const result = issuesOf(raw);
      if ('params' in result) return resource.diff(result.params, facts);
      const [first, ...rest] = result.issues.map(({ path, message, fix }) => ({
        message: `${[type, ...path].join('.')}: ${message}`,
        ...(fix === undefined ? {} : { fix }),
      }));
      throw first ? new InputError([first, ...rest]) : InputError.of(`${type}: the parameters are not valid`);
    },
  };
}

function toIssues(
  type: string,
  parameters: readonly string[],
  issue: z.core.$ZodIssue,
  raw: unknown,
): readonly ParamIssue[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = parameters.filter((name) => distance(key, name) <= 2)[0];
      const fix = near === undefined ? `its parameters are ${parameters.join(', ')}` : `did you mean \`${near}\`?`;
      return { path: [...path, key], message: `${type} has no parameter \`${key}\``, fix };
    });
  }
  if (path.length === 0 && issue.code === 'invalid_type') {
    return [
      {
        path,
        message: `${type} wants its parameters as a mapping`,
        fix: `its parameters are ${parameters.join(', ')}`,
      },
    ];
  }
  const missing = issue.code === 'invalid_type' && valueAt(raw, path) === undefined;
  if (missing) return [{ path, message: `is missing: ${issue.message}` }];
  if (issue.code === 'invalid_value') {
    return [{ path, message: `must be ${issue.values.map((value) => `\`${String(value)}\``).join(', ')}` }];
  }
  return [{ path, message: issue.message }];
}

function valueAt(raw: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, part) => (isRecord(value) ? value[part] : undefined), raw);
}

/** Steps are shown, saved and sent as text: a secret has no place in them. */
function findSecrets(raw: unknown, path: readonly (string | number)[]): readonly ParamIssue[] {
  if (!isRecord(raw)) return [];
  if (raw.secret === true && typeof raw.reveal === 'function') {
    const origin = typeof raw.origin === 'string' ? ` (${raw.origin})` : '';
    const fix = 'put it on the host by your own means; mesh cannot carry secrets in steps yet';
    return [{ path, message: `is a secret${origin}: steps are shown and saved, so they take none`, fix }];
  }
  return Object.entries(raw).flatMap(([key, value]) =>
    findSecrets(value, [...path, Array.isArray(raw) ? Number(key) : key]),
  );
}

/**
 * `raw`, then what is left of it without its templates. A state that asks for less is tried last: what a resource looks
 * at does not depend on it, but `content: '{{ … }}'` is missing from what is left.
 */
function candidates(raw: unknown): readonly unknown[] {
  const left = withoutTemplates(raw) ?? {};
  if (!isRecord(left)) return [raw];
  return [raw ?? {}, left, { ...left, state: 'former' }, { ...left, state: 'absent' }];
}

/** `raw` without every member whose text is a template. */
function withoutTemplates(raw: unknown): unknown {
  if (typeof raw === 'string') return hasTemplate(raw) ? undefined : raw;
  if (Array.isArray(raw)) return raw.map(withoutTemplates).filter((value) => value !== undefined);
  if (!isRecord(raw)) return raw;
  const kept = Object.entries(raw).map(([key, value]) => [key, withoutTemplates(value)] as const);
  return Object.fromEntries(kept.filter(([key, value]) => value !== undefined && !hasTemplate(key)));
}

function finished(interests: Partial<Interests>): Partial<Interests> {
  const known = Object.entries(interests).map(
    ([kind, names]) => [kind, names.filter((name) => !hasTemplate(name))] as const,
  );
  return Object.fromEntries(known.filter(([, names]) => names.length > 0));
}

function hasTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}

function isRecord(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === 'object' && value !== null;
}

function parametersOf(schema: unknown): readonly string[] {
  return isRecord(schema) && isRecord(schema.shape) ? Object.keys(schema.shape) : [];
}
