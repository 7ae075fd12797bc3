import type { EventBody, HostSummary, ProbeCheck } from '../../src/events/types.js';

/** One event of a scripted run, and when it comes. */
export interface Timed {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly body: EventBody;
}

export interface DemoOptions {
  readonly hosts?: number;
  /** A host on which a step fails. */
  readonly failing?: string;
  /** A host that is switched off. */
  readonly off?: string;
}

const PLAYS = [
  {
    play: 'Install Open vSwitch',
    tasks: [
      { task: 'Open vSwitch is installed', steps: [['install openvswitch-switch', 6200]] },
      { task: 'Open vSwitch is running', steps: [['enable and start openvswitch-switch.service', 700]] },
    ],
  },
  {
    play: 'Give docker its slice',
    tasks: [
      {
        task: 'Docker has its address',
        steps: [
          ['set bip to 172.17.41.1/16 in /etc/docker/daemon.json', 120],
          ['restart docker.service', 1900],
        ],
      },
    ],
  },
  {
    play: 'Build the bridge and its tunnels',
    tasks: [
      { task: 'The bridge exists', steps: [['create bridge br0 (datapath netdev)', 260]] },
      {
        task: 'A tunnel to every peer',
        steps: [
          ['add port gre-docker42 to 192.168.199.42', 180],
          ['add port gre-docker43 to 192.168.199.43', 170],
        ],
      },
      { task: 'The bridge is a port of docker0', steps: [['put br0 into docker0', 90]] },
    ],
  },
] as const;

const APT = [
  'Reading package lists...',
  'Selecting previously unselected package openvswitch-common.',
  'Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...',
  'Setting up openvswitch-switch (3.1.0-2+deb12u1) ...',
];

const CHECKS: readonly ProbeCheck[] = [
  'tunnel ping',
  'docker0 ping',
  'docker0 tcp',
  'container ping',
  'full-size DF',
  'counters',
];

/** A deploy as an engine would tell it: the same events at the same times, always. */
export function demoEvents({ hosts = 3, failing, off }: DemoOptions = {}): Timed[] {
  const all = Array.from({ length: hosts }, (_, i) => `docker${41 + i}`);
  const up = all.filter((host) => host !== off);
  const told: Timed[] = [];
  const tell = (at: number, body: EventBody): void => {
    told.push({ at, body });
  };
  const of = PLAYS.length;
  const stepsOf = (play: (typeof PLAYS)[number]): number => play.tasks.reduce((n, task) => n + task.steps.length, 0);
  const planned = PLAYS.reduce((n, play) => n + stepsOf(play), 0);

  tell(0, { kind: 'run.started', command: 'deploy', inventory: 'inventory/lab.yml', hosts: all });
  for (const [i, host] of all.entries()) {
    tell(10 + i, { kind: 'host.state', host, state: 'connecting' });
    if (host === off) {
      const detail = 'connection to 192.168.199.43:22 refused: is sshd running there?';
      tell(900, { kind: 'host.state', host, state: 'unreachable', detail });
      continue;
    }
    tell(200 + 30 * (i % 40), { kind: 'host.state', host, state: 'observing' });
    tell(700 + 45 * (i % 40), { kind: 'host.state', host, state: 'planned' });
  }
  let clock = 700 + 45 * 40;
  const hostPlans = up.map((host) => ({ host, changes: planned }));
  tell(clock, { kind: 'plan.ready', changes: planned * up.length, hosts: hostPlans });

  const changed = new Map<string, number>();
  const broken = new Set<string>();
  for (const [p, play] of PLAYS.entries()) {
    const begun = clock + 50;
    const taking = up.filter((host) => !broken.has(host));
    tell(begun, { kind: 'play.started', play: play.play, index: p + 1, of, hosts: taking });
    let last = begun;
    for (const [i, host] of taking.entries()) {
      let at = begun + 20 + 7 * i;
      let step = 0;
      tell(at, { kind: 'host.state', host, state: 'applying' });
      for (const { task, steps } of play.tasks) {
        for (const [sentence, base] of steps) {
          if (broken.has(host)) break;
          step += 1;
          const stamp = { host, play: play.play, task, step, of: stepsOf(play), sentence };
          const durationMs = Math.round(base * (1 + (i % 7) / 5));
          tell(at, { kind: 'step.started', ...stamp });
          if (base > 5000) {
            for (const [n, line] of APT.entries()) {
              tell(at + Math.round(((n + 0.5) * durationMs) / APT.length), { kind: 'step.output', host, step, line });
            }
          }
          at += durationMs;
          if (host === failing && sentence.startsWith('create bridge')) {
            broken.add(host);
            tell(at, {
              kind: 'step.ended',
              ...stamp,
              state: 'failed',
              exitCode: 1,
              durationMs,
              command: 'ovs-vsctl --may-exist add-br br0 -- set bridge br0 datapath_type=netdev',
              output: 'ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file)',
            });
            tell(at + 1, { kind: 'host.state', host, state: 'failed' });
            break;
          }
          tell(at, { kind: 'step.ended', ...stamp, state: 'done', durationMs });
          changed.set(host, (changed.get(host) ?? 0) + 1);
          at += 5;
        }
      }
      if (!broken.has(host)) tell(at, { kind: 'host.state', host, state: 'waiting' });
      last = Math.max(last, at);
    }
    tell(last + 10, { kind: 'play.ended', play: play.play, index: p + 1, durationMs: last + 10 - begun });
    clock = last + 10;
  }

  const proving = up.filter((host) => !broken.has(host));
  const pairs = proving.length * (proving.length - 1);
  const proofStart = clock + 40;
  tell(proofStart, { kind: 'proof.started', scope: 'full', pairs });
  for (const host of proving) tell(proofStart, { kind: 'host.state', host, state: 'proving' });
  for (const [i, from] of proving.entries()) {
    for (const [j, to] of proving.entries()) {
      if (i === j) continue;
      for (const [c, check] of CHECKS.entries()) {
        const ms = 0.31 + 0.07 * ((i * 5 + j * 3 + c) % 9);
        const timed = check !== 'counters' && check !== 'full-size DF';
        tell(proofStart + 100 + 150 * c + 9 * j, {
          kind: 'probe',
          from,
          to,
          check,
          state: 'pass',
          ...(timed && { ms }),
        });
      }
    }
    tell(proofStart + 1100, { kind: 'host.state', host: from, state: 'done' });
  }
  tell(proofStart + 1150, { kind: 'proof.ended', pairs, passed: pairs, durationMs: 1150 });

  const summaries = all.map((host): HostSummary => {
    if (host === off) {
      const message = 'connection to 192.168.199.43:22 refused: is sshd running there?';
      return {
        host,
        state: 'unreachable',
        changed: 0,
        left: 0,
        error: { message },
        next: 'mesh deploy inventory/lab.yml',
      };
    }
    const done = changed.get(host) ?? 0;
    if (!broken.has(host)) return { host, state: 'done', changed: done, left: 0 };
    const error = {
      message: 'create bridge br0 (datapath netdev): exit code 1',
      command: 'ovs-vsctl --may-exist add-br br0 -- set bridge br0 datapath_type=netdev',
      output: 'ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file)',
    };
    const next = `mesh deploy inventory/lab.yml --limit ${host}`;
    return { host, state: 'failed', changed: done, left: planned - done, error, next };
  });
  const exitCode = broken.size > 0 ? 1 : off === undefined ? 0 : 4;
  const total = [...changed.values()].reduce((sum, n) => sum + n, 0);
  const end = proofStart + 1200;
  tell(end, { kind: 'run.ended', exitCode, changed: total, durationMs: end, hosts: summaries });
  return told.sort((a, b) => a.at - b.at);
}
