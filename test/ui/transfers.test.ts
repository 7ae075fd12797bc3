import { describe, expect, it } from 'vitest';
import type { Event, EventBody } from '../../src/events/types.js';
import { linesOf } from '../../src/ui/lines.js';
import { drawRow, rows } from '../../src/ui/rows.js';
import { createStyle } from '../../src/ui/style.js';
import { bytes } from '../../src/ui/text.js';
import { emptyModel, reduce } from '../../src/ui/view-model.js';

const style = createStyle({ color: false, unicode: true });
const START = Date.parse('2026-11-23T23:55:00.000Z');

let sequence = 0;
const stamped = (body: EventBody): Event => ({
  version: 1,
  run: 'r',
  sequence: ++sequence,
  time: new Date(START).toISOString(),
  ...body,
});

type Transfer = Extract<EventBody, { kind: 'transfer' }>;
const transfer = (changes: Partial<Transfer>): Transfer => ({
  kind: 'transfer',
  host: 'docker42',
  file: 'openvswitch-3.1.0.rpm',
  from: 'docker41',
  via: 'direct',
  state: 'done',
  bytes: 2_100_000,
  of: 2_100_000,
  durationMs: 52,
  ...changes,
});

const told = (changes: Partial<Transfer>, more = { verbose: false, quiet: false }) =>
  linesOf(emptyModel, stamped(transfer(changes)), { ...more, style });

describe('a file on its way', () => {
  it('is told once it is there, or when it does not get there', () => {
    expect(told({ state: 'started' })).toEqual([]);
    expect(told({ state: 'running' }, { verbose: true, quiet: false })).toEqual([]);
    expect(told({})).toEqual(['✔ docker42 gets openvswitch-3.1.0.rpm from docker41, 2.1 MB, 40 MB/s']);
    expect(told({ via: 'laptop' })[0]).toContain('from docker41 through the laptop, 2.1 MB');
    expect(told({ via: 'laptop', from: 'the laptop' })[0]).toContain('from the laptop, 2.1 MB');
    expect(told({ state: 'broken', detail: 'no answer' })).toEqual([
      `${style.symbols.warning} docker42 gets openvswitch-3.1.0.rpm from docker41, which broke off: no answer; trying another way`,
    ]);
    expect(told({ state: 'failed', detail: 'no space' }, { verbose: false, quiet: true })[0]).toContain('no space');
    expect(told({}, { verbose: false, quiet: true })).toEqual([]);
  });

  it('is a row of the live list while it comes', () => {
    const playing = [
      { kind: 'run.started', command: 'mesh deploy', inventory: 'i.yml', hosts: ['docker42'] },
      { kind: 'play.started', play: 'Install', index: 1, of: 2, hosts: ['docker42'] },
      transfer({ state: 'running', bytes: 1_050_000, durationMs: 2000 }),
    ] as const;
    const model = playing.map(stamped).reduce(reduce, emptyModel);
    const view = { columns: 90, rows: 3, now: START + 500, symbols: style.symbols };
    const shown = rows(model, view).map((row) => drawRow(row, style));
    expect(shown.join('\n')).toContain('docker42  get openvswitch-3.1.0.rpm from docker41');
    expect(shown.join('\n')).toContain('1.1 MB of 2.1 MB');
    expect(shown.join('\n')).not.toContain('0/0');
    const after = reduce(model, stamped(transfer({})));
    expect(after.hosts.get('docker42')?.step).toBeUndefined();
    expect(after.hosts.get('docker42')?.changed).toBe(0);
  });
});

it.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [9_949, '9.9 kB'],
  [9_950, '10 kB'],
  [999_600, '1.0 MB'],
  [2_100_000_000, '2.1 GB'],
])('says %i bytes as %s', (n, text) => {
  expect(bytes(n)).toBe(text);
});
