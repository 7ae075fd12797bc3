import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relay } from '../../../src/spread/relay.js';
import type { Connection, Transport } from '../../../src/ssh/types.js';
import { transport } from '../answers.js';
import { hasSshd, type Sshd, startSshd } from '../sshd.js';

const SIZE = 40_000_000;
/** What one SSH channel, the pipes at its ends and ssh2's buffers may hold on their way. */
const IN_FLIGHT = 8_000_000;

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe.skipIf(!hasSshd)('output that is not taken', () => {
  let sshd: Sshd;
  let ssh: Transport;
  let host: Connection;
  beforeAll(async () => {
    sshd = await startSshd();
    ssh = transport();
    host = await ssh.connect('docker41', sshd.settings());
  });
  afterAll(async () => {
    await ssh.close();
    await sshd.stop();
  });

  it('waits on the host, and comes whole once it is taken', async () => {
    let got = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const outcome = host.exec(`head -c ${SIZE} /dev/zero`, {
      onStdout: (chunk) => {
        got += chunk.length;
        return gate;
      },
    });
    await turns(100);
    expect(got).toBeGreaterThan(0);
    expect(got).toBeLessThan(IN_FLIGHT);
    release();
    expect(await outcome).toMatchObject({ kind: 'exited', code: 0 });
    expect(got).toBe(SIZE);
  });

  it('is read from the one as fast as the slowest other takes it', async () => {
    const path = `${sshd.folder}/source.bin`;
    await host.exec(`head -c ${SIZE} /dev/zero >${path}`);
    let read = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    // A receiver that takes nothing: its command runs, but its input is not read until the gate opens.
    const slow: Connection = {
      ...host,
      exec: async (command, options) => {
        await gate;
        return host.exec(command, options);
      },
    };
    const sum = (await host.exec(`sha256sum <${path} | cut -d' ' -f1`)).stdout.toString().trim();
    const arrival = (name: string) => ({ path: `${sshd.folder}/${name}`, sha256: sum, size: SIZE });
    const done = relay({
      source: { connection: host, path },
      offset: 0,
      receivers: [
        { host: 'fast', connection: host, arrival: arrival('fast.bin') },
        { host: 'slow', connection: slow, arrival: arrival('slow.bin') },
      ],
      onProgress: (bytes) => {
        read = bytes;
      },
      stop: new AbortController().signal,
    });
    await turns(100);
    expect(read).toBeLessThan(IN_FLIGHT);
    release();
    const { arrived, sourceFailed } = await done;
    expect(sourceFailed).toBeUndefined();
    expect([...arrived.values()].map(({ kind }) => kind)).toEqual(['done', 'done']);
  });

  it('goes on to the others when one of them cannot take it', async () => {
    const path = `${sshd.folder}/small.bin`;
    await host.exec(`head -c 3000000 /dev/zero >${path}; mkdir ${sshd.folder}/full.bin`);
    const sum = (await host.exec(`sha256sum <${path} | cut -d' ' -f1`)).stdout.toString().trim();
    const arrival = (name: string) => ({ path: `${sshd.folder}/${name}`, sha256: sum, size: 3_000_000 });
    const { arrived } = await relay({
      source: { connection: host, path },
      offset: 0,
      receivers: ['full.bin', 'good.bin'].map((name) => ({ host: name, connection: host, arrival: arrival(name) })),
      onProgress: () => undefined,
      stop: new AbortController().signal,
    });
    expect(arrived.get('full.bin')).toMatchObject({ kind: 'refused', why: 'it is a directory' });
    expect(arrived.get('good.bin')).toMatchObject({ kind: 'done' });
  });

  it('ends with what is there when the source is cut, and is gone on with from there', async () => {
    const path = `${sshd.folder}/source.bin`;
    const sum = (await host.exec(`sha256sum <${path} | cut -d' ' -f1`)).stdout.toString().trim();
    const receiver = {
      host: 'b',
      connection: host,
      arrival: { path: `${sshd.folder}/again.bin`, sha256: sum, size: SIZE },
    };
    const killed: Connection = {
      ...host,
      exec: (_command, options) => host.exec(`head -c 5000000 <${path}; kill -9 $$`, options),
    };
    const cut = await relay({
      source: { connection: killed, path },
      offset: 0,
      receivers: [receiver],
      onProgress: () => undefined,
      stop: new AbortController().signal,
    });
    expect(cut.sourceFailed).toBe('it was killed by SIGKILL');
    expect(cut.arrived.get('b')).toMatchObject({ kind: 'broke', part: 5_000_000 });
    const part = 5_000_000;
    const rest = await relay({
      source: { laptop: path },
      offset: part,
      receivers: [receiver],
      onProgress: () => undefined,
      stop: new AbortController().signal,
    });
    expect(rest.arrived.get('b')).toEqual({ kind: 'done', resumed: part });
  });
});
