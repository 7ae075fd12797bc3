import { describe, expect, it } from 'vitest';
import { eventSchema, parseEventLine } from '../../src/events/schema.js';
import type { Event, EventBody } from '../../src/events/types.js';

const step = { host: 'a', play: 'p', task: 't', step: 1, of: 2, sentence: 's' };

/** One of every kind, with everything that it can carry. The type makes a new kind fail here. */
const bodies: { [K in EventBody['kind']]: Extract<EventBody, { kind: K }> } = {
  'run.started': { kind: 'run.started', command: 'deploy', inventory: 'i.yml', hosts: ['a'] },
  'host.state': { kind: 'host.state', host: 'a', state: 'unreachable', detail: 'off' },
  finding: { kind: 'finding', host: 'a', code: 'c', severity: 'refuse', sentence: 's', fix: 'f' },
  'plan.ready': { kind: 'plan.ready', changes: 2, hosts: [{ host: 'a', changes: 2 }] },
  'play.started': { kind: 'play.started', play: 'p', index: 1, of: 3, hosts: ['a'] },
  'play.ended': { kind: 'play.ended', play: 'p', index: 1, durationMs: 12.5 },
  'step.started': { kind: 'step.started', ...step },
  'step.output': { kind: 'step.output', host: 'a', step: 1, line: '\u001b[31mred' },
  'step.ended': {
    kind: 'step.ended',
    ...step,
    state: 'failed',
    exitCode: 1,
    durationMs: 3,
    command: 'false',
    output: 'no',
  },
  transfer: {
    kind: 'transfer',
    host: 'a',
    file: 'f.rpm',
    from: 'b',
    via: 'direct',
    state: 'running',
    bytes: 1,
    of: 2,
    durationMs: 3,
    detail: 'half of it',
  },
  waiting: { kind: 'waiting', host: 'a', detail: 'for b' },
  'proof.started': { kind: 'proof.started', scope: 'full', pairs: 6 },
  probe: {
    kind: 'probe',
    from: 'a',
    to: 'b',
    check: 'full-size DF',
    state: 'fail',
    ms: 0.4,
    detail: 'too long',
    excused: true,
  },
  'proof.ended': { kind: 'proof.ended', pairs: 6, passed: 5, withoutContainers: 2, durationMs: 900 },
  message: { kind: 'message', level: 'warn', host: 'a', text: 't' },
  stopping: { kind: 'stopping', reason: 'Ctrl-C' },
  'run.ended': {
    kind: 'run.ended',
    exitCode: 1,
    changed: 3,
    durationMs: 9,
    hosts: [
      {
        host: 'a',
        state: 'failed',
        changed: 1,
        left: 2,
        error: { message: 'm', command: 'c', output: 'o' },
        next: 'n',
      },
      { host: 'b', state: 'done', changed: 2, left: 0 },
    ],
  },
};

const stamped = (body: EventBody): Event => ({
  version: 1,
  run: '20261123-235501-4f2a',
  sequence: 1,
  time: '2026-11-23T23:55:01.250Z',
  ...body,
});

describe('eventSchema', () => {
  it.each(Object.values(bodies))('reads $kind back as it was written', (body) => {
    const event = stamped(body);
    expect(parseEventLine(JSON.stringify(event))).toEqual(event);
  });

  it('reads an event without its optional parts', () => {
    const event = stamped({ kind: 'finding', code: 'c', severity: 'note', sentence: 's' });
    expect(parseEventLine(JSON.stringify(event))).toEqual(event);
  });

  it.each([
    ['another version', { ...stamped(bodies.stopping), version: 2 }],
    ['an unknown kind', { ...stamped(bodies.stopping), kind: 'party' }],
    ['a wrong state', { ...stamped(bodies['host.state']), state: 'happy' }],
    ['no sequence', { ...stamped(bodies.stopping), sequence: undefined }],
    ['a time that is none', { ...stamped(bodies.stopping), time: 'now' }],
  ])('refuses %s', (_, event) => {
    expect(eventSchema.safeParse(event).success).toBe(false);
  });
});
