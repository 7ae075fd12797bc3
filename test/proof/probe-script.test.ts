import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ProbePeer, probeScript } from '../../src/proof/probe-script.js';
import { readProbes } from '../../src/proof/read.js';
import { parseResponder, responderCommand } from '../../src/proof/responder.js';
import type { Responder } from '../../src/proof/types.js';
import { inTemporaryDirectory } from '../resources/hosts.js';
import { syntaxErrors } from '../resources/shell-syntax.js';
import { proofHost } from './hosts.js';

const host = proofHost(41, [42, 43]);

function responder(number: number, changes: Partial<Responder> = {}): Responder {
  return {
    host: `docker${number}`,
    tcpPort: 20_000 + number,
    tcpWhy: '',
    container: { address: `172.17.${number}.2`, pid: 4000 + number },
    containerWhy: '',
    containerExcused: false,
    ...changes,
  };
}
const peer = (number: number, changes: Partial<Responder> = {}): ProbePeer => ({
  host: `docker${number}`,
  address: `172.17.${number}.1`,
  responder: responder(number, changes),
});

/** Runs a probe script with programs that stand for the host's: what each was called with, and what the script says. */
function run(script: string, programs: Readonly<Record<string, string>>) {
  return inTemporaryDirectory((directory) => {
    const log = join(directory, 'log');
    writeFileSync(log, '');
    for (const [name, body] of Object.entries(programs)) {
      const path = join(directory, name);
      writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${log}'\n${body}\n`);
      chmodSync(path, 0o755);
    }
    const { stdout } = spawnSync('sh', [], {
      input: script,
      encoding: 'utf8',
      env: { PATH: `${directory}:${process.env.PATH ?? ''}` },
    });
    const calls = spawnSync('sort', [log], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
    return { stdout, calls };
  });
}

const answering = "echo '64 bytes from x: icmp_seq=1 ttl=64 time=0.25 ms'";
/** `ovs-ofctl dump-ports`, each time with more packets. */
const counting = `n=$(date +%s%N); for port in gre-docker42 gre-docker43; do
  printf '  port  "%s": rx pkts=%s, bytes=1, drop=?, errs=?\\n           tx pkts=%s, bytes=1\\n' $port $n $n; done`;

describe('probeScript', () => {
  it('sends one ping over every tunnel where no more is asked for', () => {
    const { stdout, calls } = run(probeScript(host, [peer(42), peer(43)], 'token'), {
      ping: answering,
      'ovs-ofctl': counting,
    });
    expect(calls.filter((call) => call.startsWith('ping'))).toEqual([
      'ping -n -c 1 -W 1 -I 172.17.41.1 172.17.42.1',
      'ping -n -c 1 -W 1 -I 172.17.41.1 172.17.43.1',
    ]);
    expect(readProbes(host, ['docker42', 'docker43'], stdout).map(({ check, state }) => `${check} ${state}`)).toEqual([
      'tunnel ping pass',
      'tunnel ping pass',
      'counters pass',
      'counters pass',
    ]);
  });

  it('probes docker0 and containers with the mesh’s whole MTU and no fragments in a full proof', () => {
    const script = probeScript(host, [peer(42)], 'token', responder(41));
    const { calls } = run(script, {
      ping: answering,
      nsenter: answering,
      timeout: 'printf token',
      'ovs-ofctl': counting,
    });
    expect(
      calls.filter((call) => !call.startsWith('ovs-ofctl')).map((call) => call.replace(/exec .*line" /, '')),
    ).toEqual(
      expect.arrayContaining([
        'nsenter -t 4041 -n ping -n -c 1 -W 1 172.17.42.2',
        'nsenter -t 4041 -n ping -n -c 1 -W 1 -M do -s 1434 172.17.42.2',
        'ping -n -c 1 -W 1 -I 172.17.41.1 172.17.42.1',
        'ping -n -c 1 -W 1 -M do -s 1434 -I 172.17.41.1 172.17.42.1',
      ]),
    );
  });

  it('tries again before it calls a ping failed, and then says what ping said', () => {
    const failing = "echo 'ping: local error: message too long, mtu=1400'; exit 1";
    const { stdout, calls } = run(probeScript(host, [peer(42)], 'token'), { ping: failing, 'ovs-ofctl': counting });
    expect(calls.filter((call) => call.startsWith('ping'))).toHaveLength(3);
    expect(readProbes(host, ['docker42'], stdout)).toContainEqual({
      peer: 'docker42',
      check: 'tunnel ping',
      state: 'fail',
      detail: 'ping: local error: message too long, mtu=1400',
    });
  });

  it('takes only the token for an answer', () => {
    const tcp = (said: string) => {
      const script = probeScript(host, [peer(42)], 'token', responder(41));
      const programs = { ping: answering, nsenter: answering, timeout: `printf ${said}`, 'ovs-ofctl': counting };
      const read = readProbes(host, ['docker42'], run(script, programs).stdout);
      return read.find(({ check }) => check === 'docker0 tcp');
    };
    expect(tcp('token')).toMatchObject({ state: 'pass' });
    expect(tcp('other')).toMatchObject({ state: 'fail', detail: 'somebody else answered on 172.17.42.1 port 20042' });
    expect(tcp('')).toMatchObject({ state: 'fail', detail: 'no answer on 172.17.42.1 port 20042' });
  });

  it('leaves out what an end has nothing for, and says so', () => {
    const none = { container: null, containerWhy: 'no docker', tcpPort: null, tcpWhy: 'no listener' };
    const programs = { ping: answering, nsenter: answering, 'ovs-ofctl': counting };
    const theirs = run(probeScript(host, [peer(42, none)], 'token', responder(41)), programs);
    expect(readProbes(host, ['docker42'], theirs.stdout)).toEqual(
      expect.arrayContaining([
        { peer: 'docker42', check: 'container ping', state: 'not measured', detail: 'docker42: no docker' },
        { peer: 'docker42', check: 'docker0 tcp', state: 'not measured', detail: 'docker42: no listener' },
      ]),
    );
    const own = run(probeScript(host, [peer(42)], 'token', responder(41, none)), {
      ...programs,
      timeout: 'printf token',
    });
    expect(readProbes(host, ['docker42'], own.stdout)).toContainEqual({
      peer: 'docker42',
      check: 'container ping',
      state: 'not measured',
      detail: 'docker41: no docker',
    });
  });

  it('excuses a pair from its containers only where every end without one is excused', () => {
    const none = { container: null, containerWhy: 'no AppArmor', containerExcused: true };
    const programs = { ping: answering, nsenter: answering, 'ovs-ofctl': counting, timeout: 'printf token' };
    const read = (own: Partial<Responder>, theirs: Partial<Responder>) =>
      readProbes(
        host,
        ['docker42'],
        run(probeScript(host, [peer(42, theirs)], 'token', responder(41, own)), programs).stdout,
      ).find(({ check }) => check === 'container ping');
    const excused = { state: 'not measured', excused: true, detail: 'docker41: no AppArmor' };
    expect(read(none, {})).toMatchObject(excused);
    expect(read(none, none)).toMatchObject(excused);
    expect(read({}, none)).toMatchObject({ excused: true, detail: 'docker42: no AppArmor' });
    const both = read(none, { ...none, containerExcused: false, containerWhy: 'nothing' });
    expect(both).toEqual({
      peer: 'docker42',
      check: 'container ping',
      state: 'not measured',
      detail: 'docker42: nothing',
    });
  });

  it('runs nothing that a name holds', () => {
    const hostile = "x'; touch /tmp/owned; $(id) `id` '";
    const script = probeScript(
      proofHost(41, [], { tunnels: [{ peer: hostile, port: hostile, remote: hostile }], bridge: hostile }),
      [{ host: hostile, address: hostile, responder: responder(42, { container: null, containerWhy: hostile }) }],
      'token',
      responder(41),
    );
    expect(syntaxErrors([script, responderCommand(proofHost(41, [], { address: hostile }), 'token')])).toBe('');
    const { calls } = run(script, {
      ping: answering,
      touch: '',
      id: '',
      nsenter: answering,
      timeout: '',
      'ovs-ofctl': '',
    });
    expect(calls.filter((call) => /^(touch|id)/.test(call))).toEqual([]);
  });
});

describe('parseResponder', () => {
  it('reads what a host offers', () => {
    expect(parseResponder('docker41', ['tcp 20041', 'container 4041 172.17.41.2', 'ready'])).toEqual(
      responder(41, {
        tcpWhy: '20041',
        containerWhy: '4041 172.17.41.2',
      }),
    );
  });

  it.each([
    [['tcp none nothing could listen', 'container none no image', 'ready'], 'nothing could listen', 'no image'],
    [['tcp none nothing could listen', 'container cannot no image', 'ready'], 'nothing could listen', 'no image'],
    [[], 'the host said nothing about it', 'the host said nothing about it'],
    [['container 0 172.17.41.2'], 'the host said nothing about it', '0 172.17.41.2'],
  ])('keeps why there is nothing: %j', (lines, tcpWhy, containerWhy) => {
    expect(parseResponder('docker41', lines)).toMatchObject({ tcpPort: null, tcpWhy, container: null, containerWhy });
  });
});

describe('responderCommand', () => {
  /** A Docker client in three words: what `run` and `inspect` answer, and whether dockerd is there. */
  const docker = (answers: { readonly run?: string; readonly inspect?: string; readonly version?: string }) => `
case "$1" in
  import) ${answers.version ?? ':'} ;;
  run) ${answers.run ?? 'echo 0f3a4141'} ;;
  version) ${answers.version ?? ':'} ;;
  inspect) case "$3" in *NetworkSettings.IPAddress*) echo 'template: :1:37: at <.NetworkSettings.IPAddress>' >&2; exit 1 ;; esac
    ${answers.inspect ?? `echo '4041 172.17.41.2'`} ;;
esac`;
  const said = (answers: Parameters<typeof docker>[0]) => {
    const { stdout } = run(responderCommand(proofHost(41, [42], { address: '127.0.0.1' }), 'token'), {
      docker: docker(answers),
      'systemd-socket-activate': 'exec sleep 20 >/dev/null 2>&1',
      iptables: '',
      tar: '',
    });
    return parseResponder('docker41', stdout.split('\n'));
  };

  it('asks for the address by network: Docker 29 has none beside them', () => {
    expect(said({})).toMatchObject({ container: { pid: 4041, address: '172.17.41.2' }, containerExcused: false });
  });

  it('is excused from a container where Docker says why it runs none, and only there', () => {
    const cannot = (answers: Parameters<typeof docker>[0]) => {
      const { container, containerExcused, containerWhy } = said(answers);
      expect(container).toBeNull();
      return [containerExcused, containerWhy];
    };
    expect(cannot({ run: 'echo no AppArmor; exit 125' })).toEqual([true, 'no AppArmor']);
    const ended = cannot({ inspect: 'case "$3" in *ExitCode*) echo 127 not found ;; *) echo "0 " ;; esac' });
    expect(ended).toEqual([true, expect.stringMatching(/^its container ended at once: 127 not found/)]);
    expect(cannot({ run: 'exit 1', version: 'echo no daemon; exit 1' })).toEqual([false, 'no daemon']);
    expect(cannot({ inspect: 'echo "4041 "' })).toEqual([false, 'its container has no address on the network bridge']);
    expect(cannot({ inspect: 'echo cannot say >&2; exit 1' })).toEqual([
      false,
      'Docker does not tell its container’s address: cannot say',
    ]);
  });
});
