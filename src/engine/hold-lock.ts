import { PassThrough } from 'node:stream';
import { createLineReader } from '../lines.js';
import type { Connection } from '../ssh/types.js';
import { HEARTBEAT, HEARTBEAT_SECONDS, type LockRequest, lockCommand, parseLockAnswer } from './lock.js';

export interface HeldLock {
  release(): Promise<void>;
}

export type LockResult =
  | { readonly kind: 'held'; readonly lock: HeldLock; readonly from?: string }
  | { readonly kind: 'not held'; readonly message: string; readonly next?: string };

/**
 * Takes a host's lock and keeps it as long as the connection lives or until it is released; says all the while that it is
 * there. Never rejects: that somebody
 * else has it, or that the host was changed since it was looked at, is an answer.
 */
export async function holdLock(connection: Connection, request: LockRequest): Promise<LockResult> {
  const hold = new AbortController();
  const heart = new PassThrough();
  const beats = setInterval(() => heart.write(HEARTBEAT), HEARTBEAT_SECONDS * 1000).unref();
  let reason = 'the connection was lost';
  let resolve: (line: string | undefined) => void = () => undefined;
  const firstLine = new Promise<string | undefined>((settle) => {
    resolve = settle;
  });
  const ended = connection
    .exec(lockCommand(request), {
      stdin: heart,
      holdStdin: true,
      signal: hold.signal,
      onStdout: createLineReader((line) => resolve(line)),
    })
    .then((outcome) => {
      if (outcome.kind === 'lost') reason = outcome.reason;
      else reason = outcome.stderr.toString('utf8').trim() || 'the lock command ended at once';
    })
    .catch((error: unknown) => {
      reason = error instanceof Error ? error.message : String(error);
    })
    .finally(() => {
      clearInterval(beats);
      resolve(undefined);
    });
  const line = await firstLine;
  const answer = line === undefined ? undefined : parseLockAnswer(line);
  if (answer?.kind === 'held' || answer?.kind === 'taken over') {
    const release = async () => {
      hold.abort();
      await ended;
    };
    return { kind: 'held', lock: { release }, ...(answer.kind === 'taken over' && { from: answer.from }) };
  }
  hold.abort();
  await ended;
  if (answer?.kind === 'busy') {
    const message = `another run is changing this host (${answer.by})`;
    return { kind: 'not held', message, next: `when that run has ended: ${request.what}` };
  }
  if (answer?.kind === 'outdated') {
    const by = answer.by || 'somebody who took everything back';
    return {
      kind: 'not held',
      message: `it was changed since it was looked at (by ${by})`,
      next: `to plan it anew: ${request.what}`,
    };
  }
  return { kind: 'not held', message: `its lock could not be taken: ${answer?.text ?? reason}` };
}
