import type { EventBody } from '../events/types.js';
import type { Arrived, SpreadContext } from './types.js';

/** Progress is told no more often than this, in milliseconds. */
const INTERVAL_MS = 250;

type Told = Extract<EventBody, { kind: 'transfer' }>;

/** Tells of one file's way to one host: that it began, how far it is, how it ended. */
export function tellTransfer(
  context: Pick<SpreadContext, 'emit' | 'now'>,
  about: Pick<Told, 'host' | 'file' | 'from' | 'via' | 'of'>,
) {
  const startedAt = context.now();
  let last = startedAt;
  let bytes = 0;
  const tell = (state: Told['state'], detail?: string): void => {
    const durationMs = Math.max(0, Math.round(context.now() - startedAt));
    context.emit({
      kind: 'transfer',
      ...about,
      state,
      bytes,
      durationMs,
      ...(detail !== undefined && detail !== '' && { detail }),
    });
  };
  tell('started');
  return {
    progress(now: number): void {
      bytes = Math.min(now, about.of);
      if (context.now() - last < INTERVAL_MS) return;
      last = context.now();
      tell('running');
    },
    ended(arrived: Arrived): void {
      if (arrived.kind === 'done') {
        bytes = about.of;
        tell('done', arrived.resumed > 0 ? `${arrived.resumed} bytes were there from before` : undefined);
      } else if (arrived.kind === 'wrong') tell('failed', `what arrived has sha256 ${arrived.sum}`);
      else tell(arrived.kind === 'refused' ? 'failed' : 'broken', arrived.why);
    },
  };
}
