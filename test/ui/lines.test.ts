import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { parseEventLine } from '../../src/events/schema.js';
import { createEventStream } from '../../src/events/stream.js';
import { jsonlScreen } from '../../src/ui/jsonl.js';
import { linesScreen } from '../../src/ui/lines.js';
import { createStyle } from '../../src/ui/style.js';
import { type DemoOptions, demoEvents } from './demo-events.js';

interface Wanted extends DemoOptions {
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

const START = Date.parse('2026-11-23T23:55:00.000Z');

async function lines({ verbose = false, quiet = false, ...demo }: Wanted): Promise<string> {
  let now = START;
  const stream = createEventStream('r', () => new Date(now));
  const output = new PassThrough();
  const screen = linesScreen(stream, { output, verbose, quiet, style: createStyle({ color: false, unicode: true }) });
  for (const { at, body } of demoEvents(demo)) {
    now = START + at;
    stream.emit(body);
  }
  await screen.stop();
  output.end();
  return (await output.toArray()).join('').trimEnd();
}

describe('linesScreen', () => {
  it('writes one plain line for each event that matters', async () => {
    expect(await lines({ hosts: 2 })).toMatchInlineSnapshot(`
      "mesh deploy: inventory/lab.yml, 2 hosts
      · docker41: looking at what is there
      · docker42: looking at what is there
      ✔ Plan: 16 changes on 2 hosts
      Play 1/3: Install Open vSwitch (docker41, docker42)
      ✔ docker41: [1/2] install openvswitch-switch (6.2 s)
      ✔ docker41: [2/2] enable and start openvswitch-switch.service (0.7 s)
      ✔ docker42: [1/2] install openvswitch-switch (7.4 s)
      ✔ docker42: [2/2] enable and start openvswitch-switch.service (0.8 s)
      Play 2/3: Give docker its slice (docker41, docker42)
      ✔ docker41: [1/2] set bip to 172.17.41.1/16 in /etc/docker/daemon.json (0.1 s)
      ✔ docker42: [1/2] set bip to 172.17.41.1/16 in /etc/docker/daemon.json (0.1 s)
      ✔ docker41: [2/2] restart docker.service (1.9 s)
      ✔ docker42: [2/2] restart docker.service (2.2 s)
      Play 3/3: Build the bridge and its tunnels (docker41, docker42)
      ✔ docker41: [1/4] create bridge br0 (datapath netdev) (0.2 s)
      ✔ docker42: [1/4] create bridge br0 (datapath netdev) (0.3 s)
      ✔ docker41: [2/4] add port gre-docker42 to 192.168.199.42 (0.1 s)
      ✔ docker42: [2/4] add port gre-docker42 to 192.168.199.42 (0.2 s)
      ✔ docker41: [3/4] add port gre-docker43 to 192.168.199.43 (0.1 s)
      ✔ docker41: [4/4] put br0 into docker0 (0.0 s)
      ✔ docker42: [3/4] add port gre-docker43 to 192.168.199.43 (0.2 s)
      ✔ docker42: [4/4] put br0 into docker0 (0.1 s)
      Proof: 2 pairs, every check
      · docker41: done
      · docker42: done
      ✔ Proof: 2 of 2 pairs pass, 1.1 s"
    `);
  });

  it('shows a failure with its command and output, once, and a host that is off', async () => {
    const text = await lines({ hosts: 3, failing: 'docker41', off: 'docker43' });
    expect(text).toContain('✖ docker43: unreachable: connection to 192.168.199.43:22 refused');
    expect(text).toContain('✖ docker41: [1/4] create bridge br0 (datapath netdev): failed with exit code 1');
    expect(text).toContain('    $ ovs-vsctl --may-exist add-br br0');
    expect(text).toContain('    │ ovs-vsctl: unix:/var/run/openvswitch/db.sock');
    expect(text.match(/✖ docker41/g)).toHaveLength(1);
  });

  it('writes only what went wrong under --quiet', async () => {
    expect(await lines({ hosts: 3, quiet: true })).toBe('');
    const text = await lines({ hosts: 3, failing: 'docker41', quiet: true });
    expect(text.split('\n')[0]).toMatch(/^✖ docker41: \[1\/4\]/);
  });

  it('writes every line of output with its host under --verbose', async () => {
    const text = await lines({ hosts: 1, verbose: true });
    expect(text).toContain('  docker41: Reading package lists...');
    expect(text).not.toContain('\u001b');
  });

  it('lets nothing through that a terminal would obey', async () => {
    const stream = createEventStream('r');
    const output = new PassThrough();
    linesScreen(stream, { output, verbose: true, quiet: false, style: createStyle({ color: false, unicode: true }) });
    stream.emit({ kind: 'run.started', command: 'x\u001b[2J', inventory: '\u0007', hosts: ['h\u001b[1A'] });
    stream.emit({ kind: 'step.output', host: 'h\u001b[1A', step: 1, line: '\u001b[31mred\u009b1A' });
    stream.emit({ kind: 'message', level: 'warn', text: 'one\n\u001b[2Jtwo' });
    output.end();
    expect((await output.toArray()).join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('jsonlScreen', () => {
  it('writes each event as one line that reads back', async () => {
    const stream = createEventStream('r');
    const output = new PassThrough();
    const screen = jsonlScreen(stream, output);
    for (const { body } of demoEvents()) stream.emit(body);
    const kept = output.toArray();
    await screen.stop();
    output.end();
    const read = (await kept).join('').trimEnd().split('\n').map(parseEventLine);
    expect(read.map((event) => event.sequence)).toEqual(demoEvents().map((_, i) => i + 1));
  });

  it('goes on when the reader went away', async () => {
    const stream = createEventStream('r');
    const output = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const screen = jsonlScreen(stream, output);
    for (const { body } of demoEvents()) stream.emit(body);
    await expect(screen.stop()).resolves.toBeUndefined();
  });
});
