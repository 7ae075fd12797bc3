import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AuthContext } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import type { Transport, TransportOptions } from '../../../src/ssh/types.js';
import { answers, transport } from '../answers.js';
import { type Behaviour, begin, type InProcessServer, password, startServer } from '../in-process.js';
import { freePort } from '../sshd.js';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(behaviour: Behaviour = {}): Promise<InProcessServer> {
  const started = await startServer(behaviour);
  cleanups.push(() => started.stop());
  return started;
}

function ssh(options: Partial<TransportOptions> = {}): Transport {
  const made = transport(options);
  cleanups.push(() => made.close());
  return made;
}

/** A known_hosts file with these lines. */
function knownHosts(...lines: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-known-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'known_hosts');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return [file];
}

const reach = (host: InProcessServer, options: Partial<TransportOptions> = {}) =>
  ssh(options).connect('docker41', host.settings({ knownHostsFiles: knownHosts(host.knownHostsLine) }));

/** A TCP server that is not sshd. */
async function tcp(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const plain: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    serve(socket);
  });
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => plain.close(() => resolve()));
  });
  const address = plain.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

const plainSettings = (port: number, host = '127.0.0.1') => ({
  host,
  port,
  user: 'ops',
  password: password('let-me-in'),
  proxyJump: [],
  knownHostsFiles: ['/dev/null'],
  become: { enabled: false, user: 'root' },
});

describe('a host that cannot be reached', () => {
  it('refuses', async () => {
    await expect(ssh().connect('docker41', plainSettings(await freePort()))).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^docker41: nothing listens at 127\.0\.0\.1:\d+$/),
    });
  });

  it('has no address', async () => {
    await expect(ssh().connect('docker41', plainSettings(22, 'nowhere.invalid'))).rejects.toMatchObject({
      kind: 'dns',
    });
  });

  it('accepts the connection and says nothing', async () => {
    const port = await tcp(() => undefined);
    const failed = ssh({ connectTimeoutMs: 100 }).connect('docker41', plainSettings(port));
    await expect(failed).rejects.toMatchObject({ kind: 'timeout' });
    await expect(failed).rejects.toThrow('did not complete the SSH handshake within 0.1 s');
  });

  it('is no SSH server', async () => {
    const port = await tcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(400)));
    await expect(ssh().connect('docker41', plainSettings(port))).rejects.toMatchObject({ kind: 'config' });
  });

  it('hangs up twice before the handshake', async () => {
    const dropping = await server({ dropFirst: 2 });
    await expect(reach(dropping)).rejects.toMatchObject({
      kind: 'lost',
      advice: expect.stringContaining('MaxStartups'),
    });
  });

  it('hangs up once: it is tried again', async () => {
    const dropping = await server({ dropFirst: 1 });
    await reach(dropping);
    expect(dropping.seen.connections).toBe(2);
  });

  it('does not answer the login', async () => {
    const silent = await server({ authenticate: () => undefined });
    await expect(reach(silent, { connectTimeoutMs: 200 })).rejects.toThrow('did not answer the login within 0.2 s');
  });

  it('is given up when the run is stopped', async () => {
    const port = await tcp(() => undefined);
    const stop = new AbortController();
    const failed = ssh({ signal: stop.signal }).connect('docker41', plainSettings(port));
    stop.abort();
    await expect(failed).rejects.toMatchObject({ kind: 'lost' });
  });
});

describe('host keys', () => {
  it('does not count a person’s time against the limit', async () => {
    const host = await server();
    let answer: (yes: boolean) => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      cleanups.push(() => undefined);
      const questions = {
        ...answers(),
        hostKey: () =>
          new Promise<boolean>((done) => {
            answer = done;
            resolve();
          }),
      };
      connecting = ssh({ questions, connectTimeoutMs: 120 }).connect(
        'docker41',
        host.settings({ knownHostsFiles: knownHosts() }),
      );
    });
    await asked;
    await new Promise((resolve) => setTimeout(resolve, 300));
    answer(true);
    expect((await connecting)?.host).toBe('docker41');
  });
  let connecting: ReturnType<Transport['connect']> | undefined;

  it('connects anew when the server hung up while a person was thinking', async () => {
    const port = { current: 0 };
    const host = await server();
    const sockets: Socket[] = [];
    const { connect } = await import('node:net');
    port.current = await tcp((socket) => {
      sockets.push(socket);
      const onward = connect(host.port, '127.0.0.1');
      onward.on('error', () => undefined);
      socket.pipe(onward).pipe(socket);
    });
    const questions = {
      ...answers(),
      hostKey: async () => {
        const gone = new Promise((resolve) => sockets[0]?.once('close', resolve));
        sockets[0]?.destroy();
        await gone;
        return true;
      },
    };
    const settings = { ...plainSettings(port.current), knownHostsFiles: knownHosts() };
    expect((await ssh({ questions }).connect('docker41', settings)).host).toBe('docker41');
    expect(sockets).toHaveLength(2);
  });

  it('refuses a host whose only known key is of another type', async () => {
    const host = await server();
    const ecdsa =
      'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=';
    const files = knownHosts(`[127.0.0.1]:${host.port} ${ecdsa}`);
    const failed = ssh({ acceptNew: true }).connect('docker41', host.settings({ knownHostsFiles: files }));
    await expect(failed).rejects.toMatchObject({ kind: 'host-key' });
    await expect(failed).rejects.toThrow(/is known by an ecdsa-sha2-nistp256 key/);
  });

  it('refuses a revoked key', async () => {
    const host = await server();
    const files = knownHosts(host.knownHostsLine, `@revoked * ${host.knownHostsLine.split(' ').slice(1).join(' ')}`);
    const failed = ssh({ acceptNew: true }).connect('docker41', host.settings({ knownHostsFiles: files }));
    await expect(failed).rejects.toThrow(/marked @revoked in .*:2$/);
  });
});

describe('a login that is refused', () => {
  it('names what was tried and what the server takes, and never the password', async () => {
    const host = await server({ authenticate: (context) => context.reject(['password', 'keyboard-interactive']) });
    const failed = ssh().connect(
      'docker41',
      host.settings({ knownHostsFiles: knownHosts(host.knownHostsLine), password: password('very-secret') }),
    );
    await expect(failed).rejects.toMatchObject({ kind: 'auth' });
    const message = await failed.catch(String);
    expect(message).toContain(
      'does not let ops in (tried password, keyboard-interactive; the server accepts password, keyboard-interactive)',
    );
    expect(message).not.toContain('very-secret');
  });

  it('answers keyboard-interactive with the password', async () => {
    const host = await server({
      authenticate: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
        context.prompt([{ prompt: 'Password: ', echo: false }], (given) => {
          if (given[0] === 'let-me-in') context.accept();
          else context.reject();
        });
      },
    });
    await reach(host);
  });

  it('says so when the server hangs up in the middle', async () => {
    const host = await server({ authenticate: () => void host.stop() });
    await expect(reach(host)).rejects.toThrow(/closed the connection while logging in as ops \(tried password\)/);
  });
});

describe('commands', () => {
  it('never opens more than eight channels at once', async () => {
    let open = 0;
    let most = 0;
    const host = await server({
      sessions: 8,
      exec: (channel, line) => {
        most = Math.max(most, ++open);
        begin(channel, line);
        setImmediate(() => {
          open--;
          channel.exit(0);
          channel.end();
        });
      },
    });
    const connection = await reach(host);
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => connection.exec('true')));
    expect(outcomes.every((outcome) => outcome.kind === 'exited' && outcome.code === 0)).toBe(true);
    expect(connection.channels).toBe(40);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('makes do with a server that allows only two', async () => {
    const host = await server({ sessions: 2 });
    const connection = await reach(host);
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => connection.exec('true')));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(Array(12).fill('exited'));
  });

  it('fails clearly where no channel is allowed', async () => {
    const host = await server({ sessions: 0 });
    const connection = await reach(host);
    await expect(connection.exec('true')).rejects.toMatchObject({ kind: 'config' });
  });

  it('is lost, with what had come, when the server dies', async () => {
    const host = await server({
      exec: (channel, line, client) => {
        begin(channel, line);
        channel.write('half', () => client.end());
      },
    });
    const connection = await reach(host);
    const outcome = await connection.exec('true');
    expect(outcome).toMatchObject({ kind: 'lost' });
    expect(outcome.stdout.toString()).toBe('half');
    await connection.closed;
    expect(await connection.exec('true')).toMatchObject({ kind: 'lost' });
  });

  it('is lost when the channel closes without an exit status', async () => {
    const host = await server({
      exec: (channel, line) => {
        begin(channel, line);
        channel.close();
      },
    });
    expect(await (await reach(host)).exec('true')).toMatchObject({ kind: 'lost' });
  });

  it('finds the marker in pieces and drops what came before it', async () => {
    const host = await server({
      exec: (channel, line) => {
        const marker = /mesh-begin-[0-9a-f]+/.exec(line)?.[0] ?? '';
        const text = `Message of the day ${marker.slice(0, 12)}\n${marker}\nresult`;
        const next = (at: number): void => {
          if (at < text.length) return void channel.write(text.slice(at, at + 5), () => next(at + 5));
          channel.exit(0);
          channel.end();
        };
        next(0);
      },
    });
    expect((await (await reach(host)).exec('true')).stdout.toString()).toBe('result');
  });
});

describe('many hosts', () => {
  it('caps the connections that are being started', async () => {
    const host = await server();
    const many = ssh({ forks: 6 });
    const settings = host.settings({ knownHostsFiles: knownHosts(host.knownHostsLine) });
    const connections = await Promise.all(Array.from({ length: 60 }, (_, i) => many.connect(`h${i}`, settings)));
    expect(new Set(connections.map((connection) => connection.host)).size).toBe(60);
    expect(host.seen.most).toBeLessThanOrEqual(6);
    await many.close();
    await Promise.all(connections.map((connection) => connection.closed));
  });
});

describe('jump hosts', () => {
  /** Servers that take any key, and a key file: a password is for the host that it was given for, not for its bastion. */
  const anyKey = {
    authenticate: (context: AuthContext) => (context.method === 'publickey' ? context.accept() : context.reject()),
  };
  function keyFile(): string {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-key-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'key'), ssh2.utils.generateKeyPairSync('ed25519').private, { mode: 0o600 });
    return join(folder, 'key');
  }

  it('goes through two, each with its own key, and shares them', async () => {
    const [first, second, target] = [
      await server({ forward: true, ...anyKey }),
      await server({ forward: true, ...anyKey }),
      await server(anyKey),
    ];
    const jumping = ssh();
    const settings = target.settings({
      keyFile: keyFile(),
      proxyJump: [`ops@127.0.0.1:${first.port}`, `ops@127.0.0.1:${second.port}`],
      knownHostsFiles: knownHosts(first.knownHostsLine, second.knownHostsLine, target.knownHostsLine),
    });
    const connections = await Promise.all(['a', 'b', 'c'].map((host) => jumping.connect(host, settings)));
    for (const connection of connections) expect(await connection.exec('true')).toMatchObject({ code: 0 });
    expect([first.seen.connections, second.seen.connections, target.seen.connections]).toEqual([1, 1, 3]);
    expect(first.seen.forwards).toEqual([`127.0.0.1:${second.port}`]);
  });

  it('checks the key of the jump host', async () => {
    const [jump, target] = [await server({ forward: true }), await server()];
    const settings = target.settings({
      keyFile: keyFile(),
      proxyJump: [`ops@127.0.0.1:${jump.port}`],
      knownHostsFiles: knownHosts(target.knownHostsLine),
    });
    const failed = ssh().connect('docker41', settings);
    await expect(failed).rejects.toMatchObject({ kind: 'host-key', host: 'docker41' });
    await expect(failed).rejects.toThrow(/^docker41 is reached through ops@127/);
  });
});

describe('a host that exchanges keys anew', () => {
  it('goes on as before: sshd does so after an hour or a gigabyte', async () => {
    const host = await server({
      exec: (channel, line, client) => {
        begin(channel, line);
        client.rekey(() => {
          channel.write('after\n');
          channel.exit(0);
          channel.end();
        });
      },
    });
    const connection = await reach(host);
    for (const _ of [1, 2]) {
      const outcome = await connection.exec('true', { timeoutMs: 5000 });
      expect({ ...outcome, stdout: outcome.stdout.toString() }).toMatchObject({
        kind: 'exited',
        code: 0,
        stdout: 'after\n',
      });
    }
  });
});
