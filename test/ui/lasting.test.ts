import { describe, expect, it } from 'vitest';
import { createEventStream } from '../../src/events/stream.js';
import { lastingRows } from '../../src/ui/lasting.js';
import { drawRow } from '../../src/ui/rows.js';
import { createStyle } from '../../src/ui/style.js';
import { emptyModel, reduce } from '../../src/ui/view-model.js';

const style = createStyle({ color: false, unicode: true });

describe('lastingRows', () => {
  it('does not say that nothing is to change on hosts that nobody looked at', () => {
    const stream = createEventStream('r');
    const lines: string[] = [];
    let model = emptyModel;
    stream.subscribe((event) => {
      model = reduce(model, event);
      const rows = lastingRows(model, event, { columns: 80, symbols: style.symbols });
      lines.push(...rows.map((row) => drawRow(row, style)));
    });
    stream.emit({ kind: 'run.started', command: 'mesh plan', inventory: 'inventory.yml', hosts: ['a', 'b'] });
    stream.emit({ kind: 'host.state', host: 'a', state: 'unreachable', detail: 'off' });
    stream.emit({ kind: 'host.state', host: 'b', state: 'unreachable', detail: 'off' });
    stream.emit({ kind: 'plan.ready', changes: 0, hosts: [] });
    expect(lines.at(-1)).toMatch(/^! Looked at 0 of 2 hosts +\d/);
  });
});
