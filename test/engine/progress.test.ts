import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrameReader } from '../../src/engine/journal.js';
import { followProgress } from '../../src/engine/progress.js';
import type { EventBody } from '../../src/events/types.js';

function follow(steps = ['one', 'two', 'three']) {
  const events: EventBody[] = [];
  const progress = followProgress({
    host: 'docker41',
    playName: 'Switch',
    steps: steps.map((sentence) => ({ task: 'a task', sentence, command: `do ${sentence}` })),
    emit: (event) => events.push(event),
    now: () => 0,
  });
  return { events, ...progress };
}

const journal = (text: string) => ({ kind: 'journal' as const, bytes: Buffer.from(text) });
const output = (text: string) => ({ kind: 'output' as const, bytes: Buffer.from(text) });

describe('progress', () => {
  it('gives a failed step its own output, though several steps come in one piece', () => {
    const { events, read, state } = follow();
    read(journal('B 1 1 0\nE 1 done 0 1 4\nB 2 1 4\nE 2 failed 3 1 14\nX failed 1\n'));
    read(output('one\nno bridge\n'));
    expect(state.end).toBe('failed');
    expect(state.error).toEqual({ message: 'two: exit code 3', command: 'do two', output: 'no bridge' });
    expect(events.map((event) => [event.kind, 'line' in event ? event.line : ''])).toEqual([
      ['step.started', ''],
      ['step.output', 'one'],
      ['step.ended', ''],
      ['step.started', ''],
      ['step.output', 'no bridge'],
      ['step.ended', ''],
    ]);
  });

  it('keeps what a step notes', () => {
    const { events, read } = follow();
    read(journal('B 1 1 0\nE 1 done 0 1 43\n'));
    read(output('a word: note: no\nnote: traffic stood still\n'));
    expect(events.filter(({ kind }) => kind === 'message')).toEqual([
      { kind: 'message', level: 'info', host: 'docker41', text: 'traffic stood still' },
    ]);
  });

  it('shows a line as soon as it is there, and one without an end when its step ends', () => {
    const { events, read } = follow();
    read(journal('B 1 1 0\n'));
    read(output('half'));
    expect(events).toHaveLength(1);
    read(output(' a line\nand the rest'));
    read(journal('E 1 done 0 1 24\n'));
    expect(events.flatMap((event) => (event.kind === 'step.output' ? [event.line] : []))).toEqual([
      'half a line',
      'and the rest',
    ]);
  });

  it('counts what changed, and what only passed', () => {
    const { read, state } = follow();
    read(journal('B 1 1 0\nE 1 done 0 1 0\nB 2 1 0\nE 2 unneeded 0 1 0\nX stopped 1\n'));
    expect(state).toMatchObject({ changed: 1, passed: 2, end: 'stopped', error: undefined });
  });

  it('tells why a program failed before its first step', () => {
    const { read, state } = follow();
    read(journal('X failed 1\n'));
    read(output('another run is changing this host\n'));
    expect(state.error).toEqual({ message: 'another run is changing this host' });
  });

  it('names the steps of another run by the sentences that it left', () => {
    const { events, read } = follow([]);
    read({ kind: 'steps', bytes: Buffer.from('build it\ninstall it\n') });
    read(journal('B 2 1 0\n'));
    expect(events).toEqual([expect.objectContaining({ step: 2, of: 2, sentence: 'install it' })]);
  });

  it('says of a step that its end is not known', () => {
    const { events, read, abandon } = follow();
    read(journal('B 1 1 0\n'));
    read(output('so far\n'));
    abandon();
    expect(events.at(-1)).toMatchObject({ kind: 'step.ended', state: 'lost', command: 'do one', output: 'so far' });
    expect(events.at(-1)).not.toHaveProperty('exitCode');
  });

  it('is the same whatever the pieces are in which the bytes come', () => {
    const piece = fc.tuple(fc.constantFrom('done', 'unneeded'), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (steps, cuts) => {
        const lines: string[] = [];
        let written = '';
        for (const [index, [state, text]] of steps.entries()) {
          lines.push(`B ${index + 1} 1 ${Buffer.byteLength(written)}\n`);
          written += text;
          lines.push(`E ${index + 1} ${state} 0 1 ${Buffer.byteLength(written)}\n`);
        }
        const j = Buffer.from(`${lines.join('')}X done 1\n`);
        const o = Buffer.from(written);
        const wire = Buffer.concat([Buffer.from(`J ${j.length}\n`), j, Buffer.from(`O ${o.length}\n`), o]);
        const whole = follow(steps.map(([, text]) => text));
        createFrameReader(whole.read)(wire);
        const cut = follow(steps.map(([, text]) => text));
        const read = createFrameReader(cut.read);
        const places = [0, ...cuts.map((at) => at % wire.length).sort((a, b) => a - b), wire.length];
        for (const [index, at] of places.entries()) read(wire.subarray(places[index - 1] ?? 0, at));
        expect(cut.events).toEqual(whole.events);
        expect(cut.state.end).toBe('done');
        expect(cut.state.passed).toBe(steps.length);
      }),
      { numRuns: 100 },
    );
  });
});
