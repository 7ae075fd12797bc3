import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resolve } from '../../../src/ssh/settings.js';
import type { Connection, Outcome, Transport } from '../../../src/ssh/types.js';
import { answers, plainResolver, transport } from '../answers.js';
import { freePort, hasSshd, type Sshd, startSshd } from '../sshd.js';

const text = (outcome: Outcome): string => outcome.stdout.toString();

describe.skipIf(!hasSshd)('commands on a real sshd', () => {
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

  it('gives stdout, stderr and the exit code', async () => {
    const outcome = await host.exec("echo out; echo err >&2; printf 'a\\0b\\377'; exit 7");
    expect(outcome).toMatchObject({ kind: 'exited', code: 7 });
    expect(outcome.stdout).toEqual(Buffer.from('6f75740a610062ff', 'hex'));
    expect(outcome.stderr.toString()).toBe('err\n');
  });

  it('tells a killed command from one that ended', async () => {
    expect(await host.exec('kill -9 $$')).toMatchObject({ kind: 'signalled', signal: 'SIGKILL' });
  });

  it('passes every character of a command through the login shell', async () => {
    const hostile = `a'b"c\\d!e$HOME\`id\`;f\n*?~#&|<>(){}[]é\t`;
    const quoted = `'${hostile.replaceAll("'", `'\\''`)}'`;
    expect(text(await host.exec(`printf %s ${quoted}`))).toBe(hostile);
  });

  it('runs a script with nothing on its stdin and its own exit code', async () => {
    const script = '#!/bin/sh\n# comment\ncat\ncat <<X\nhere\nX\nexit 3 # last';
    const outcome = await host.exec('', { script });
    expect(outcome).toMatchObject({ kind: 'exited', code: 3 });
    expect(text(outcome)).toBe('here\n');
  });

  it('runs an empty script', async () => {
    expect(await host.exec('', { script: '' })).toMatchObject({ kind: 'exited', code: 0 });
  });

  it('carries a script larger than a command line may be', async () => {
    const script = `${': padding\n'.repeat(60_000)}echo done`;
    expect(text(await host.exec('', { script }))).toBe('done\n');
  });

  it('feeds bytes and streams to a command', async () => {
    const bytes = Buffer.alloc(3_000_000, 'x');
    expect(text(await host.exec('wc -c', { stdin: bytes })).trim()).toBe('3000000');
    expect(text(await host.exec('cat', { stdin: Readable.from(['a', 'b']) }))).toBe('ab');
  });

  it('hands pieces to the listener and then collects none', async () => {
    const pieces: Buffer[] = [];
    const outcome = await host.exec('head -c 500000 /dev/zero', { onStdout: (piece) => pieces.push(piece) });
    expect(Buffer.concat(pieces).length).toBe(500_000);
    expect(outcome.stdout.length).toBe(0);
  });

  it('holds stdin open until the signal', async () => {
    const stop = new AbortController();
    let seen = '';
    const outcome = await host.exec('cat; echo end', {
      stdin: Buffer.from('first\n'),
      holdStdin: true,
      signal: stop.signal,
      onStdout: (piece) => {
        seen += piece.toString();
        if (seen === 'first\n') stop.abort();
      },
    });
    expect(outcome).toMatchObject({ kind: 'exited', code: 0 });
    expect(seen).toBe('first\nend\n');
  });

  it('gives up a command that takes too long', async () => {
    await expect(host.exec('sleep 60', { timeoutMs: 150 })).rejects.toMatchObject({
      kind: 'timeout',
      host: 'docker41',
    });
    expect(text(await host.exec('echo alive'))).toBe('alive\n');
  });

  it('stops waiting for a command when told to', async () => {
    const stop = new AbortController();
    const run = host.exec('echo up; sleep 60', { signal: stop.signal, onStdout: () => stop.abort() });
    expect(await run).toMatchObject({ kind: 'lost' });
  });

  it('runs more commands at once than sshd has sessions', async () => {
    const before = host.channels;
    const outcomes = await Promise.all(Array.from({ length: 25 }, (_, i) => host.exec(`echo ${i}`)));
    expect(outcomes.map(text)).toEqual(Array.from({ length: 25 }, (_, i) => `${i}\n`));
    expect(host.channels - before).toBe(25);
  });

  it('writes files with a mode, in one channel for bytes', async () => {
    const path = join(sshd.folder, "it's here");
    const before = host.channels;
    await host.upload(Buffer.from('content'), path, { mode: 0o640 });
    expect(host.channels - before).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe('content');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const large = Buffer.alloc(5_000_000, 'abc');
    await host.upload(Readable.from([large.subarray(0, 2_000_000), large.subarray(2_000_000)]), path);
    expect(readFileSync(path).equals(large)).toBe(true);
  });

  it('says why a file could not be written, and leaves no part of it', async () => {
    const folder = join(sshd.folder, 'a-folder');
    mkdirSync(join(folder, 'target'), { recursive: true });
    for (const content of [Buffer.from('x'), Readable.from(['x'])]) {
      await expect(host.upload(content, join(folder, 'target'))).rejects.toThrow('it is a directory');
    }
    const broken = new Readable({
      read() {
        this.push('half');
        this.destroy(new Error('disk error'));
      },
    });
    await expect(host.upload(broken, join(folder, 'file'))).rejects.toThrow('disk error');
    expect(readdirSync(folder)).toEqual(['target']);
    expect(readdirSync(join(folder, 'target'))).toEqual([]);
    await expect(host.upload(Buffer.from('x'), '/nowhere/file')).rejects.toThrow(
      /docker41: \/nowhere\/file could not be written: .*nonexistent|No such/,
    );
  });

  it('asks about an unknown key, records it, and does not ask again', async () => {
    const file = join(sshd.folder, 'new', 'known_hosts');
    const questions = answers({ hostKey: true });
    const fresh = transport({ questions });
    const settings = sshd.settings({ knownHostsFiles: [file] });
    await Promise.all([1, 2, 3].map((i) => fresh.connect(`h${i}`, settings)));
    await fresh.close();
    expect(questions.asked.hostKeys).toHaveLength(1);
    expect(questions.asked.hostKeys[0]).toMatchObject({
      address: '127.0.0.1',
      port: sshd.port,
      keyType: 'ssh-ed25519',
      file,
    });
    expect(readFileSync(file, 'utf8').split(' ').slice(0, 3)).toEqual(
      sshd.hostKeyLine.split(' ').slice(0, 2).concat(expect.stringContaining('AAAA')),
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('refuses an unknown key when the answer is no, and takes it with acceptNew', async () => {
    const file = join(sshd.folder, 'fresh_known_hosts');
    const settings = sshd.settings({ knownHostsFiles: [file] });
    const careful = transport();
    await expect(careful.connect('docker41', settings)).rejects.toMatchObject({ kind: 'host-key' });
    await careful.close();
    const trusting = transport({ acceptNew: true });
    await trusting.connect('docker41', settings);
    await trusting.close();
    expect(readFileSync(file, 'utf8')).toContain('ssh-ed25519');
  });

  it('stops at a changed key with both fingerprints, the line and the command', async () => {
    const other = readFileSync(join(sshd.folder, 'key.pub'), 'utf8').split(' ')[1];
    const file = join(sshd.folder, 'old_known_hosts');
    writeFileSync(file, `# comment\n[127.0.0.1]:${sshd.port} ssh-ed25519 ${other}\n`);
    const ssh2 = transport({ acceptNew: true });
    const failed = ssh2.connect('docker41', sshd.settings({ knownHostsFiles: [file] }));
    await expect(failed).rejects.toMatchObject({ kind: 'host-key' });
    await expect(failed).rejects.toThrow(new RegExp(`${file}:2 has ssh-ed25519 SHA256:.*shows SHA256:`));
    await expect(failed).rejects.toMatchObject({ advice: expect.stringContaining(`-R '[127.0.0.1]:${sshd.port}'`) });
    await ssh2.close();
  });

  it('names what was tried when nobody is let in', async () => {
    const none = transport();
    const failed = none.connect('docker41', sshd.settings({ keyFile: join(sshd.folder, 'host') }));
    await expect(failed).rejects.toMatchObject({ kind: 'auth' });
    await expect(failed).rejects.toThrow(/tried key .*host/);
    await none.close();
  });

  it('says that the given key file is missing', async () => {
    const none = transport();
    await expect(none.connect('docker41', sshd.settings({ keyFile: '/nowhere/key' }))).rejects.toThrow(
      'the key file /nowhere/key does not exist',
    );
    await none.close();
  });
});

describe.skipIf(!hasSshd)('host keys of several types', () => {
  it('asks the host for the type that is known', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-host-keys-'));
    const files = ['rsa', 'ecdsa'].map((type) => {
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(folder, type)]);
      return join(folder, type);
    });
    const sshd = await startSshd(files.map((file) => `HostKey ${file}`));
    for (const file of files) {
      const known = join(folder, 'known_hosts');
      writeFileSync(known, `[127.0.0.1]:${sshd.port} ${readFileSync(`${file}.pub`, 'utf8')}`);
      execFileSync('ssh-keygen', ['-H', '-f', known], { stdio: 'ignore' });
      const ssh = transport();
      await ssh.connect('docker41', sshd.settings({ knownHostsFiles: [known] }));
      await ssh.close();
    }
    await sshd.stop();
    rmSync(folder, { recursive: true });
  });
});

describe.skipIf(!hasSshd)('a real jump host', () => {
  it('leads to a host, and says what stands in the way', async () => {
    const [open, closed, target] = await Promise.all([startSshd(), startSshd(['DisableForwarding yes']), startSshd()]);
    const file = join(target.folder, 'all_known_hosts');
    writeFileSync(file, [open, closed, target].map((sshd) => `${sshd.hostKeyLine}\n`).join(''));
    // One key opens all three.
    for (const sshd of [open, closed]) copyFileSync(join(target.folder, 'authorized'), join(sshd.folder, 'authorized'));
    const via = (jump: Sshd, port = target.port) =>
      target.settings({ proxyJump: [`127.0.0.1:${jump.port}`], knownHostsFiles: [file], port });
    const user = userInfo().username;
    const ssh = transport({}, plainResolver({ user }));
    const host = await ssh.connect('docker41', via(open));
    expect((await host.exec('echo through')).stdout.toString()).toBe('through\n');
    await expect(ssh.connect('docker42', via(closed))).rejects.toMatchObject({
      kind: 'config',
      advice: expect.stringContaining('AllowTcpForwarding'),
    });
    const circle: Resolve = async (name, settings) => {
      const route = await plainResolver({ user })(name, settings);
      return { ...route, jumps: [`127.0.0.1:${open.port}`] };
    };
    const circling = transport({}, circle);
    await expect(circling.connect('docker41', via(open))).rejects.toThrow('is to be reached through itself');
    await circling.close();
    await expect(ssh.connect('docker43', via(open, await freePort()))).rejects.toMatchObject({ kind: 'refused' });
    await ssh.close();
    await Promise.all([open, closed, target].map((sshd) => sshd.stop()));
  });
});
