import * as z from 'zod';
import { EVENT_VERSION, type Event } from './types.js';

const stamp = {
  version: z.literal(EVENT_VERSION),
  run: z.string(),
  sequence: z.int().positive(),
  time: z.iso.datetime(),
};

const hostState = z.enum([
  'queued',
  'connecting',
  'observing',
  'planned',
  'waiting',
  'applying',
  'proving',
  'done',
  'failed',
  'refused',
  'unreachable',
  'stopped',
]);

const text = z.string();
const count = z.int().nonnegative();
const ms = z.number().nonnegative();
const step = { host: text, play: text, task: text, step: count, of: count, sentence: text };

const summary = z.object({
  host: text,
  state: hostState,
  changed: count,
  left: count,
  error: z.object({ message: text, command: text.exactOptional(), output: text.exactOptional() }).exactOptional(),
  next: text.exactOptional(),
});

const body = z.discriminatedUnion('kind', [
  z.object({ ...stamp, kind: z.literal('run.started'), command: text, inventory: text, hosts: z.array(text) }),
  z.object({ ...stamp, kind: z.literal('host.state'), host: text, state: hostState, detail: text.exactOptional() }),
  z.object({
    ...stamp,
    kind: z.literal('finding'),
    host: text.exactOptional(),
    code: text,
    severity: z.enum(['refuse', 'warn', 'note']),
    sentence: text,
    fix: text.exactOptional(),
  }),
  z.object({
    ...stamp,
    kind: z.literal('plan.ready'),
    changes: count,
    hosts: z.array(z.object({ host: text, changes: count })),
  }),
  z.object({ ...stamp, kind: z.literal('play.started'), play: text, index: count, of: count, hosts: z.array(text) }),
  z.object({ ...stamp, kind: z.literal('play.ended'), play: text, index: count, durationMs: ms }),
  z.object({ ...stamp, kind: z.literal('step.started'), ...step }),
  z.object({ ...stamp, kind: z.literal('step.output'), host: text, step: count, line: text }),
  z.object({
    ...stamp,
    kind: z.literal('step.ended'),
    ...step,
    state: z.enum(['done', 'failed', 'unneeded', 'stopped', 'lost']),
    exitCode: z.int().exactOptional(),
    durationMs: ms,
    command: text.exactOptional(),
    output: text.exactOptional(),
  }),
  z.object({
    ...stamp,
    kind: z.literal('transfer'),
    host: text,
    file: text,
    from: text,
    via: z.enum(['direct', 'laptop']),
    state: z.enum(['started', 'running', 'done', 'broken', 'failed']),
    bytes: count,
    of: count,
    durationMs: ms,
    detail: text.exactOptional(),
  }),
  z.object({ ...stamp, kind: z.literal('waiting'), host: text, detail: text }),
  z.object({ ...stamp, kind: z.literal('proof.started'), scope: z.enum(['tunnels', 'full']), pairs: count }),
  z.object({
    ...stamp,
    kind: z.literal('probe'),
    from: text,
    to: text,
    check: z.enum(['tunnel ping', 'docker0 ping', 'docker0 tcp', 'container ping', 'full-size DF', 'counters']),
    state: z.enum(['pass', 'fail', 'not measured']),
    ms: ms.exactOptional(),
    detail: text.exactOptional(),
    excused: z.literal(true).exactOptional(),
  }),
  z.object({
    ...stamp,
    kind: z.literal('proof.ended'),
    pairs: count,
    passed: count,
    withoutContainers: count.exactOptional(),
    durationMs: ms,
  }),
  z.object({
    ...stamp,
    kind: z.literal('message'),
    level: z.enum(['info', 'warn', 'error', 'debug']),
    host: text.exactOptional(),
    text,
  }),
  z.object({ ...stamp, kind: z.literal('stopping'), reason: text }),
  z.object({
    ...stamp,
    kind: z.literal('run.ended'),
    exitCode: z.int(),
    changed: count,
    durationMs: ms,
    hosts: z.array(summary),
  }),
]);

/** Reads back what `--output jsonl` wrote: the versioned union, unknown keys dropped, any other version refused. */
export const eventSchema: z.ZodType<Event> = body;

/**
 * One line of a JSON-lines log as an event.
 *
 * @throws {z.ZodError | SyntaxError} where the line is not an event of this version.
 */
export function parseEventLine(line: string): Event {
  return eventSchema.parse(JSON.parse(line));
}
