import { describe, expect, it } from 'vitest';
import type { ProbeCheck } from '../../src/events/types.js';
import { proofCells, renderProof } from '../../src/ui/proof-table.js';
import { renderSummary } from '../../src/ui/summary.js';
import { width } from '../../src/ui/text.js';
import type { Probe } from '../../src/ui/view-model.js';
import { type DemoOptions, demoEvents } from './demo-events.js';

function probes(options: DemoOptions): Probe[] {
  return demoEvents(options).flatMap(({ body }) => (body.kind === 'probe' ? [body] : []));
}

function fail(list: readonly Probe[], from: string, to: string, check: ProbeCheck, detail: string): Probe[] {
  return list.map((probe): Probe => {
    if (probe.from !== from || probe.to !== to || probe.check !== check) return probe;
    return { from, to, check, state: 'fail', detail };
  });
}

describe('renderProof', () => {
  it('is a table of times with what each pair passed', () => {
    expect(renderProof(probes({ hosts: 3 }), { columns: 80 })).toMatchInlineSnapshot(`
      "from \\ to   docker41   docker42   docker43
      docker41           —    0.73 ms    0.31 ms
      docker42     0.87 ms          —    0.66 ms
      docker43     0.59 ms    0.80 ms          —

      ✔ All 6 pairs pass

      Each pair passed:
        tunnel ping     a ping from bridge to bridge came back
        docker0 ping    a ping from docker0 to docker0 came back
        docker0 tcp     a TCP connection between the docker0 addresses was answered
        container ping  a ping from a container to a container came back
        full-size DF    the largest packet that fits the MTU passed undivided
        counters        Open vSwitch counted it in the tunnel, out and in"
    `);
  });

  it('says in the cell and below it which check failed', () => {
    const bad = fail(probes({ hosts: 3 }), 'docker41', 'docker43', 'full-size DF', 'no answer to 1434 bytes in 2 s');
    expect(renderProof(bad, { columns: 80 })).toMatchInlineSnapshot(`
      "from \\ to   docker41   docker42             docker43
      docker41           —    0.73 ms   FAIL: full-size DF
      docker42     0.87 ms          —              0.66 ms
      docker43     0.59 ms    0.80 ms                    —

      ✖ 5 of 6 pairs pass; these do not:
        docker41 → docker43: full-size DF failed: no answer to 1434 bytes in 2 s
          (passed: tunnel ping, docker0 ping, docker0 tcp, container ping, counters)

      What the checks mean:
        tunnel ping     a ping from bridge to bridge came back
        docker0 ping    a ping from docker0 to docker0 came back
        docker0 tcp     a TCP connection between the docker0 addresses was answered
        container ping  a ping from a container to a container came back
        full-size DF    the largest packet that fits the MTU passed undivided
        counters        Open vSwitch counted it in the tunnel, out and in"
    `);
  });

  it('never passes a pair of which nothing was measured', () => {
    const text = renderProof(
      [
        { from: 'a', to: 'b', check: 'tunnel ping', state: 'pass', ms: 0.4 },
        { from: 'b', to: 'a', check: 'tunnel ping', state: 'not measured', detail: 'b has no ping' },
      ],
      { columns: 80 },
    );
    expect(text).toContain('1 of 2 pairs pass; these do not:');
    expect(text).toContain('b → a: not measured: b has no ping');
    expect(
      proofCells([{ from: 'a', to: 'b', check: 'tunnel ping', state: 'pass' }]).cells.map((c) => c.verdict),
    ).toEqual(['pass', 'not measured']);
  });

  it('says in the verdict itself that it is one without containers, and lets none pass that nobody excused', () => {
    const without = (list: readonly Probe[], excused: readonly string[], silent: readonly string[] = []) =>
      list.map((probe): Probe => {
        if (probe.check !== 'container ping' || ![...excused, ...silent].includes(probe.from)) return probe;
        const { from, to, check } = probe;
        const state = 'not measured' as const;
        const detail = `${from}: no AppArmor`;
        return { from, to, check, state, detail, ...(excused.includes(from) && { excused: true }) };
      });
    const three = probes({ hosts: 3 });
    const lines = (list: readonly Probe[]) => renderProof(list, { columns: 80 }).split('\n').slice(5);
    const all = lines(without(three, ['docker41', 'docker42', 'docker43']));
    expect(all[0]).toBe('! All 6 pairs pass without containers');
    expect(all[1]).toBe('! container ping was not measured: docker41: no AppArmor (2 pairs)');
    expect(all.join('\n')).not.toContain('a ping from a container');
    expect(lines(without(three, ['docker41']))[0]).toBe('! All 6 pairs pass, 2 of them without containers');
    const some = lines(without(three, ['docker41'], ['docker42']));
    expect(some[0]).toBe('✖ 4 of 6 pairs pass, 2 of them without containers; these do not:');
    expect(some[1]).toBe('  docker42 → docker41: container ping was not measured: docker42: no AppArmor');
  });

  it('folds many hosts into a sentence and the pairs that fail', () => {
    const many = fail(probes({ hosts: 20 }), 'docker45', 'docker51', 'docker0 tcp', 'refused');
    const text = renderProof(many, { columns: 80 });
    expect(text).not.toContain('from \\ to');
    expect(text).toContain('379 of 380 pairs pass; these do not:');
    expect(text).toContain('docker45 → docker51: docker0 tcp failed: refused');
    expect(renderProof(probes({ hosts: 20 }), { columns: 80 })).toContain('All 380 pairs pass');
  });

  it.each([40, 60, 80, 120])('fits %i columns', (columns) => {
    for (const hosts of [2, 6, 12]) {
      const bad = fail(probes({ hosts }), 'docker41', 'docker42', 'full-size DF', 'too long for the path, it seems');
      for (const line of renderProof(bad, { columns }).split('\n')) expect(width(line)).toBeLessThanOrEqual(columns);
    }
  });
});

function summary(options: DemoOptions, quiet = false): string {
  const ended = demoEvents(options).flatMap(({ body }) => (body.kind === 'run.ended' ? [body] : []))[0];
  if (!ended) throw new Error('the script has no end');
  return renderSummary(ended, { columns: 80, quiet });
}

describe('renderSummary', () => {
  it('tells each host and closes with one line', () => {
    expect(summary({ hosts: 3 })).toMatchInlineSnapshot(`
      "✔ docker41  done         8 changes
      ✔ docker42  done         8 changes
      ✔ docker43  done         8 changes
      ✔ Done: 24 changes on 3 hosts  17.5 s"
    `);
  });

  it('shows the exact error with its command and output, and what to type next', () => {
    expect(summary({ hosts: 4, failing: 'docker42', off: 'docker43' })).toMatchInlineSnapshot(`
      "✔ docker41  done         8 changes
      ✔ docker44  done         8 changes
      ✖ docker42  failed       4 changes, 4 not done
          create bridge br0 (datapath netdev): exit code 1
          $ ovs-vsctl --may-exist add-br br0 -- set bridge br0 datapath_type=netdev
          │ ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file)
      ✖ docker43  unreachable
          connection to 192.168.199.43:22 refused: is sshd running there?
      → Next, for docker42: mesh deploy inventory/lab.yml --limit docker42
      → Next, for docker43: mesh deploy inventory/lab.yml
      ✖ 2 of 4 hosts done, 1 failed, 1 unreachable, 20 changes, 4 left  17.5 s"
    `);
  });

  it('is short when quiet', () => {
    expect(summary({ hosts: 3 }, true).split('\n')).toHaveLength(1);
    expect(summary({ hosts: 4, failing: 'docker42' }, true)).not.toContain('docker41');
  });

  it('folds many hosts that are well', () => {
    const text = summary({ hosts: 100, failing: 'docker50' });
    expect(text).toContain('99 hosts: 99 done');
    expect(text).toContain('✖ docker50');
  });

  it('says once what hosts need that differ only in name and port, and keeps the words together', () => {
    const refused = (host: string, port: number) => ({
      host,
      state: 'unreachable' as const,
      changed: 0,
      left: 0,
      error: { message: `127.0.0.1:${port} does not let root in` },
      next: `check that the public half of the key is there; to see more: ssh -v -p ${port} root@${host}; then: mesh plan inventory.yml`,
    });
    const hosts = [refused('docker41', 22041), refused('docker42', 22042)];
    const text = renderSummary({ exitCode: 4, changed: 0, durationMs: 900, hosts }, { columns: 60 });
    expect(text.match(/Next/g)).toHaveLength(1);
    expect(text).toContain('→ Next: check that the public half of the key is there; to\n  see more: ssh -v -p 22041');
    expect(text).toContain('then:\n    mesh plan inventory.yml\n');
  });

  it('does not call a plan done of which a host is missing, nor one that was declined', () => {
    const planned = { host: 'a', state: 'planned', changed: 0, left: 5 } as const;
    const off = { host: 'b', state: 'unreachable', changed: 0, left: 0, error: { message: 'off' } } as const;
    const base = { changed: 0, durationMs: 900 };
    expect(renderSummary({ ...base, exitCode: 4, hosts: [planned, off] }, { columns: 80 })).toContain(
      '✖ 5 changes to do on 1 host; 1 unreachable; nothing was changed',
    );
    expect(renderSummary({ ...base, exitCode: 1, hosts: [planned] }, { columns: 80 })).toContain(
      '◌ 5 changes to do on 1 host; nothing was changed',
    );
  });

  it('says that a run was interrupted, or has nothing done yet', () => {
    const base = { changed: 1, durationMs: 900 };
    const stopped = { host: 'a', state: 'stopped', changed: 1, left: 2, next: 'mesh deploy' } as const;
    expect(renderSummary({ ...base, exitCode: 130, hosts: [stopped] }, { columns: 80 })).toContain(
      '■ Interrupted: 1 change, 2 left on 1 host',
    );
    const planned = { host: 'a', state: 'planned', changed: 0, left: 5 } as const;
    expect(renderSummary({ ...base, changed: 0, exitCode: 0, hosts: [planned] }, { columns: 80 })).toContain(
      '5 changes to do on 1 host; nothing was changed',
    );
  });
});
