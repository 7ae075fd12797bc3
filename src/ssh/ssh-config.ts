import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The answers of `ssh -G HOST`, as far as they are used. What ssh does not print stays undefined. */
export interface SshAnswers {
  readonly hostname?: string;
  readonly user?: string;
  readonly port?: number;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** A socket's path, `SSH_AUTH_SOCK`, `$VARIABLE` or `none`. */
  readonly identityAgent?: string;
  readonly proxyJump: readonly string[];
  readonly proxyCommand?: string;
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  readonly hostKeyAlias?: string;
  readonly hashKnownHosts: boolean;
  /** Seconds. */
  readonly connectTimeout?: number;
  /** Seconds; 0: off. */
  readonly serverAliveInterval?: number;
  readonly serverAliveCountMax?: number;
}

/** Reads what `ssh -G` prints: one `keyword value` a line, keywords in small letters (ssh(1), -G). */
export function parseSshAnswers(text: string): SshAnswers {
  const all = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const key = line.slice(0, space).toLowerCase();
    all.set(key, [...(all.get(key) ?? []), line.slice(space + 1).trim()]);
  }
  const one = (key: string): string | undefined => {
    const value = all.get(key)?.[0];
    return value === undefined || value === '' || value === 'none' ? undefined : value;
  };
  const count = (key: string): number | undefined => {
    const value = one(key);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const words = (key: string): string[] => splitWords(one(key) ?? '');
  const answers: { [K in keyof SshAnswers]: SshAnswers[K] | undefined } = {
    hostname: one('hostname'),
    user: one('user'),
    port: count('port'),
    identityFiles: (all.get('identityfile') ?? []).filter((file) => file !== 'none').map(unquote),
    identitiesOnly: one('identitiesonly') === 'yes',
    identityAgent: all.get('identityagent')?.[0],
    proxyJump: (one('proxyjump') ?? '').split(',').filter(Boolean),
    proxyCommand: one('proxycommand'),
    userKnownHostsFiles: words('userknownhostsfile'),
    globalKnownHostsFiles: words('globalknownhostsfile'),
    hostKeyAlias: one('hostkeyalias'),
    hashKnownHosts: one('hashknownhosts') === 'yes',
    connectTimeout: count('connecttimeout'),
    serverAliveInterval: count('serveraliveinterval'),
    serverAliveCountMax: count('serveralivecountmax'),
  };
  return dropUndefined(answers);
}

function dropUndefined(answers: { [K in keyof SshAnswers]: SshAnswers[K] | undefined }): SshAnswers {
  const { identityFiles = [], identitiesOnly = false, hashKnownHosts = false, proxyJump = [] } = answers;
  const { userKnownHostsFiles = [], globalKnownHostsFiles = [], hostname, user, port, identityAgent } = answers;
  const { proxyCommand, hostKeyAlias, connectTimeout, serverAliveInterval, serverAliveCountMax } = answers;
  return {
    identityFiles,
    identitiesOnly,
    hashKnownHosts,
    proxyJump,
    userKnownHostsFiles,
    globalKnownHostsFiles,
    ...(hostname !== undefined && { hostname }),
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
    ...(identityAgent !== undefined && { identityAgent }),
    ...(proxyCommand !== undefined && { proxyCommand }),
    ...(hostKeyAlias !== undefined && { hostKeyAlias }),
    ...(connectTimeout !== undefined && { connectTimeout }),
    ...(serverAliveInterval !== undefined && { serverAliveInterval }),
    ...(serverAliveCountMax !== undefined && { serverAliveCountMax }),
  };
}

function splitWords(text: string): string[] {
  return (text.match(/"[^"]*"|\S+/g) ?? []).map(unquote);
}

function unquote(word: string): string {
  return word.replace(/^"(.*)"$/, '$1');
}

export type SshRun =
  | { readonly kind: 'answers'; readonly answers: SshAnswers }
  | { readonly kind: 'no-ssh' }
  | { readonly kind: 'failed'; readonly message: string };

/** Asks `ssh -G` for at most 3 s; `program` is found in PATH. */
export function askSsh(
  target: { readonly host: string; readonly user?: string | undefined; readonly port?: number | undefined },
  program = 'ssh',
): Promise<SshRun> {
  const words = ['-G'];
  if (target.user !== undefined) words.push('-l', target.user);
  if (target.port !== undefined) words.push('-p', String(target.port));
  words.push('--', target.host);
  return new Promise((resolve) => {
    const child = execFile(program, words, { timeout: 3000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (!error) resolve({ kind: 'answers', answers: parseSshAnswers(stdout) });
      else if (error.code === 'ENOENT') resolve({ kind: 'no-ssh' });
      else if (error.killed) resolve({ kind: 'failed', message: 'it did not answer within 3 s' });
      else resolve({ kind: 'failed', message: stderr.trim().split('\n')[0] || `it ended with ${String(error.code)}` });
    });
    child.stdin?.end();
  });
}

/** What a look at the configuration files shows without running ssh. */
export interface ConfigGlance {
  /** True when a file says anything that could change how a host is reached; only `ssh -G` can tell what. */
  readonly matters: boolean;
  readonly hashKnownHosts: boolean;
}

/** Keywords that change nothing of what is asked of `ssh -G`; Debian's /etc/ssh/ssh_config has only such. */
const HARMLESS = new Set(['sendenv', 'gssapiauthentication', 'gssapidelegatecredentials', 'forwardx11trusted']);

export async function glanceAtConfig(files: readonly string[]): Promise<ConfigGlance> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  let hashKnownHosts = false;
  for (const text of texts) {
    for (const line of text.split('\n')) {
      const [, word = '', value = ''] = /^\s*([A-Za-z0-9]+)[\s=]+(.*?)\s*$/.exec(line) ?? [];
      const keyword = word.toLowerCase();
      if (keyword === '' || HARMLESS.has(keyword) || (keyword === 'host' && value === '*')) continue;
      if (keyword === 'hashknownhosts') hashKnownHosts = value.toLowerCase() === 'yes';
      else if (keyword === 'include' && (await includesNothing(value))) continue;
      else return { matters: true, hashKnownHosts: false };
    }
  }
  return { matters: false, hashKnownHosts };
}

/** Whether `Include FOLDER/*.conf` finds no file; any other form of Include counts as finding some. */
async function includesNothing(value: string): Promise<boolean> {
  const folder = /^(\/[^*?"\s[]+)\/\*\.conf$/.exec(value)?.[1];
  if (folder === undefined) return false;
  const names = await readdir(folder).catch(() => []);
  return !names.some((name) => name.endsWith('.conf') && !name.startsWith('.'));
}

export function configFiles(home: string): string[] {
  return [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config'];
}
