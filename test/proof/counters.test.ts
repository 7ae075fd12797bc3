import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countersAfter, countersBefore, readCounters } from '../../src/proof/counters.js';
import type { ProofHost } from '../../src/proof/types.js';

const host: ProofHost = {
  host: 'docker41',
  bridge: 'br0',
  dockerBridge: 'docker0',
  address: '172.17.41.1',
  mtu: 1462,
  tunnels: [
    { peer: 'docker42', port: 'gre-docker42', remote: '192.168.199.42' },
    { peer: 'docker43', port: 'gre-docker43', remote: '192.168.199.43' },
  ],
};
const peers = ['docker42', 'docker43'];

/** As ovs-ofctl 3.1 prints it. */
function ports(counts: readonly (readonly [string, number, number])[]): string {
  const rows = counts.map(
    ([
      port,
      received,
      sent,
    ]) => `  port  "${port}": rx pkts=${received}, bytes=10, drop=?, errs=?, frame=?, over=?, crc=?
           tx pkts=${sent}, bytes=20, drop=?, errs=?, coll=?`,
  );
  return `OFPST_PORT reply (xid=0x2): 3 ports
  port LOCAL: rx pkts=106, bytes=20210, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=113, bytes=20708, drop=0, errs=0, coll=0
${rows.join('\n')}
`;
}

/** As the userspace datapath prints its flows. */
const pushed = (remote: string, packets: number) =>
  `recirc_id(0),in_port(3),eth(src=02:42:f8:6d:73:99,dst=02:42:2a:fc:46:04),eth_type(0x0800),ipv4(proto=1,tos=0/0x3,frag=no), packets:${packets}, bytes:0, used:never, actions:tnl_push(tnl_port(4),header(size=38,type=3,eth(dst=52:54:00:c7:00:2a,src=52:54:00:c7:00:29,dl_type=0x0800),ipv4(src=192.168.199.41,dst=${remote},proto=47,tos=0,ttl=64,frag=0x4000),gre((flags=0x0,proto=0x6558))),out_port(2)),1\n`;
const popped = (remote: string, packets: number) =>
  `tunnel(src=${remote},dst=192.168.199.41,flags(-df-csum)),recirc_id(0),in_port(4),eth(src=02:42:2a:fc:46:04,dst=02:42:f8:6d:73:99),eth_type(0x0800),ipv4(proto=1,frag=no), packets:${packets}, bytes:0, used:never, actions:3\n`;
/** As the kernel's datapath prints them. */
const set = (remote: string, packets: number) =>
  `recirc_id(0),in_port(2),eth(src=02:42:f8:6d:73:99,dst=02:42:2a:fc:46:04),eth_type(0x0800),ipv4(proto=1,tos=0/0x3,frag=no), packets:${packets}, bytes:98, used:0.4s, actions:set(tunnel(src=192.168.199.41,dst=${remote},ttl=64,tp_dst=0,flags(df))),4\n`;
const keyed = (remote: string, packets: number) =>
  `recirc_id(0),tunnel(tun_id=0x29,src=${remote},dst=192.168.199.41,ttl=0/0,flags(-df-csum+key)),in_port(4),eth(src=02:42:2a:fc:46:04,dst=02:42:f8:6d:73:99),eth_type(0x0800),ipv4(proto=1,frag=no), packets:${packets}, bytes:98, used:0.4s, actions:2\n`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-counters-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the shell text between two states of Open vSwitch; the programs that print them stand in for the real ones. */
function between(before: { ports: string; flows: string }, after: { ports: string; flows: string }): string {
  for (const [program, part] of [
    ['ovs-ofctl', 'ports'],
    ['ovs-appctl', 'flows'],
  ] as const) {
    writeFileSync(join(folder, `${part}.before`), before[part]);
    writeFileSync(join(folder, `${part}.after`), after[part]);
    writeFileSync(join(folder, program), `#!/bin/sh\ncat "${folder}/${part}.$(cat "${folder}/now")"\n`);
    chmodSync(join(folder, program), 0o755);
  }
  const set = (now: string) => `echo ${now} >"${folder}/now"`;
  const script = [set('before'), 'sleep() { :; }', countersBefore(host), set('after'), countersAfter].join('\n');
  return execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  });
}

const still = ports([
  ['gre-docker42', 5, 7],
  ['gre-docker43', 50, 70],
]);
const states = (output: string) =>
  readCounters(host, peers, output).map(({ state, detail }) => (detail ? `${state}: ${detail}` : state));

describe('counters', () => {
  it('pass where the ports counted both ways', () => {
    const moved = ports([
      ['gre-docker42', 6, 8],
      ['gre-docker43', 53, 71],
    ]);
    const output = between({ ports: still, flows: '' }, { ports: moved, flows: '' });
    expect(output).toBe('C gre-docker42 1 1\nC gre-docker43 3 1\n');
    expect(states(output)).toEqual(['pass', 'pass']);
  });

  it.each([
    ['the userspace datapath', pushed, popped],
    ['the kernel’s datapath', set, keyed],
  ])('pass by the flows of %s while the ports have not been told yet', (_, out, back) => {
    const flows = (more: number) =>
      `flow-dump from the main thread:\n${host.tunnels.map(({ remote }) => out(remote, 3 + more) + back(remote, 2 + more)).join('')}`;
    const output = between({ ports: still, flows: flows(0) }, { ports: still, flows: flows(1) });
    expect(states(output)).toEqual(['pass', 'pass']);
  });

  it('count every copy of a frame that goes to several peers at once', () => {
    const [one, other] = host.tunnels.map(({ remote }) => set(remote, 0).split('actions:')[1]?.trim());
    const flood = (packets: number) => `recirc_id(0),in_port(2), packets:${packets}, actions:${one},${other}\n`;
    const back = (packets: number) => host.tunnels.map(({ remote }) => keyed(remote, packets)).join('');
    const output = between({ ports: still, flows: flood(1) + back(1) }, { ports: still, flows: flood(2) + back(2) });
    expect(output).toBe('C gre-docker42 1 1\nC gre-docker43 1 1\n');
  });

  it('fail where packets went out and none came back, with the counts', () => {
    const moved = ports([
      ['gre-docker42', 6, 8],
      ['gre-docker43', 50, 73],
    ]);
    const output = between({ ports: still, flows: '' }, { ports: moved, flows: '' });
    expect(states(output)).toEqual(['pass', 'fail: gre-docker43 sent 3 and received 0 packets']);
  });

  it('take a flow that went away in between for no packets', () => {
    const flows = pushed('192.168.199.42', 9) + popped('192.168.199.42', 9);
    const output = between({ ports: still, flows }, { ports: still, flows: '' });
    expect(states(output)[0]).toBe('fail: gre-docker42 sent 0 and received 0 packets');
  });

  it('are not measured where a port is not there or nothing answers', () => {
    const one = between(
      { ports: ports([['gre-docker42', 1, 1]]), flows: '' },
      { ports: ports([['gre-docker42', 2, 2]]), flows: '' },
    );
    expect(states(one)).toEqual(['pass', 'not measured: the counters of gre-docker43 could not be read']);
    expect(states('')).toEqual(peers.map((peer) => `not measured: the counters of gre-${peer} could not be read`));
  });
});
