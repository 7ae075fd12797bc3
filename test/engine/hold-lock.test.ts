import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { holdLock } from '../../src/engine/hold-lock.js';
import { HEARTBEAT, HEARTBEAT_SECONDS, type LockRequest, SILENCE_SECONDS } from '../../src/engine/lock.js';
import type { Connection } from '../../src/ssh/types.js';
import { fakeConnection } from './fakes.js';

const request: LockRequest = { run: 'run-1', who: 'ops@laptop', since: 'noon', what: 'mesh deploy x', lastRun: null };

/** A host that answers the lock's command with a line, and what it hears from the laptop. */
function host(line: string) {
  const heard: string[] = [];
  const plain = fakeConnection('docker41', [], { lock: () => line });
  const connection: Connection = {
    ...plain,
    exec: (command, options = {}) => {
      if (options.stdin && !Buffer.isBuffer(options.stdin)) {
        options.stdin.on('data', (piece) => heard.push(String(piece)));
      }
      return plain.exec(command, options);
    },
  };
  return { connection, heard };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the laptop that holds a lock', () => {
  it('says that it is there, several times within the silence that a host bears, until it gives the lock back', async () => {
    expect(SILENCE_SECONDS).toBeGreaterThanOrEqual(3 * HEARTBEAT_SECONDS);
    const { connection, heard } = host('held');
    const held = await holdLock(connection, request);
    if (held.kind !== 'held') throw new Error(held.message);
    expect(held.from).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_SECONDS * 1000);
    expect(heard).toEqual([HEARTBEAT, HEARTBEAT]);
    await held.lock.release();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('learns of the run that it takes the lock over from', async () => {
    const held = await holdLock(host('taken over ann@desk, since noon: mesh run x').connection, request);
    expect(held).toMatchObject({ kind: 'held', from: 'ann@desk, since noon: mesh run x' });
  });

  it.each([
    [
      'busy ann@desk, since noon: mesh run x',
      'another run is changing this host (ann@desk, since noon: mesh run x)',
      'when that run has ended: mesh deploy x',
    ],
    [
      'outdated run-0 ann@desk',
      'it was changed since it was looked at (by run-0 ann@desk)',
      'to plan it anew: mesh deploy x',
    ],
    [
      'outdated ',
      'it was changed since it was looked at (by somebody who took everything back)',
      'to plan it anew: mesh deploy x',
    ],
    ['unreadable no /run/mesh', 'its lock could not be taken: no /run/mesh', undefined],
  ])('does not hold it where the host says `%s`, and says nothing more to it', async (line, message, next) => {
    const held = await holdLock(host(line).connection, request);
    expect(held).toEqual({ kind: 'not held', message, ...(next !== undefined && { next }) });
    expect(vi.getTimerCount()).toBe(0);
  });
});
