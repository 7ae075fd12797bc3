import { describe, expect, it } from 'vitest';
import { demoEvents } from './demo-events.js';
import { drive, fakeTerminal } from './terminal.js';

describe('the live list at 80×24', () => {
  it('shows three hosts from the first connection to the end', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents());
    live.goTo(300);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hosts
      ⠸ Looking at the hosts                                  0 of 3 hosts      0.3 s
        ⠸ docker41  looking at what is there                                    0.1 s
        ⠸ docker42  looking at what is there                                    0.0 s
        ⠸ docker43  looking at what is there                                    0.0 s"
    `);
    live.goTo(8000);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hosts
      ✔ Looked at 3 hosts                            24 changes on 3 hosts      2.5 s
      ⠋ Play 1/3  Install Open vSwitch                        0 of 3 hosts      5.4 s
        ⠋ docker41  1/2                                                         5.4 s
          › Open vSwitch is installed: install openvswitch-switch
            │ Setting up openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker42  1/2                                                         5.4 s
          › Open vSwitch is installed: install openvswitch-switch
            │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker43  1/2                                                         5.4 s
          › Open vSwitch is installed: install openvswitch-switch
            │ Selecting previously unselected package openvswitch-common."
    `);
    live.goTo(14_300);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hosts
      ✔ Looked at 3 hosts                            24 changes on 3 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch                6 changes on 3 hosts      9.7 s
      ⠸ Play 2/3  Give docker its slice                       0 of 3 hosts      1.9 s
        ⠸ docker41  2/2                                                         1.8 s
          › Docker has its address: restart docker.service
        ⠸ docker42  2/2                                                         1.8 s
          › Docker has its address: restart docker.service
        ⠸ docker43  2/2                                                         1.7 s
          › Docker has its address: restart docker.service"
    `);
    live.goTo(16_300);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hosts
      ✔ Looked at 3 hosts                            24 changes on 3 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch                6 changes on 3 hosts      9.7 s
      ✔ Play 2/3  Give docker its slice               6 changes on 3 hosts      2.8 s
      ✔ Play 3/3  Build the bridge and its tunnels   12 changes on 3 hosts      1.0 s
      ⠸ Finishing
        ◌ docker41  waiting for the others
        ◌ docker42  waiting for the others
        ◌ docker43  waiting for the others"
    `);
    live.goTo(60_000);
    await live.screen.stop();
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hosts
      ✔ Looked at 3 hosts                            24 changes on 3 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch                6 changes on 3 hosts      9.7 s
      ✔ Play 2/3  Give docker its slice               6 changes on 3 hosts      2.8 s
      ✔ Play 3/3  Build the bridge and its tunnels   12 changes on 3 hosts      1.0 s
      ✔ Proof: all 6 pairs pass                                                 1.1 s"
    `);
    expect(await terminal.cursorIsVisible()).toBe(true);
  });

  it('shows one host', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents({ hosts: 1 }));
    live.goTo(6000);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 1 host
      ✔ Looked at 1 host                               8 changes on 1 host      2.5 s
      ⠋ Play 1/3  Install Open vSwitch                         0 of 1 host      3.4 s
        ⠋ docker41  1/2                                                         3.4 s
          › Open vSwitch is installed: install openvswitch-switch
            │ Selecting previously unselected package openvswitch-common."
    `);
    await live.screen.stop();
  });

  it('shows twelve hosts with what they write while that fits', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents({ hosts: 12 }));
    live.goTo(9000);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "⠋ Play 1/3  Install Open vSwitch                       0 of 12 hosts      6.4 s
        ⠋ docker41  2/2  enable and start openvswitch-switch.service            0.2 s
        ⠋ docker42  1/2  install openvswitch-switch                             6.4 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker43  1/2  install openvswitch-switch                             6.4 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker44  1/2  install openvswitch-switch                             6.4 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker45  1/2  install openvswitch-switch                             6.4 s
                    │ Selecting previously unselected package openvswitch-common.
        ⠋ docker46  1/2  install openvswitch-switch                             6.3 s
                    │ Selecting previously unselected package openvswitch-common.
        ⠋ docker47  1/2  install openvswitch-switch                             6.3 s
                    │ Selecting previously unselected package openvswitch-common.
        ⠋ docker48  2/2  enable and start openvswitch-switch.service            0.1 s
        ⠋ docker49  1/2  install openvswitch-switch                             6.3 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker50  1/2  install openvswitch-switch                             6.3 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker51  1/2  install openvswitch-switch                             6.3 s
                    │ Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...
        ⠋ docker52  1/2  install openvswitch-switch                             6.3 s
                    │ Selecting previously unselected package openvswitch-common."
    `);
    await live.screen.stop();
  });

  it('folds a hundred hosts: the failed one, those that run the longest, and counts', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents({ hosts: 100, failing: 'docker42', off: 'docker43' }));
    live.goTo(24_300);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 100 hosts
      ! Looked at 99 of 100 hosts                  792 changes on 99 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch             198 changes on 99 hosts     15.8 s
      ✔ Play 2/3  Give docker its slice            198 changes on 99 hosts      5.1 s
      ⠸ Play 3/3  Build the bridge and its tunnels           1 of 99 hosts      0.5 s
        ✖ docker42   failed (exit 1): create bridge br0 (datapath netdev)
        ✖ docker43   unreachable: connection to 192.168.199.43:22 refused: is sshd r…
        ⠸ docker48   1/4  create bridge br0 (datapath netdev)                   0.5 s
        ⠸ docker54   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker55   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker60   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker61   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker62   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker66   1/4  create bridge br0 (datapath netdev)                   0.4 s
        ⠸ docker67   1/4  create bridge br0 (datapath netdev)                   0.3 s
        ⠸ docker68   1/4  create bridge br0 (datapath netdev)                   0.3 s
        ⠸ docker69   1/4  create bridge br0 (datapath netdev)                   0.3 s
        · 88 more: 71 running, 17 waiting"
    `);
    live.goTo(90_000);
    await live.screen.stop();
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 100 hosts
      ! Looked at 99 of 100 hosts                  792 changes on 99 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch             198 changes on 99 hosts     15.8 s
      ✔ Play 2/3  Give docker its slice            198 changes on 99 hosts      5.1 s
      ✖ Play 3/3  Build the bridge and its tunnels  failed on docker42          2.2 s
      ✔ Proof: all 9506 pairs pass                                              1.1 s"
    `);
  });

  it('keeps a host that failed and one that is off at the top', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents({ hosts: 4, failing: 'docker42', off: 'docker43' }));
    live.goTo(16_050);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 4 hosts
      ! Looked at 3 of 4 hosts                       24 changes on 3 hosts      2.5 s
      ✔ Play 1/3  Install Open vSwitch                6 changes on 3 hosts      9.7 s
      ✔ Play 2/3  Give docker its slice               6 changes on 3 hosts      2.8 s
      ⠋ Play 3/3  Build the bridge and its tunnels            2 of 3 hosts      0.8 s
        ✖ docker42  failed (exit 1): create bridge br0 (datapath netdev)
        ✖ docker43  unreachable: connection to 192.168.199.43:22 refused: is sshd ru…
        ✔ docker41  4 steps done
          ✔ The bridge exists                                                   0.2 s
          ✔ A tunnel to every peer                                              0.3 s
          ✔ The bridge is a port of docker0                                     0.0 s
        ⠋ docker44  3/4                                                         0.1 s
          ✔ The bridge exists                                                   0.3 s
          › A tunnel to every peer: add port gre-docker43 to 192.168.199.43"
    `);
    await live.screen.stop();
  });
});

describe('the live list at 40×10', () => {
  it('shows three hosts', async () => {
    const terminal = fakeTerminal(40, 10);
    const live = await drive(terminal, demoEvents());
    live.goTo(300);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hos…
      ⠸ Looking at the hosts            0.3 s
        ⠸ docker41  looking at what i…  0.1 s
        ⠸ docker42  looking at what i…  0.0 s
        ⠸ docker43  looking at what i…  0.0 s"
    `);
    live.goTo(8000);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hos…
      ✔ Looked at 3 hosts               2.5 s
      ⠋ Play 1/3  Install Open vSwitch  5.4 s
        ⠋ docker41  1/2  install open…  5.4 s
            │ Setting up openvswitch-switch …
        ⠋ docker42  1/2  install open…  5.4 s
            │ Unpacking openvswitch-switch (…
        ⠋ docker43  1/2  install open…  5.4 s
            │ Selecting previously unselecte…"
    `);
    live.goTo(60_000);
    await live.screen.stop();
    expect(await terminal.everything()).toMatchInlineSnapshot(`
      "mesh deploy  inventory/lab.yml · 3 hos…
      ✔ Looked at 3 hosts               2.5 s
      ✔ Play 1/3  Install Open vSwitch  9.7 s
      ✔ Play 2/3  Give docker its sli…  2.8 s
      ✔ Play 3/3  Build the bridge an…  1.0 s
      ✔ Proof: all 6 pairs pass         1.1 s"
    `);
  });

  it('folds a hundred hosts', async () => {
    const terminal = fakeTerminal(40, 10);
    const live = await drive(terminal, demoEvents({ hosts: 100, failing: 'docker42' }));
    live.goTo(9000);
    expect(await terminal.frame()).toMatchInlineSnapshot(`
      "⠋ Play 1/3  Install Open vSwitch  6.4 s
        ⠋ docker42   1/2  install ope…  6.4 s
        ⠋ docker43   1/2  install ope…  6.4 s
        ⠋ docker44   1/2  install ope…  6.4 s
        ⠋ docker45   1/2  install ope…  6.4 s
        ⠋ docker46   1/2  install ope…  6.3 s
        ⠋ docker47   1/2  install ope…  6.3 s
        ⠋ docker49   1/2  install ope…  6.3 s
        · 93 more: 93 running"
    `);
    await live.screen.stop();
  });
});

describe('the live list', () => {
  it('cannot be moved by what hosts are called or write', async () => {
    const terminal = fakeTerminal(60, 12);
    const live = await drive(terminal);
    const host = '\u001b[2J\u001b[Hevil\u202e\n\u0007日本語';
    live.emit({ kind: 'run.started', command: 'deploy', inventory: 'x\u001b[5A.yml', hosts: [host] });
    live.emit({ kind: 'play.started', play: 'Play\r\u001b[1A', index: 1, of: 1, hosts: [host] });
    const step = { host, play: 'p', task: 'task\u001b]0;title\u0007', step: 1, of: 1, sentence: 'do\u009b2J it' };
    live.emit({ kind: 'step.started', ...step });
    live.emit({ kind: 'step.output', host, step: 1, line: `\u001b[10A\u001b[2K${'long 行 '.repeat(5000)}` });
    live.goTo(5000);
    const frame = await terminal.frame();
    expect(frame).toMatchInlineSnapshot(`
      "mesh deploy  x.yml · 1 host
      ⠋ Play 1/1                           0 of 1 host      5.0 s
        ⠋ 日本語  1/1                                       5.0 s
          › task: do it
            │ long 行 long 行 long 行 long 行 long 行 long 行 lo…"
    `);
    expect(terminal.written()).not.toMatch(/\u001b\[(5|10)A|\u001b\[2J|\u001b\[H|\u0007|\u202e/);
    await live.screen.stop();
  });

  it('leaves nothing behind when the terminal changes its size', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents());
    live.goTo(8000);
    await terminal.resize(44, 14);
    live.goTo(8100);
    const narrow = await terminal.frame();
    expect(narrow.match(/Play 1\/3/g)).toHaveLength(1);
    expect(narrow.split('\n').every((line) => line.length <= 44)).toBe(true);
    await terminal.resize(100, 30);
    live.goTo(8200);
    const wide = await terminal.frame();
    expect(wide.match(/docker42/g)).toHaveLength(1);
    const all = await terminal.everything();
    expect(all.match(/mesh deploy/g)).toHaveLength(1);
    expect(all.match(/Looked at/g)).toHaveLength(1);
    await live.screen.stop();
  });

  it('keeps its state when it stops before the run has ended', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents({ hosts: 2 }));
    live.goTo(5000);
    await live.screen.stop();
    const frame = await terminal.frame();
    expect(frame).toContain('docker41');
    expect(frame).toContain('docker42');
    expect(await terminal.cursorIsVisible()).toBe(true);
  });

  it('leaves the terminal alone while it is paused, and comes back', async () => {
    const terminal = fakeTerminal(80, 24);
    const live = await drive(terminal, demoEvents());
    live.goTo(5000);
    live.screen.pause();
    expect(await terminal.cursorIsVisible()).toBe(true);
    terminal.stream.write('Password: \r\n');
    const asked = terminal.written();
    live.goTo(5600);
    expect(terminal.written()).toBe(asked);
    live.screen.resume();
    live.goTo(5700);
    const frame = await terminal.frame();
    expect(frame.indexOf('Password:')).toBeLessThan(frame.indexOf('docker41'));
    expect(frame.match(/docker41/g)).toHaveLength(1);
    await live.screen.stop();
  });

  it('hides the cursor while it draws and shows it when the process exits first', async () => {
    const terminal = fakeTerminal(80, 24);
    const before = process.listeners('exit');
    const live = await drive(terminal, demoEvents());
    live.goTo(1000);
    expect(await terminal.cursorIsVisible()).toBe(false);
    const own = process.listeners('exit').filter((listener) => !before.includes(listener));
    for (const listener of own) listener(130);
    expect(await terminal.cursorIsVisible()).toBe(true);
    await live.screen.stop();
    expect(process.listeners('exit').filter((listener) => own.includes(listener))).toEqual([]);
  });

  it('takes no signal', async () => {
    const count = process.listenerCount('SIGINT');
    const live = await drive(fakeTerminal(80, 24), demoEvents());
    expect(process.listenerCount('SIGINT')).toBe(count);
    await live.screen.stop();
  });

  it('draws no more for a hundred hosts than for ten', async () => {
    const bytes: number[] = [];
    for (const hosts of [12, 100]) {
      const terminal = fakeTerminal(80, 24);
      const live = await drive(terminal, demoEvents({ hosts }));
      live.goTo(6000);
      const before = terminal.written().length;
      for (let at = 6100; at <= 7000; at += 100) live.goTo(at);
      bytes.push(terminal.written().length - before);
      await live.screen.stop();
    }
    const [few = 0, many = 0] = bytes;
    expect(many).toBeLessThan(few * 1.6);
  });
});
