import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event, EventBody, HostState, ProbeCheck, ProbeState, StepState } from '../../src/events/types.js';
import { lastingRows } from '../../src/ui/lasting.js';
import { rows, rowWidth } from '../../src/ui/rows.js';
import { createStyle } from '../../src/ui/style.js';
import { emptyModel, type Model, probesOf, reduce } from '../../src/ui/view-model.js';
import { demoEvents } from './demo-events.js';

const { symbols } = createStyle({ color: false, unicode: true });
const START = Date.parse('2026-11-23T23:55:00.000Z');

const stamp = (body: EventBody, sequence: number, at = sequence * 100): Event => ({
  version: 1,
  run: 'r',
  sequence: sequence + 1,
  time: new Date(START + at).toISOString(),
  ...body,
});

const fold = (bodies: readonly EventBody[]): Model =>
  bodies.reduce((model, body, i) => reduce(model, stamp(body, i)), emptyModel);

const text = fc.oneof(fc.constantFrom('a', 'b', 'docker41', '日本語'), fc.string({ unit: 'binary', maxLength: 30 }));
const count = fc.nat({ max: 9 });
const step = { host: text, play: text, task: text, step: count, of: count, sentence: text };
const states: HostState[] = ['queued', 'connecting', 'observing', 'planned', 'waiting', 'applying', 'proving'];
const finals: HostState[] = ['done', 'failed', 'refused', 'unreachable', 'stopped'];
const checks: ProbeCheck[] = ['tunnel ping', 'docker0 ping', 'full-size DF', 'counters'];
const state = fc.constantFrom(...states, ...finals);

/** Any event, in any order, about any host: also what no engine would say. */
const anyBody: fc.Arbitrary<EventBody> = fc.oneof(
  fc.record({ kind: fc.constant('run.started'), command: text, inventory: text, hosts: fc.array(text) } as const),
  fc.record({ kind: fc.constant('host.state'), host: text, state, detail: text } as const),
  fc.record({
    kind: fc.constant('finding'),
    host: text,
    code: text,
    severity: fc.constantFrom('refuse', 'warn', 'note'),
    sentence: text,
    fix: text,
  } as const),
  fc.record({
    kind: fc.constant('plan.ready'),
    changes: count,
    hosts: fc.array(fc.record({ host: text, changes: count })),
  } as const),
  fc.record({ kind: fc.constant('play.started'), play: text, index: count, of: count, hosts: fc.array(text) } as const),
  fc.record({ kind: fc.constant('play.ended'), play: text, index: count, durationMs: count } as const),
  fc.record({ kind: fc.constant('step.started'), ...step } as const),
  fc.record({ kind: fc.constant('step.output'), host: text, step: count, line: text } as const),
  fc.record({
    kind: fc.constant('step.ended'),
    ...step,
    state: fc.constantFrom<StepState>('done', 'failed', 'unneeded', 'stopped', 'lost'),
    durationMs: count,
  } as const),
  fc.record({ kind: fc.constant('waiting'), host: text, detail: text } as const),
  fc.record({ kind: fc.constant('proof.started'), scope: fc.constantFrom('tunnels', 'full'), pairs: count } as const),
  fc.record({
    kind: fc.constant('probe'),
    from: text,
    to: text,
    check: fc.constantFrom(...checks),
    state: fc.constantFrom<ProbeState>('pass', 'fail', 'not measured'),
  } as const),
  fc.record({ kind: fc.constant('proof.ended'), pairs: count, passed: count, durationMs: count } as const),
  fc.record({ kind: fc.constant('message'), level: fc.constantFrom('info', 'warn', 'error', 'debug'), text } as const),
  fc.record({ kind: fc.constant('stopping'), reason: text } as const),
);

const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 0, max: 60 }) });

describe('rows', () => {
  it('are never more, nor wider, than what was asked for, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(anyBody, { maxLength: 60 }), size, (bodies, view) => {
        let model = emptyModel;
        for (const [i, body] of bodies.entries()) {
          const event = stamp(body, i);
          model = reduce(model, event);
          for (const row of lastingRows(model, event, { columns: view.columns, symbols })) {
            expect(rowWidth(row)).toBeLessThanOrEqual(view.columns);
          }
        }
        const drawn = rows(model, { ...view, now: START + 50_000, symbols });
        expect(drawn.length).toBeLessThanOrEqual(view.rows);
        for (const row of drawn) expect(rowWidth(row)).toBeLessThanOrEqual(view.columns);
      }),
    );
  });

  it('lose no host: each one has a row or is counted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 150 }),
        fc.integer({ min: 3, max: 40 }),
        fc.nat(20_000),
        (hosts, limit, at) => {
          const events = demoEvents({ hosts, failing: 'docker42' }).filter((timed) => timed.at <= at);
          const model = events.reduce((m, { at: when, body }, i) => reduce(m, stamp(body, i, when)), emptyModel);
          fc.pre(!model.ended);
          const drawn = rows(model, { columns: 80, rows: limit, now: START + at, symbols });
          const lines = drawn.map((row) => row.map((span) => span.text).join(''));
          const named = lines.filter((line) => /^ {2}\S docker\d+/.test(line)).length;
          const counted = lines.flatMap((line) => /(\d+) more: /.exec(line)?.[1] ?? []).map(Number);
          expect(named + counted.reduce((a, b) => a + b, 0)).toBe(hosts);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('say nothing any more once the run has ended', () => {
    const model = demoEvents().reduce((m, { at, body }, i) => reduce(m, stamp(body, i, at)), emptyModel);
    expect(rows(model, { columns: 80, rows: 23, now: START, symbols })).toEqual([]);
  });

  it('show hosts that failed first, and of many those that have been running longest', () => {
    const hosts = Array.from({ length: 60 }, (_, i) => `h${i}`);
    const running = hosts.slice(0, 30).reverse();
    const model = fold([
      { kind: 'run.started', command: 'deploy', inventory: 'i', hosts },
      { kind: 'play.started', play: 'p', index: 1, of: 1, hosts },
      { kind: 'host.state', host: 'h59', state: 'failed', detail: 'no' },
      ...running.map(
        (host) => ({ kind: 'step.started', host, play: 'p', task: 't', step: 1, of: 2, sentence: 's' }) as const,
      ),
    ]);
    const drawn = rows(model, { columns: 80, rows: 6, now: START, symbols }).map((row) =>
      row
        .map((span) => span.text)
        .join('')
        .trim(),
    );
    expect(drawn.map((line) => line.split(/ +/)[1])).toEqual(['Play', 'h59', 'h29', 'h28', 'h27', '56']);
    expect(drawn.at(-1)).toBe('· 56 more: 27 running, 29 waiting');
  });
});

describe('reduce', () => {
  it('is pure', () => {
    fc.assert(
      fc.property(fc.array(anyBody, { maxLength: 30 }), anyBody, (bodies, body) => {
        const model = fold(bodies);
        const before = structuredClone(model);
        reduce(model, stamp(body, 99));
        expect(model).toEqual(before);
      }),
      { numRuns: 50 },
    );
  });

  it('counts changes, and what is not one is none', () => {
    const ended = { kind: 'step.ended', host: 'a', play: 'p', task: 't', of: 3, sentence: 's', durationMs: 5 } as const;
    const model = fold([
      { kind: 'play.started', play: 'p', index: 1, of: 1, hosts: ['a'] },
      { ...ended, step: 1, state: 'done' },
      { ...ended, step: 2, state: 'unneeded' },
      { ...ended, step: 3, state: 'failed', exitCode: 7 },
    ]);
    expect(model.hosts.get('a')).toMatchObject({
      changed: 1,
      progress: { ended: 3, of: 3 },
      error: { sentence: 's', exitCode: 7 },
    });
    expect(model.plays).toMatchObject([{ changed: 1, failed: ['a'] }]);
  });

  it('keeps every probe in order', () => {
    const probes = (['pass', 'fail', 'not measured'] as const).map((result, i) => ({
      kind: 'probe' as const,
      from: 'a',
      to: `b${i}`,
      check: 'counters' as const,
      state: result,
    }));
    const model = fold([{ kind: 'proof.started', scope: 'full', pairs: 3 }, ...probes]);
    expect(probesOf(model).map((probe) => probe.to)).toEqual(['b0', 'b1', 'b2']);
    expect(model.proof?.counts).toEqual({ pass: 1, fail: 1, 'not measured': 1 });
    expect(model.proof?.failing.map((probe) => probe.to)).toEqual(['b1']);
  });
});
