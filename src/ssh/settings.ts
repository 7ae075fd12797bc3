import { isIP } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { Connection as ConnectionSettings, Secret } from '../inventory/types.js';
import { askSsh, type ConfigGlance, configFiles, glanceAtConfig, type SshAnswers, type SshRun } from './ssh-config.js';
import { ConnectionFailure } from './types.js';

export interface Identity {
  readonly file: string;
  /** Named in the inventory: if it cannot be used, that is an error; others are passed over. */
  readonly given: boolean;
}

/** Everything that is needed to reach and log in to one host: inventory first, then `ssh -G`, then OpenSSH's defaults. */
export interface Route {
  /** The name for people: the inventory's, or a jump host as it was written. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly identities: readonly Identity[];
  readonly identitiesOnly: boolean;
  /** The agent's socket. */
  readonly agent?: string;
  readonly password?: Secret;
  readonly jumps: readonly string[];
  readonly knownHosts: {
    /** The name that known_hosts is searched for: HostKeyAlias or the address, with `[…]:port` off port 22. */
    readonly alias?: string;
    /** New keys are recorded in the first. */
    readonly userFiles: readonly [string, ...string[]];
    readonly globalFiles: readonly string[];
    readonly hash: boolean;
  };
  readonly connectTimeoutMs?: number;
  readonly keepaliveIntervalMs?: number;
  readonly keepaliveCount?: number;
  readonly become: ConnectionSettings['become'];
}

/** The surroundings that settings depend on; tests give their own. */
export interface Surroundings {
  readonly home: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFiles: readonly string[];
  readonly sshProgram: string;
}

export function surroundings(): Surroundings {
  const home = homedir();
  return { home, user: userInfo().username, env: process.env, configFiles: configFiles(home), sshProgram: 'ssh' };
}

export type Resolve = (host: string, settings: ConnectionSettings) => Promise<Route>;

/**
 * Makes the resolver of one run.
 *
 * `ssh -G` is the only complete reader of ssh_config, but it costs a process a host. It is not run
 * - for a host of which the inventory gives an IP address, port, user, key file and known_hosts file, or
 * - when neither ~/.ssh/config nor /etc/ssh/ssh_config (and what that includes) says anything beyond Debian's defaults.
 * Otherwise it runs once for each distinct (host, user, port), for all hosts at the same time. Where no `ssh` is
 * installed, the defaults hold.
 *
 * Rejects with ConnectionFailure kind `config`.
 */
export function resolver(world: Surroundings = surroundings()): Resolve {
  const runs = new Map<string, Promise<SshRun>>();
  let glance: Promise<ConfigGlance> | undefined;

  const ask = async (host: string, settings: ConnectionSettings): Promise<SshAnswers | undefined> => {
    const key = JSON.stringify([settings.host, settings.user, settings.port]);
    const run = runs.get(key) ?? askSsh(settings, world.sshProgram);
    runs.set(key, run);
    const result = await run;
    if (result.kind === 'failed') {
      throw new ConnectionFailure(
        host,
        'config',
        `ssh's own configuration for ${host} cannot be read: ${result.message}`,
        `ssh -G ${settings.host}`,
      );
    }
    return result.kind === 'answers' ? result.answers : undefined;
  };

  return async (host, settings) => {
    if (/^-|[\s\0]/.test(settings.host) || settings.host === '') {
      throw new ConnectionFailure(host, 'config', `${JSON.stringify(settings.host)} is no address to connect to`);
    }
    glance ??= glanceAtConfig(world.configFiles);
    const { matters, hashKnownHosts } = await glance;
    const answers = matters && !isComplete(settings) ? await ask(host, settings) : undefined;
    if (answers?.proxyCommand !== undefined && settings.proxyJump.length === 0) {
      throw new ConnectionFailure(
        host,
        'config',
        `ssh's configuration reaches ${host} through a ProxyCommand, which mesh does not run`,
        'use ProxyJump there, or in ansible_ssh_common_args',
      );
    }
    return combine(host, settings, answers, hashKnownHosts, world);
  };
}

function isComplete(settings: ConnectionSettings): boolean {
  const { host, port, user, keyFile, password, knownHostsFiles } = settings;
  const hasLogin = keyFile !== undefined || password !== undefined;
  return isIP(host) !== 0 && port !== undefined && user !== undefined && hasLogin && knownHostsFiles.length > 0;
}

function combine(
  host: string,
  settings: ConnectionSettings,
  answers: SshAnswers | undefined,
  hashKnownHosts: boolean,
  world: Surroundings,
): Route {
  const user = settings.user ?? answers?.user ?? world.user;
  const address = answers?.hostname ?? settings.host;
  const port = settings.port ?? answers?.port ?? 22;
  const tokens: Record<string, string> = {
    '%': '%',
    d: world.home,
    h: address,
    n: settings.host,
    p: String(port),
    r: user,
    u: world.user,
  };
  const path = (text: string): string => {
    const named = text.replace(/%(.)/g, (whole, letter: string) => tokens[letter] ?? whole);
    const plain = named.replace(/\$\{(\w+)\}/g, (whole, name: string) => world.env[name] ?? whole);
    return plain === '~' || plain.startsWith('~/') ? join(world.home, plain.slice(1)) : resolve(plain);
  };
  const given = settings.keyFile === undefined ? [] : [path(settings.keyFile)];
  const files = answers?.identityFiles ?? DEFAULT_IDENTITIES;
  const identities = [
    ...given.map((file) => ({ file, given: true })),
    ...files
      .map(path)
      .filter((file) => !given.includes(file))
      .map((file) => ({ file, given: false })),
  ];
  const chosen = settings.knownHostsFiles.length > 0 ? settings.knownHostsFiles : (answers?.userKnownHostsFiles ?? []);
  const [first = join(world.home, '.ssh', 'known_hosts'), ...more] =
    chosen.length > 0 ? chosen.map(path) : DEFAULT_USER_KNOWN_HOSTS.map(path);
  const agent = agentSocket(answers?.identityAgent, world, path);
  const { connectTimeout, serverAliveInterval, serverAliveCountMax } = answers ?? {};
  return {
    host,
    address,
    port,
    user,
    identities,
    identitiesOnly: answers?.identitiesOnly ?? false,
    jumps: settings.proxyJump.length > 0 ? settings.proxyJump : (answers?.proxyJump ?? []),
    knownHosts: {
      userFiles: [first, ...more],
      globalFiles: (answers?.globalKnownHostsFiles ?? DEFAULT_GLOBAL_KNOWN_HOSTS).map(path),
      hash: answers?.hashKnownHosts ?? hashKnownHosts,
      ...(answers?.hostKeyAlias !== undefined && { alias: answers.hostKeyAlias }),
    },
    become: settings.become,
    ...(agent !== undefined && { agent }),
    ...(settings.password && { password: settings.password }),
    ...(connectTimeout !== undefined && connectTimeout > 0 && { connectTimeoutMs: connectTimeout * 1000 }),
    ...(serverAliveInterval !== undefined &&
      serverAliveInterval > 0 && {
        keepaliveIntervalMs: serverAliveInterval * 1000,
        ...(serverAliveCountMax !== undefined && { keepaliveCount: serverAliveCountMax }),
      }),
  };
}

const DEFAULT_IDENTITIES = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa'];
const DEFAULT_USER_KNOWN_HOSTS = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'];
const DEFAULT_GLOBAL_KNOWN_HOSTS = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];

function agentSocket(
  setting: string | undefined,
  world: Surroundings,
  path: (text: string) => string,
): string | undefined {
  if (setting === 'none') return undefined;
  if (setting === undefined || setting === 'SSH_AUTH_SOCK') return world.env.SSH_AUTH_SOCK || undefined;
  if (setting.startsWith('$') && !setting.startsWith('${')) return world.env[setting.slice(1)] || undefined;
  return path(setting);
}

/** `[user@]host[:port]`, `[user@][v6]:port` or `ssh://…`, as ssh_config(5) gives for ProxyJump. */
export function parseJump(text: string): { host: string; user?: string; port?: number } | undefined {
  const match = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:@/]+|[^@/[\]]*:[^@/[\]]*:[^@/[\]]*))(?::(\d+))?\/?$/.exec(
    text.trim(),
  );
  const host = match?.[2] ?? match?.[3];
  if (!match || host === undefined) return undefined;
  const port = match[4] === undefined ? undefined : Number(match[4]);
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  return { host, ...(match[1] !== undefined && { user: match[1] }), ...(port !== undefined && { port }) };
}
