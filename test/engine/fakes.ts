import { readFileSync } from 'node:fs';
import type { Connection as ConnectionSettings } from '../../src/inventory/types.js';
import {
  type Connection,
  ConnectionFailure,
  type ExecOptions,
  type Outcome,
  type Transport,
} from '../../src/ssh/types.js';
import { nonce } from '../facts/fixture.js';

/** How a step of a fake host ends; a promise keeps it running. */
export type StepEnd = 'done' | 'failed' | Promise<'done' | 'failed'>;

export interface FakeHostOptions {
  readonly step?: (step: { readonly host: string; readonly play: number; readonly number: number }) => StepEnd;
  /** The first line that the lock's command says. */
  readonly lock?: () => string;
  /** What a look at the host says; a promise that does not settle is a host that hangs. */
  readonly observe?: (script: string) => Buffer | Promise<Buffer>;
  /** What following another run's program brings. */
  readonly follow?: () => string;
  /** The lines by which a probe answers. */
  readonly probe?: (script: string) => string;
}

const said = (stdout: Buffer | string): Outcome => {
  return { kind: 'exited', code: 0, stdout: Buffer.from(stdout), stderr: Buffer.alloc(0) };
};

/** A look at a fresh Debian 12 host, as docker41's was recorded, for docker41 to docker49. */
export function freshHost(host: string): (script: string) => Buffer {
  const number = host.replace(/\D/g, '');
  const text = readFileSync(new URL('../facts/fixtures/debian12-fresh.raw', import.meta.url), 'latin1');
  return (script) => {
    const own = /\b[0-9a-f]{24}\b/.exec(script)?.[0];
    return Buffer.from(
      text
        .replaceAll(nonce, own ?? nonce)
        .replaceAll('docker41', host)
        .replaceAll('.199.41', `.199.${number}`)
        .replaceAll(/^machine ..../gm, `machine ${number.padStart(4, '0')}`),
      'latin1',
    );
  };
}

/**
 * A host that speaks mesh's protocol and runs nothing: it is looked at, locked, told to stop, and goes through a program's
 * steps as it is told. What is done on it goes into `log`, as `docker41 lock`.
 */
export function fakeConnection(host: string, log: string[], options: FakeHostOptions = {}): Connection {
  const { step = () => 'done', lock = () => 'held', observe = freshHost(host) } = options;
  const { follow = () => 'N 0\n', probe = () => '' } = options;
  let stopped = false;
  let channels = 0;

  async function play(script: string, onStdout: ExecOptions['onStdout']): Promise<void> {
    const index = Number(/# mesh run \S+ play (\d+)/.exec(script)?.[1]);
    const journal = (line: string) => onStdout?.(Buffer.from(`J ${line.length + 1}\n${line}\n`));
    log.push(`${host} play ${index}`);
    for (const [, text] of script.matchAll(/^step (\d+) /gm)) {
      const number = Number(text);
      if (stopped) return void journal('X stopped 1');
      journal(`B ${number} 1 0`);
      const end = await step({ host, play: index, number });
      journal(`E ${number} ${end} ${end === 'done' ? 0 : 7} 1 0`);
      log.push(`${host} step ${index}.${number} ${end}`);
      if (end === 'failed') return void journal('X failed 1');
    }
    journal('X done 1');
  }

  async function hold(what: string, first: string, { onStdout, signal }: ExecOptions): Promise<Outcome> {
    log.push(`${host} ${what}`);
    onStdout?.(Buffer.from(`${first}\n`));
    if (!signal?.aborted) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    log.push(`${host} end of ${what}`);
    return said('');
  }

  return {
    host,
    peer: `root@${host}`,
    get channels() {
      return channels;
    },
    closed: new Promise(() => undefined),
    close: async () => void log.push(`${host} closed`),
    upload: async () => undefined,
    async exec(command, given = {}) {
      channels += 1;
      const { script } = given;
      if (script === undefined) {
        return command.includes('keeper=') ? hold('lock', lock(), given) : hold('responder', 'ready', given);
      }
      if (script.includes('\nobserve()')) {
        log.push(`${host} observe`);
        return said(await observe(script));
      }
      if (script.includes('# mesh run')) {
        await play(script, given.onStdout);
        return said('');
      }
      if (/: >\S+\/stop/.test(script)) {
        stopped = true;
        log.push(`${host} stop`);
        return said('');
      }
      const followed = /^dir=.*\/runs\/(\S+)$/m.exec(script)?.[1];
      if (followed !== undefined) {
        log.push(`${host} follow ${followed}`);
        given.onStdout?.(Buffer.from(follow()));
        return said('');
      }
      log.push(`${host} probe`);
      return said(probe(script));
    },
  };
}

export interface FakeTransport extends Transport {
  readonly log: string[];
}

/** A transport to fake hosts; a function in place of options answers a connection attempt. */
export function fakeTransport(
  hosts: Readonly<Record<string, FakeHostOptions | (() => Promise<Connection>)>>,
): FakeTransport {
  const log: string[] = [];
  return {
    log,
    connect: async (name: string, _settings: ConnectionSettings) => {
      const host = hosts[name];
      if (host === undefined) throw new ConnectionFailure(name, 'timeout', `${name}: no answer`, `check ${name}`);
      return typeof host === 'function' ? host() : fakeConnection(name, log, host);
    },
    close: async () => undefined,
  };
}

/** A promise and what settles it. */
export function gate<T>(): { readonly promise: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
