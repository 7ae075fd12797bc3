import { describe, expect, it } from 'vitest';
import { lineDiff } from '../../src/ui/line-diff.js';
import { natureOf, renderPlan } from '../../src/ui/plan.js';
import { change, hostPlan, planOf } from './plans.js';

const plain = { diff: false, commands: false, columns: 80, color: false };

const restart = change('restart docker.service', {
  fates: [
    { container: 'web', fate: 'restarts by its policy' },
    { container: 'job', fate: 'vanishes (--rm)' },
  ],
});
const settings = change('set bip in /etc/docker/daemon.json', {
  before: '{\n  "debug": true,\n  "log": 1,\n  "x": 2,\n  "y": 3\n}\n',
  after: '{\n  "debug": true,\n  "log": 1,\n  "x": 2,\n  "y": 3,\n  "bip": "172.17.41.1/16"\n}\n',
});

describe('renderPlan', () => {
  it('groups by host, play and task, and closes with how much it is', () => {
    const containers = { total: 3, onMesh: 2, elsewhere: [{ name: 'db', network: 'backend' }] };
    const plan = planOf(
      [
        hostPlan('docker41', [change('create bridge br0 (datapath netdev)'), settings, restart], { containers }),
        hostPlan('docker42', [change('remove port gre-old from br0', { guard: 'test -e /x' })]),
        hostPlan('docker43', [], { state: 'unreachable', reason: 'connection refused', plays: [] }),
      ],
      {
        slices: [
          { host: 'docker41', slice: '172.17.41.0/24', because: 'its address ends in 41' },
          { host: 'docker42', slice: '172.17.42.0/24', because: 'lock' },
        ],
        mtu: 1462,
        lock: { file: 'inventory.lock', text: 'x' },
        findings: [
          { code: 'clock', severity: 'note', sentence: 'the clock is 2 s ahead', host: 'docker42' },
          {
            code: 'flag',
            severity: 'refuse',
            sentence: 'dockerd is started with --bip',
            fix: 'take it out',
            host: 'docker41',
          },
        ],
      },
    );
    expect(renderPlan(plan, plain)).toMatchInlineSnapshot(`
      "docker41  3 changes
        Build the bridge
          The bridge exists
            + create bridge br0 (datapath netdev)
            ~ set bip in /etc/docker/daemon.json
            ~ restart docker.service
              containers: web restarts by its policy, job vanishes (--rm)

      docker42  1 change
        Build the bridge
          The bridge exists
            - remove port gre-old from br0  (if needed)

      Slices  MTU 1462 inside the mesh
        docker41  172.17.41.0/24  its address ends in 41
        docker42  172.17.42.0/24  as before (lock file)
        a deploy records them in inventory.lock

      Containers
        i docker41: 2 of 3 containers are on the mesh; these are not: db (backend)
        ! docker41: when dockerd restarts: web restarts by its policy, job vanishes
          (--rm)

      ✖ docker41  dockerd is started with --bip
        → take it out
      i docker42  the clock is 2 s ahead

      ✖ docker43  unreachable: connection refused

      Plan: 4 changes on 2 hosts, 1 of them if needed; nothing on docker43"
    `);
  });

  it('shows exact commands and what is before and after', () => {
    const guarded = change('create port', { command: 'ovs-vsctl add-port\n  br0 x', guard: 'test -e /x' });
    const plan = planOf([hostPlan('docker41', [settings, guarded])]);
    expect(renderPlan(plan, { ...plain, commands: true, diff: true })).toMatchInlineSnapshot(`
      "docker41  2 changes
        Build the bridge
          The bridge exists
            ~ set bip in /etc/docker/daemon.json
              $ do set bip in /etc/docker/daemon.json
                  …
                    "log": 1,
                    "x": 2,
                -   "y": 3
                +   "y": 3,
                +   "bip": "172.17.41.1/16"
                  }
            + create port  (if needed)
              if test -e /x
              $ ovs-vsctl add-port
                  br0 x

      Plan: 2 changes on 1 host, 1 of them if needed"
    `);
  });

  it('folds hosts only where all that is shown is the same', () => {
    const same = [
      hostPlan('docker42', [change('create bridge br0')]),
      hostPlan('docker43', [change('create bridge br0')]),
    ];
    const folded = renderPlan(planOf(same), plain);
    expect(folded).toContain('docker42, docker43  the same 1 change on each');
    expect(folded).toContain('Plan: 2 changes on 2 hosts');
    const other = [
      hostPlan('docker42', [change('create bridge br0', { command: 'a' })]),
      hostPlan('docker43', [change('create bridge br0', { command: 'b' })]),
    ];
    expect(renderPlan(planOf(other), plain)).toContain('docker42, docker43');
    expect(renderPlan(planOf(other), { ...plain, commands: true })).not.toContain('docker42, docker43');
  });

  it('says that nothing is to be done, and only then that all is well', () => {
    expect(renderPlan(planOf([hostPlan('a', [])]), plain)).toBe('No changes. Everything is as it should be.');
    const off = hostPlan('b', [], { state: 'unreachable', reason: 'timeout', plays: [] });
    const text = renderPlan(planOf([hostPlan('a', []), off]), plain);
    expect(text).not.toContain('as it should be');
    expect(text).toContain('✖ b  unreachable: timeout');
    expect(text).toContain('No changes on the other host');
    expect(renderPlan(planOf([hostPlan('a', [])]), { ...plain, nothing: 'Nothing is there.' })).toBe(
      'Nothing is there.',
    );
  });

  it('tells no slices where no host was seen, or where they do not matter', () => {
    const slices = [{ host: 'a', slice: '172.17.41.0/24', because: 'seed rule' }];
    const rest = { slices, lock: { file: 'inventory.lock', text: '' } };
    const off = hostPlan('a', [], { state: 'unreachable', reason: 'timeout', plays: [] });
    expect(renderPlan(planOf([off], rest), plain)).not.toContain('172.17.41.0/24');
    const seen = planOf([hostPlan('a', [change('x')])], rest);
    expect(renderPlan(seen, plain)).toContain('a  172.17.41.0/24  by the last number of its address');
    expect(renderPlan(seen, { ...plain, slices: false })).not.toContain('172.17.41.0/24');
  });

  it('lets nothing from a host move the cursor', () => {
    const hostile = hostPlan('h\u001b[2J', [change('x\u001b[1A\u009b1B', { before: 'a\u001b[1A', after: 'b\u0007' })], {
      containers: { total: 1, onMesh: 0, elsewhere: [{ name: '\u001b[1Ac', network: '\u0007n' }] },
    });
    const text = renderPlan(planOf([hostile]), { ...plain, diff: true, commands: true });
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});

describe('natureOf', () => {
  it.each([
    ['create bridge br0', 'add'],
    ['install openvswitch-switch', 'add'],
    ['remove port gre-x', 'remove'],
    ['take br0 out of docker0', 'change'],
    ['stop docker', 'remove'],
    ['set the MTU of docker0 to 1462', 'change'],
  ])('%s', (sentence, nature) => {
    expect(natureOf({ sentence })).toBe(nature);
  });

  it('believes before and after more than the verb', () => {
    expect(natureOf({ sentence: 'create x', before: 'a', after: 'b' })).toBe('change');
    expect(natureOf({ sentence: 'put x', before: '', after: 'b' })).toBe('add');
    expect(natureOf({ sentence: 'put x', before: 'a', after: '' })).toBe('remove');
  });
});

describe('lineDiff', () => {
  it('shows what differs with what is around it', () => {
    const shown = lineDiff('1\n2\n3\n4\n5\n6\n7\n', '1\n2\n3\n4\nfive\n6\n7\n');
    expect(shown.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'gap ',
      'same 3',
      'same 4',
      'gone 5',
      'new five',
      'same 6',
      'same 7',
    ]);
  });

  it('shows all of a new text', () => {
    expect(lineDiff('', 'a\nb')).toEqual([
      { kind: 'new', text: 'a' },
      { kind: 'new', text: 'b' },
    ]);
  });
});
