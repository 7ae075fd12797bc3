import * as failures from './failures.js';
import { fingerprint, judge, type KnownHost, keyType, knownHostsLine, knownName, knownTypes } from './known-hosts.js';
import { appendKnownHost, readKnownHosts } from './known-hosts-file.js';
import type { Route } from './settings.js';
import type { Interview } from './turns.js';
import type { ConnectionFailure } from './types.js';

/** Decides about the key of one host, before and during the handshake. */
export interface HostKeyCheck {
  /** Key types recorded for the host: a server is asked for these first. */
  readonly types: readonly string[];
  /**
   * Undefined: the key is right, or was accepted and recorded. Otherwise why not. `asking` is told of the time that a
   * person takes.
   */
  verify(key: Buffer, asking: <T>(answer: Promise<T>) => Promise<T>): Promise<ConnectionFailure | undefined>;
}

export interface HostKeyPolicy {
  readonly acceptNew: boolean;
  readonly interview: Interview;
}

export async function hostKeyCheck(route: Route, policy: HostKeyPolicy): Promise<HostKeyCheck | ConnectionFailure> {
  const { alias, userFiles, globalFiles, hash } = route.knownHosts;
  const name = alias?.toLowerCase() ?? knownName(route.address, route.port);
  const files = [...userFiles, ...globalFiles];

  const settled = (entries: readonly KnownHost[], key: Buffer): ConnectionFailure | 'match' | 'ask' => {
    const verdict = judge(entries, name, key);
    const type = keyType(key) ?? 'unknown';
    switch (verdict.kind) {
      case 'match':
        return 'match';
      case 'revoked':
        return failures.revokedHostKey(route, verdict.entry, verdict.offered);
      case 'mismatch':
        return failures.changedHostKey(route, verdict.entry, verdict, name);
      case 'other-type':
        return failures.otherTypeHostKey(route, verdict.entry, { type, ...verdict }, name);
      case 'ca-only':
      case 'unknown':
        return withoutPort(entries, key) ? 'match' : 'ask';
    }
  };
  /** ssh(1) also takes a key that is recorded for the host without its port. */
  const withoutPort = (entries: readonly KnownHost[], key: Buffer): boolean =>
    alias === undefined && route.port !== 22 && judge(entries, route.address.toLowerCase(), key).kind === 'match';

  let entries: KnownHost[];
  try {
    entries = await readKnownHosts(files);
  } catch (error) {
    return failures.unreadableKnownHosts(route, asError(error));
  }
  return {
    types: [
      ...knownTypes(entries, name),
      ...(alias === undefined ? knownTypes(entries, route.address.toLowerCase()) : []),
    ],
    async verify(key, asking) {
      const first = settled(entries, key);
      if (first === 'match') return undefined;
      if (first !== 'ask') return first;
      // Another connection may have recorded the key while this one waited for its turn, hence the second look.
      return asking(
        policy.interview.inTurn(async () => {
          try {
            const second = settled(await readKnownHosts(files), key);
            if (second === 'match') return undefined;
            if (second !== 'ask') return second;
            const question = {
              host: route.host,
              address: route.address,
              port: route.port,
              keyType: keyType(key) ?? 'unknown',
              fingerprint: fingerprint(key),
              file: userFiles[0],
            };
            if (!policy.acceptNew && !(await policy.interview.hostKey(question))) {
              return failures.unknownHostKey(route, name, question.keyType, question.fingerprint);
            }
            await appendKnownHost(userFiles[0], knownHostsLine(name, key, hash));
            return undefined;
          } catch (error) {
            return failures.unreadableKnownHosts(route, asError(error));
          }
        }),
      );
    },
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
