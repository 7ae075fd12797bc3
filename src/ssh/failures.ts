import { quote } from '../quote.js';
import type { KnownHost } from './known-hosts.js';
import type { Route } from './settings.js';
import { ConnectionFailure, type FailureKind } from './types.js';

/**
 * Every sentence about a host that cannot be reached or worked with, in one place. The message says what happened, the
 * advice what to type or look at. None of them ever holds a secret.
 */

/** What a kind of failure means in general; a failure's own advice is more exact. */
const FAILURE_ADVICE: Readonly<Record<FailureKind, string>> = {
  dns: 'check the spelling of ansible_host, and the resolver of this machine',
  refused: 'check that sshd runs there and that the port is right',
  timeout: 'check that the host is up and that no firewall drops the connection',
  unreachable: 'check the route, VPN or network of this machine',
  'host-key': "compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)",
  auth: 'check ansible_user and the key, and that its public half is in ~/.ssh/authorized_keys there',
  sudo: 'check sudoers on the host, or give the password with --ask-become-pass',
  lost: 'look at the log of sshd on the host (journalctl -u ssh)',
  config: 'check the connection variables of the host in the inventory',
};

/** A failure with its kind's advice where none is given. What a host said in it cannot steer a terminal. */
export function failure(host: string, kind: FailureKind, message: string, advice?: string): ConnectionFailure {
  return new ConnectionFailure(host, kind, printable(message), printable(advice ?? FAILURE_ADVICE[kind]));
}

function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ').trim();
}

const at = ({ address, port }: Route): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;

/** From an error of connecting a TCP socket (an AggregateError where several addresses were tried). */
export function socketFailure(route: Route, error: Error): ConnectionFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const { host, address } = route;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_NONAME':
    case 'EAI_NODATA':
      return failure(host, 'dns', `${host}: there is no address for the name ${address}`);
    case 'EAI_AGAIN':
      return failure(host, 'dns', `${host}: the name server did not answer for ${address}`);
    case 'ECONNREFUSED':
      return failure(host, 'refused', `${host}: nothing listens at ${at(route)}`);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
    case 'EACCES':
    case 'EPERM':
      return failure(host, 'unreachable', `${host}: there is no way from this machine to ${at(route)} (${code})`);
    case 'ETIMEDOUT':
      return failure(host, 'timeout', `${host}: ${at(route)} did not answer`);
    default:
      return failure(host, 'lost', `${host}: connecting to ${at(route)} failed: ${error.message}`);
  }
}

export type Phase = 'tcp' | 'handshake' | 'auth';

export function phaseTimeout(route: Route, phase: Phase, ms: number): ConnectionFailure {
  const waited = {
    tcp: `${at(route)} did not answer within ${seconds(ms)}`,
    handshake: `${at(route)} accepted the connection but did not complete the SSH handshake within ${seconds(ms)}`,
    auth: `${at(route)} did not answer the login within ${seconds(ms)}`,
  }[phase];
  const advice = {
    tcp: FAILURE_ADVICE.timeout,
    handshake: 'check that the port belongs to sshd and that the host is not overloaded',
    auth: 'check the load of the host, and its PAM and DNS settings (UseDNS no)',
  }[phase];
  return failure(route.host, 'timeout', `${route.host}: ${waited}`, advice);
}

export function notSsh(route: Route): ConnectionFailure {
  return failure(
    route.host,
    'config',
    `${route.host}: what answers at ${at(route)} is not an SSH server`,
    'check ansible_port',
  );
}

/** The other end hung up before the handshake was done: a forwarded port of a host that is off, or sshd beyond MaxStartups. */
export function droppedEarly(route: Route): ConnectionFailure {
  return failure(
    route.host,
    'lost',
    `${route.host}: ${at(route)} closed the connection before the SSH handshake was done`,
    'check that the host is on and its sshd runs; else sshd has too many connections (MaxStartups; lower --forks), or fail2ban refuses this machine',
  );
}

/** From an error of the SSH protocol before login. */
export function protocolFailure(route: Route, error: Error): ConnectionFailure {
  const { host } = route;
  if (/no matching .* (algorithm|format|cipher)|no matching/i.test(error.message)) {
    return failure(
      host,
      'config',
      `${host}: no common algorithm with the SSH server at ${at(route)}: ${error.message}`,
      'its sshd is older or stricter than what is safe to offer; allow curve25519-sha256 and aes128-gcm there',
    );
  }
  if (/identification|Bad packet length|Packet length/i.test(error.message)) return notSsh(route);
  return failure(host, 'lost', `${host}: the SSH handshake with ${at(route)} failed: ${error.message}`);
}

export function lostBeforeLogin(route: Route, tried: readonly string[], reason?: string): ConnectionFailure {
  const during =
    tried.length > 0 ? `while logging in as ${route.user} (tried ${tried.join(', ')})` : 'before the login';
  const tail = reason ? `: ${reason}` : '';
  if (/too many authentication failures/i.test(reason ?? '')) {
    return failure(
      route.host,
      'auth',
      `${route.host}: ${at(route)} hung up after too many tries as ${route.user}: ${tried.join(', ')}`,
      'name the right key in ansible_ssh_private_key_file, or set IdentitiesOnly yes for the host in ~/.ssh/config',
    );
  }
  return failure(route.host, 'lost', `${route.host}: ${at(route)} closed the connection ${during}${tail}`);
}

export function loginRefused(
  route: Route,
  tried: readonly string[],
  passedOver: readonly string[],
  allowed: readonly string[],
): ConnectionFailure {
  const what = tried.length > 0 ? `tried ${tried.join(', ')}` : 'there was nothing to try: no agent, key or password';
  const also = passedOver.length > 0 ? `; not usable: ${passedOver.join(', ')}` : '';
  const accepts = allowed.length > 0 ? `; the server accepts ${allowed.join(', ')}` : '';
  return failure(
    route.host,
    'auth',
    `${route.host}: ${at(route)} does not let ${route.user} in (${what}${also}${accepts})`,
    `${FAILURE_ADVICE.auth}; to see more: ssh -v ${route.port === 22 ? '' : `-p ${route.port} `}${quote(`${route.user}@${route.address}`)}`,
  );
}

export function givenKeyUnusable(route: Route, file: string, why: string): ConnectionFailure {
  return failure(
    route.host,
    'auth',
    `${route.host}: the key file ${file} ${why}`,
    'check ansible_ssh_private_key_file in the inventory',
  );
}

/** `ssh-keygen -R` as a person types it; without -f where it is the default file. */
export function forgetCommand(entry: KnownHost, name: string): string {
  return `ssh-keygen -f ${quote(entry.file)} -R ${quote(name)}`;
}

export function changedHostKey(
  route: Route,
  entry: KnownHost,
  fingerprints: { readonly known: string; readonly offered: string },
  name: string,
): ConnectionFailure {
  return failure(
    route.host,
    'host-key',
    `${route.host}: the host key of ${name} has changed: ${entry.file}:${entry.line} has ${entry.type} ${fingerprints.known}, the host shows ${fingerprints.offered}; somebody may be listening in between`,
    `only if the host was set up anew: ${forgetCommand(entry, name)}`,
  );
}

export function otherTypeHostKey(
  route: Route,
  entry: KnownHost,
  key: { readonly type: string; readonly known: string; readonly offered: string },
  name: string,
): ConnectionFailure {
  return failure(
    route.host,
    'host-key',
    `${route.host}: ${name} is known by an ${entry.type} key (${entry.file}:${entry.line}, ${key.known}) and no longer has one; it shows an ${key.type} key, ${key.offered}`,
    `only if the host was set up anew: ${forgetCommand(entry, name)}`,
  );
}

export function revokedHostKey(route: Route, entry: KnownHost, offered: string): ConnectionFailure {
  return failure(
    route.host,
    'host-key',
    `${route.host}: the host key ${offered} is marked @revoked in ${entry.file}:${entry.line}`,
    'give the host a new key; a revoked one is known to others',
  );
}

export function unknownHostKey(route: Route, name: string, type: string, offered: string): ConnectionFailure {
  return failure(
    route.host,
    'host-key',
    `${route.host}: the host key of ${name} is not known (${type} ${offered}) and was not accepted`,
    'compare the fingerprint, then accept it when asked, or record all new ones with --accept-new',
  );
}

export function unreadableKnownHosts(route: Route, error: Error): ConnectionFailure {
  return failure(route.host, 'host-key', `${route.host}: known_hosts cannot be used: ${error.message}`);
}

/** A failure of a jump host, as seen from the host that is reached through it. */
export function jumpFailure(route: Route, jump: string, cause: ConnectionFailure): ConnectionFailure {
  return new ConnectionFailure(
    route.host,
    cause.kind,
    `${route.host} is reached through ${jump}: ${cause.message}`,
    cause.advice,
  );
}

/** A jump host could not open the connection onward; `reason` is the server's code (RFC 4254, section 5.1). */
export function forwardFailure(route: Route, jump: string, error: Error): ConnectionFailure {
  const { host } = route;
  if ('reason' in error && error.reason === 1) {
    return failure(
      host,
      'config',
      `${host}: the jump host ${jump} does not let connections through`,
      'set AllowTcpForwarding yes in its sshd_config',
    );
  }
  const why = error.message.replace(/^\(SSH\) Channel open failure: /, '');
  if (/refused/i.test(why)) return failure(host, 'refused', `${host}: ${jump} finds nothing listening at ${at(route)}`);
  return failure(
    host,
    'unreachable',
    `${host}: ${jump} cannot reach ${at(route)}: ${why}`,
    `check the address as ${jump} sees it`,
  );
}

/** A file did not get to a host. */
export class TransferFailure extends Error {
  constructor(
    readonly host: string,
    readonly path: string,
    message: string,
  ) {
    super(message);
    this.name = 'TransferFailure';
  }
}
