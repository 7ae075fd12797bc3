import { describe, expect, it } from 'vitest';
import { createEventStream, newRunId } from '../../src/events/stream.js';
import type { Event } from '../../src/events/types.js';

const clock = () => new Date('2026-11-23T23:55:01.250Z');

describe('createEventStream', () => {
  it('stamps version, run, time and a sequence without gaps', () => {
    const stream = createEventStream('r1', clock);
    const heard: Event[] = [];
    stream.subscribe((event) => heard.push(event));
    stream.emit({ kind: 'stopping', reason: 'because' });
    stream.emit({ kind: 'waiting', host: 'a', detail: 'for b' });
    expect(heard).toEqual([
      { version: 1, run: 'r1', sequence: 1, time: '2026-11-23T23:55:01.250Z', kind: 'stopping', reason: 'because' },
      {
        version: 1,
        run: 'r1',
        sequence: 2,
        time: '2026-11-23T23:55:01.250Z',
        kind: 'waiting',
        host: 'a',
        detail: 'for b',
      },
    ]);
  });

  it('goes on for others when a listener throws, and says so once', () => {
    const errors: unknown[] = [];
    const stream = createEventStream('r1', clock, { onListenerError: (error) => errors.push(error) });
    const heard: number[] = [];
    stream.subscribe(() => {
      throw new Error('broken reader');
    });
    stream.subscribe((event) => heard.push(event.sequence));
    stream.emit({ kind: 'stopping', reason: '1' });
    stream.emit({ kind: 'stopping', reason: '2' });
    expect(heard).toEqual([1, 2]);
    expect(errors).toEqual([new Error('broken reader')]);
  });

  it('replays to a late subscriber that asks for it', () => {
    const stream = createEventStream('r1', clock);
    stream.emit({ kind: 'stopping', reason: '1' });
    const late: number[] = [];
    const plain: number[] = [];
    stream.subscribe((event) => late.push(event.sequence), { replay: true });
    const end = stream.subscribe((event) => plain.push(event.sequence));
    stream.emit({ kind: 'stopping', reason: '2' });
    end();
    stream.emit({ kind: 'stopping', reason: '3' });
    expect(late).toEqual([1, 2, 3]);
    expect(plain).toEqual([2]);
  });

  it('keeps the order for everybody when a listener emits', () => {
    const stream = createEventStream('r1', clock);
    const heard: number[] = [];
    stream.subscribe((event) => {
      if (event.kind === 'stopping') stream.emit({ kind: 'waiting', host: 'a', detail: 'for b' });
    });
    stream.subscribe((event) => heard.push(event.sequence));
    stream.emit({ kind: 'stopping', reason: '1' });
    expect(heard).toEqual([1, 2]);
  });
});

describe('newRunId', () => {
  it('is the second in UTC and four hex digits', () => {
    expect(newRunId(clock())).toMatch(/^20261123-235501-[0-9a-f]{4}$/);
  });
});
