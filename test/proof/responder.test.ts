import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { responderCommand } from '../../src/proof/responder.js';
import { proofHost } from './hosts.js';

/** The commands of all processes in the session of `leader` (proc(5), /proc/pid/stat field 6). */
function sessionOf(leader: number): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const [, , , session] = readFileSync(`/proc/${Number(pid)}/stat`, 'utf8')
        .replace(/.*\) /s, '')
        .split(' ');
      return Number(session) === leader ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

let bin = '';
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'mesh-responder-'));
  // What the command would change on this machine.
  for (const name of ['docker', 'iptables']) writeFileSync(join(bin, name), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

describe('a responder', () => {
  it.each(['its stdin ends', 'it is told to end'])('leaves no process behind when %s', async (how) => {
    // A session of its own, by which its processes are known.
    const child = spawn('sh', ['-c', responderCommand(proofHost(41, [42], { address: '127.0.0.1' }), 'token')], {
      detached: true,
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    });
    let said = '';
    child.stdout.on('data', (piece) => {
      said += String(piece);
    });
    const closed = new Promise((resolve) => child.on('close', resolve));
    await vi.waitFor(() => expect(said).toMatch(/^ready$/m), { timeout: 30_000 });
    await vi.waitFor(() => expect(sessionOf(child.pid ?? 0).join('\n')).toContain('sleep'), { timeout: 10_000 });
    if (how === 'its stdin ends') child.stdin.end();
    else child.kill('SIGTERM');
    await closed;
    await vi.waitFor(() => expect(sessionOf(child.pid ?? 0)).toEqual([]), { timeout: 10_000 });
  });
});
