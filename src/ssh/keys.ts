import { readFile } from 'node:fs/promises';
import ssh2, { type IdentityCallback, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import type { Interview } from './turns.js';

const { BaseAgent, OpenSSHAgent, utils } = ssh2;

export type LoadedKey =
  | { readonly kind: 'key'; readonly key: ParsedKey }
  | { readonly kind: 'missing' }
  /** It is there and cannot be used; `why` completes the sentence "the key file F …". */
  | { readonly kind: 'unusable'; readonly why: string };

/** Key files and agents of one run: each is read, and each passphrase asked for, once for all hosts. */
export interface KeyStore {
  load(file: string): Promise<LoadedKey>;
  /** The public half as it travels on the wire, from FILE.pub or from a key file that is not encrypted. */
  publicHalf(file: string): Promise<Buffer | undefined>;
  /** What the agent holds, as far as ssh2 can use it (no sk- keys, no certificates); an Error if it does not answer. */
  agentKeys(socket: string): Promise<readonly ParsedKey[] | Error>;
}

export function keyStore(interview: Interview): KeyStore {
  const loads = new Map<string, Promise<LoadedKey>>();
  const halves = new Map<string, Promise<Buffer | undefined>>();
  const agents = new Map<string, Promise<readonly ParsedKey[] | Error>>();
  return {
    load: (file) => once(loads, file, () => loadKey(file, interview)),
    publicHalf: (file) => once(halves, file, () => readPublicHalf(file)),
    agentKeys: (socket) => once(agents, socket, () => identities(socket)),
  };
}

function once<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = memory.get(key);
  if (known) return known;
  const fresh = make();
  memory.set(key, fresh);
  return fresh;
}

function parse(bytes: Buffer, passphrase?: string): ParsedKey | Error {
  const parsed = utils.parseKey(bytes, passphrase);
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('no key in it')) : parsed;
}

const isEncrypted = (error: Error): boolean => /no passphrase given/i.test(error.message);

async function loadKey(file: string, interview: Interview): Promise<LoadedKey> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return code === 'ENOENT' ? { kind: 'missing' } : { kind: 'unusable', why: `cannot be read (${code})` };
  }
  let parsed = parse(bytes);
  if (parsed instanceof Error && isEncrypted(parsed)) {
    for (let attempt = 1; attempt <= 3 && parsed instanceof Error; attempt++) {
      const again = attempt > 1 ? `, try ${attempt} of 3` : '';
      const passphrase = await interview.secret(`Passphrase of the key ${file}${again}`);
      if (passphrase === undefined)
        return { kind: 'unusable', why: 'is encrypted and there is nobody to ask for its passphrase' };
      parsed = parse(bytes, passphrase);
    }
    if (parsed instanceof Error)
      return { kind: 'unusable', why: 'is encrypted and the passphrase given does not open it' };
  }
  if (parsed instanceof Error)
    return { kind: 'unusable', why: 'is not a private key that can be used (ed25519, ECDSA or RSA)' };
  if (!parsed.isPrivateKey()) return { kind: 'unusable', why: 'is a public key; the private one is meant' };
  return { kind: 'key', key: parsed };
}

async function readPublicHalf(file: string): Promise<Buffer | undefined> {
  for (const name of [`${file}.pub`, file]) {
    const bytes = await readFile(name).catch(() => undefined);
    const parsed = bytes && parse(bytes);
    if (parsed && !(parsed instanceof Error)) return parsed.getPublicSSH();
  }
  return undefined;
}

function identities(socket: string): Promise<readonly ParsedKey[] | Error> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(new Error('no answer within 3 s')), 3000);
    new OpenSSHAgent(socket).getIdentities((error, keys) => {
      clearTimeout(limit);
      if (error) return resolve(error);
      resolve((keys ?? []).flatMap((entry) => ('getPublicSSH' in entry ? [entry] : [])));
    });
  });
}

/** One key of an agent, so that each is a login step of its own and can be named in a failure. */
export class SingleKeyAgent extends BaseAgent<ParsedKey> {
  private readonly agent: InstanceType<typeof OpenSSHAgent>;

  constructor(
    socket: string,
    private readonly key: ParsedKey,
  ) {
    super();
    this.agent = new OpenSSHAgent(socket);
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(null, [this.key]);
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === 'function') this.agent.sign(key, data, options);
    else this.agent.sign(key, data, options, done);
  }
}
