import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InputError, type Position } from '../errors.js';
import { expandHome } from './paths.js';
import type { Secret } from './types.js';

export interface SecretContext {
  readonly env: NodeJS.ProcessEnv;
  /** Where relative paths start and commands run: the inventory's directory. */
  readonly directory: string;
  /** For the error of a secret that cannot be had. */
  readonly variable: string;
  readonly at?: Position;
}

const LOOKUP = /^\{\{\s*lookup\(\s*(['"])(?:ansible\.builtin\.)?(env|file|pipe)\1\s*,\s*(['"])(.*)\3\s*\)\s*\}\}$/s;
const ENVIRONMENT = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

export const SECRET_FORMS =
  "write the password itself, ${NAME}, \"{{ lookup('env', 'NAME') }}\", \"{{ lookup('file', 'PATH') }}\" or \"{{ lookup('pipe', 'COMMAND') }}\"";

/**
 * A password variable's text as a secret, or undefined if the text is a template of another form.
 *
 * Nothing is read or run before `reveal`, and then once: the answer is kept. `reveal` rejects with InputError. Ends of
 * line at the end of a file or of a command's output are no part of the secret, as with Ansible's lookups.
 */
export function toSecret(text: string, context: SecretContext): Secret | undefined {
  const environment = ENVIRONMENT.exec(text)?.[1];
  if (environment !== undefined) return fromEnvironment(environment, context);
  const [, , kind, , argument] = LOOKUP.exec(text.trim()) ?? [];
  if (kind !== undefined && argument !== undefined) {
    if (kind === 'env') return fromEnvironment(argument, context);
    return kind === 'file' ? fromFile(argument, context) : fromCommand(argument, context);
  }
  if (text.includes('{{') || text.includes('{%')) return undefined;
  return plainSecret(text, context.at ? `${context.at.file}:${context.at.line}` : context.variable);
}

/** A text that is at hand already. It lives in a closure, so that no printer of objects meets it. */
export function plainSecret(text: string, origin: string): Secret {
  return once(origin, async () => text);
}

function once(origin: string, get: () => Promise<string>): Secret {
  let answer: Promise<string> | undefined;
  return {
    secret: true,
    origin,
    reveal: () => {
      answer ??= get();
      return answer;
    },
  };
}

function fail(message: string, context: SecretContext, fix: string): InputError {
  return InputError.of(`${context.variable}: ${message}`, { ...(context.at ? { at: context.at } : {}), fix });
}

function fromEnvironment(name: string, context: SecretContext): Secret {
  return once(`$${name}`, async () => {
    const value = context.env[name];
    if (value) return value;
    const state = value === undefined ? 'is not set' : 'is empty';
    throw fail(`the environment variable ${name} ${state}`, context, `export ${name}=… before you run mesh`);
  });
}

function fromFile(path: string, context: SecretContext): Secret {
  const file = resolve(context.directory, expandHome(path, context.env));
  return once(`the file ${path}`, async () => {
    try {
      return (await readFile(file, 'utf8')).replace(/[\r\n]+$/, '');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error;
      throw fail(
        `${file} cannot be read (${String(code)})`,
        context,
        'correct the path, or make the file readable for you',
      );
    }
  });
}

function fromCommand(command: string, context: SecretContext): Secret {
  return once(`the output of ${command}`, () => {
    const run = { cwd: context.directory, env: context.env, timeout: 60_000, maxBuffer: 1 << 20 };
    return new Promise((done, failed) => {
      execFile('/bin/sh', ['-c', command], run, (error, stdout, stderr) => {
        const secret = stdout.replace(/[\r\n]+$/, '');
        if (!error && secret !== '') return done(secret);
        const why = error ? `failed: ${stderr.trim().split('\n').at(-1) || error.message}` : 'printed nothing';
        failed(fail(`the command "${command}" ${why}`, context, 'run it in your shell and see what it prints'));
      });
    });
  });
}
