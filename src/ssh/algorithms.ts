import type { Algorithms } from 'ssh2';

/**
 * What is offered to a server, cheapest first among what is safe. Everything listed runs in OpenSSL through
 * node:crypto, so ssh2's optional native addon makes no difference; SHA-1 and CBC are not offered at all.
 */
const KEY_EXCHANGE = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group14-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group-exchange-sha256',
] as const;

const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes256-ctr',
  'chacha20-poly1305@openssh.com',
] as const;

const MACS = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
] as const;

/** Host key algorithms in order of preference, with the type of key (as known_hosts names it) that each one uses. */
const HOST_KEYS = [
  { algorithm: 'ssh-ed25519', type: 'ssh-ed25519' },
  { algorithm: 'ecdsa-sha2-nistp256', type: 'ecdsa-sha2-nistp256' },
  { algorithm: 'ecdsa-sha2-nistp384', type: 'ecdsa-sha2-nistp384' },
  { algorithm: 'ecdsa-sha2-nistp521', type: 'ecdsa-sha2-nistp521' },
  { algorithm: 'rsa-sha2-512', type: 'ssh-rsa' },
  { algorithm: 'rsa-sha2-256', type: 'ssh-rsa' },
] as const;

/**
 * The offer for a host of which keys of `types` are recorded: these come first, because a server picks by the client's
 * order and would otherwise show a key that nobody has recorded.
 */
export function algorithmsFor(types: readonly string[]): Algorithms {
  const known = HOST_KEYS.filter(({ type }) => types.includes(type));
  const others = HOST_KEYS.filter(({ type }) => !types.includes(type));
  return {
    kex: [...KEY_EXCHANGE],
    cipher: [...CIPHERS],
    hmac: [...MACS],
    compress: ['none'],
    serverHostKey: [...known, ...others].map(({ algorithm }) => algorithm),
  };
}
