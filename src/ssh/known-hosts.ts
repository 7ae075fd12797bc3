import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * The grammar of OpenSSH's known_hosts files and the comparison of a host key with it (sshd(8), SSH_KNOWN_HOSTS FILE
 * FORMAT). Pure: reading and appending files is elsewhere.
 */

export interface KnownHost {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly marker?: 'revoked' | 'cert-authority';
  /** The first field as written: patterns parted by commas, or one hashed name. */
  readonly hosts: string;
  /** As in the key itself: `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** The public key as it travels on the wire (RFC 4253, section 6.6). */
  readonly key: Buffer;
}

export type Verdict =
  | { readonly kind: 'match'; readonly entry: KnownHost }
  /** A key of this type is recorded, and it is another one. */
  | { readonly kind: 'mismatch'; readonly entry: KnownHost; readonly known: string; readonly offered: string }
  /** Only keys of other types are recorded. */
  | { readonly kind: 'other-type'; readonly entry: KnownHost; readonly known: string; readonly offered: string }
  | { readonly kind: 'revoked'; readonly entry: KnownHost; readonly offered: string }
  /** Only certificate authorities are recorded for the host; a plain key cannot be checked against them. */
  | { readonly kind: 'ca-only'; readonly entry: KnownHost; readonly offered: string }
  | { readonly kind: 'unknown'; readonly offered: string };

/** Reads a known_hosts file's text. Lines that OpenSSH would skip (comments, damaged keys, protocol 1) are skipped. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  const entries: KnownHost[] = [];
  text.split('\n').forEach((line, index) => {
    const entry = parseLine(line, file, index + 1);
    if (entry) entries.push(entry);
  });
  return entries;
}

function parseLine(text: string, file: string, line: number): KnownHost | undefined {
  const fields = text.trim().split(/[ \t]+/);
  let marker: KnownHost['marker'];
  if (fields[0]?.startsWith('@')) {
    const word = fields.shift();
    if (word === '@revoked') marker = 'revoked';
    else if (word === '@cert-authority') marker = 'cert-authority';
    else return undefined;
  }
  const [hosts, type, base64] = fields;
  if (!hosts || hosts.startsWith('#') || !type || !base64) return undefined;
  const key = Buffer.from(base64, 'base64');
  if (keyType(key) !== type) return undefined;
  return { file, line, hosts, type, key, ...(marker && { marker }) };
}

/** The type that a public key in wire format names in its first field; undefined for bytes that are not such a key. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  if (length === 0 || length > 64 || 4 + length >= key.length) return undefined;
  return key.toString('latin1', 4, 4 + length);
}

/** `SHA256:…` without padding, as `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The name under which a host is recorded: plain on port 22, else `[host]:port`; always in small letters. */
export function knownName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether a hosts field covers a name made by `knownName`. A negated pattern that fits wins over all others. */
export function hostsMatch(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return hashedNameMatches(hosts, name);
  let found = false;
  for (const pattern of hosts.split(',')) {
    const negated = pattern.startsWith('!');
    if (!globMatches((negated ? pattern.slice(1) : pattern).toLowerCase(), name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** `*` stands for any run of characters, `?` for one. Linear in time: at a mismatch only the last `*` is tried again. */
function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function hashedNameMatches(field: string, name: string): boolean {
  const [, version, salt, hash] = field.split('|');
  if (version !== '1' || !salt || !hash) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** A name in the form that `HashKnownHosts yes` and `ssh-keygen -H` write. */
export function hashName(name: string, salt: Buffer = randomBytes(20)): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

/** The line to record for a host key, without its newline. */
export function knownHostsLine(name: string, key: Buffer, hashed: boolean): string {
  return `${hashed ? hashName(name) : name} ${keyType(key) ?? ''} ${key.toString('base64')}`;
}

/**
 * Compares the key that a host offered with all entries of all files, in their order. A revoked key is refused whatever
 * else is recorded; a matching key wins over a differing one (a host may have several of one type).
 */
export function judge(entries: readonly KnownHost[], name: string, key: Buffer): Verdict {
  const offered = fingerprint(key);
  const type = keyType(key);
  const here = entries.filter((entry) => hostsMatch(entry.hosts, name));
  const revoked = here.find((entry) => entry.marker === 'revoked' && entry.key.equals(key));
  if (revoked) return { kind: 'revoked', entry: revoked, offered };
  const plain = here.filter((entry) => !entry.marker);
  const match = plain.find((entry) => entry.key.equals(key));
  if (match) return { kind: 'match', entry: match };
  const same = plain.find((entry) => entry.type === type);
  if (same) return { kind: 'mismatch', entry: same, known: fingerprint(same.key), offered };
  const other = plain[0];
  if (other) return { kind: 'other-type', entry: other, known: fingerprint(other.key), offered };
  const authority = here.find((entry) => entry.marker === 'cert-authority');
  if (authority) return { kind: 'ca-only', entry: authority, offered };
  return { kind: 'unknown', offered };
}

/** The key types recorded for a name, each once, in the order of the files. */
export function knownTypes(entries: readonly KnownHost[], name: string): string[] {
  const types = entries.filter((entry) => !entry.marker && hostsMatch(entry.hosts, name)).map((entry) => entry.type);
  return [...new Set(types)];
}
