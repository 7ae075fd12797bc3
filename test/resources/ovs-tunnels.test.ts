import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostFacts, OvsBridge, OvsPort } from '../../src/facts/types.js';
import type { Tunnel } from '../../src/network/types.js';
import { ovsTunnels } from '../../src/resources/ovs-tunnels.js';
import {
  aBridge,
  anInterface,
  aPort,
  applied,
  changesOf,
  complaints,
  hostFacts,
  known,
  plan,
  shellTexts,
  unknown,
  withBridges,
} from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const owned = { 'mesh-owner': 'mesh' };

function tunnel(number: number, changes: Partial<Tunnel> = {}): Tunnel {
  return {
    name: `gre-docker${number}`,
    type: 'gre',
    peer: `docker${number}`,
    remote_ip: `192.168.199.${number}`,
    local_ip: '192.168.199.41',
    key: null,
    state: 'wanted',
    ...changes,
  };
}

function withPorts(ports: readonly OvsPort[], changes: Partial<OvsBridge> = {}): HostFacts {
  const bridge = aBridge('br0', { externalIds: owned });
  return withBridges(hostFacts(), { ...bridge, ports: [...bridge.ports, ...ports], ...changes });
}

function grePort(name: string, remote: string, changes: Partial<OvsPort> = {}): OvsPort {
  return aPort(name, { interfaces: [anInterface(name, { type: 'gre', options: { remote_ip: remote } })], ...changes });
}

const both = { bridge: 'br0', tunnels: [tunnel(42), tunnel(43)] };
const made = applied(plan(ovsTunnels, both, withPorts([])), withPorts([]));

describe('ovs_tunnels', () => {
  it('adds all tunnels in one transaction, protected from the start, and asks whether they came to be', () => {
    const changes = changesOf(plan(ovsTunnels, both, withPorts([])));
    expect(changes.map((change) => change.sentence)).toEqual([
      'add 2 tunnels gre-docker42 to docker42 (192.168.199.42), gre-docker43 to docker43 (192.168.199.43) on br0',
    ]);
    expect(changes[0]?.command).toMatchInlineSnapshot(`
      "ovs-vsctl --timeout=60 \\
        -- --may-exist add-port br0 gre-docker42 \\
        -- set interface gre-docker42 type=gre options:remote_ip=192.168.199.42 options:local_ip=192.168.199.41 external_ids:mesh-owner=mesh external_ids:mesh-peer=docker42 \\
        -- set port gre-docker42 protected=true external_ids:mesh-owner=mesh external_ids:mesh-peer=docker42 \\
        -- --may-exist add-port br0 gre-docker43 \\
        -- set interface gre-docker43 type=gre options:remote_ip=192.168.199.43 options:local_ip=192.168.199.41 external_ids:mesh-owner=mesh external_ids:mesh-peer=docker43 \\
        -- set port gre-docker43 protected=true external_ids:mesh-owner=mesh external_ids:mesh-peer=docker43
      made=$(ovs-vsctl --timeout=30 --no-headings --format=csv --data=bare --columns=ofport,name,error -- list interface gre-docker42 gre-docker43)
      broken=$(printf '%s\\n' "$made" | sed -n 's/^-1,//p')
      if [ -n "$broken" ]; then
        printf 'Open vSwitch could not make %s\\n' "$broken" >&2
        case $broken in
        *'ddress family not supported'*) echo 'The kernel has no such tunnels: load its module (modprobe vport-gre) or set mesh_datapath: netdev' >&2 ;;
        esac
        exit 1
      fi"
    `);
    expect(changes[0]?.undo).toMatchInlineSnapshot(`
      {
        "command": "ovs-vsctl --timeout=60 \\
        -- --if-exists del-port br0 gre-docker42 \\
        -- --if-exists del-port br0 gre-docker43",
      }
    `);
    expect(changes[0]?.after).toMatchInlineSnapshot(`
      "gre-docker42: gre local_ip=192.168.199.41 remote_ip=192.168.199.42, protected, to docker42
      gre-docker43: gre local_ip=192.168.199.41 remote_ip=192.168.199.43, protected, to docker43"
    `);
  });

  it('has nothing to do a second time', () => {
    expect(changesOf(plan(ovsTunnels, both, made))).toEqual([]);
  });

  it('removes what it owns and no longer wants', () => {
    const diff = plan(ovsTunnels, { bridge: 'br0', tunnels: [tunnel(43)] }, made);
    expect(changesOf(diff).map((one) => [one.sentence, one.command])).toEqual([
      ['remove tunnel gre-docker42 from br0', 'ovs-vsctl --timeout=60 \\\n  -- --if-exists del-port br0 gre-docker42'],
    ]);
  });

  it('neither makes nor removes nor alters a tunnel that waits', () => {
    const waiting = tunnel(43, { state: 'waiting', local_ip: '192.168.199.99' });
    expect(plan(ovsTunnels, { bridge: 'br0', tunnels: [tunnel(42), waiting] }, made)).toEqual({
      kind: 'changes',
      changes: [],
      notes: [
        'tunnel gre-docker43 waits for docker43 (192.168.199.43), which cannot be worked on now: it is left as it is',
      ],
    });
    expect(changesOf(plan(ovsTunnels, { bridge: 'br0', tunnels: [waiting] }, withPorts([])))).toEqual([]);
  });

  it('keeps a port of its own that leads to the peer, whatever its name', () => {
    const port = grePort('old-name', '192.168.199.42', { externalIds: owned, protected: true });
    const diff = plan(ovsTunnels, { bridge: 'br0', tunnels: [tunnel(42)] }, withPorts([port]));
    expect(changesOf(diff).map((one) => [one.sentence, one.command])).toMatchInlineSnapshot(`
      [
        [
          "correct tunnel old-name on br0",
          "ovs-vsctl --timeout=60 \\
        -- set interface old-name options:local_ip=192.168.199.41 external_ids:mesh-owner=mesh external_ids:mesh-peer=docker42 \\
        -- set port old-name external_ids:mesh-peer=docker42
      made=$(ovs-vsctl --timeout=30 --no-headings --format=csv --data=bare --columns=ofport,name,error -- list interface old-name)
      broken=$(printf '%s\\n' "$made" | sed -n 's/^-1,//p')
      if [ -n "$broken" ]; then
        printf 'Open vSwitch could not make %s\\n' "$broken" >&2
        case $broken in
        *'ddress family not supported'*) echo 'The kernel has no such tunnels: load its module (modprobe vport-gre) or set mesh_datapath: netdev' >&2 ;;
        esac
        exit 1
      fi",
        ],
      ]
    `);
  });

  it('alters in place what is wrong', () => {
    const port = grePort('gre-docker42', '192.168.199.142', { externalIds: owned, tag: 7 });
    const diff = plan(ovsTunnels, { bridge: 'br0', tunnels: [tunnel(42, { key: 9 })] }, withPorts([port]));
    expect(changesOf(diff).map((one) => [one.sentence, one.command, one.undo])).toMatchInlineSnapshot(`
      [
        [
          "correct tunnel gre-docker42 on br0",
          "ovs-vsctl --timeout=60 \\
        -- clear port gre-docker42 tag \\
        -- set interface gre-docker42 options:remote_ip=192.168.199.42 options:local_ip=192.168.199.41 options:key=9 external_ids:mesh-owner=mesh external_ids:mesh-peer=docker42 \\
        -- set port gre-docker42 protected=true external_ids:mesh-peer=docker42
      made=$(ovs-vsctl --timeout=30 --no-headings --format=csv --data=bare --columns=ofport,name,error -- list interface gre-docker42)
      broken=$(printf '%s\\n' "$made" | sed -n 's/^-1,//p')
      if [ -n "$broken" ]; then
        printf 'Open vSwitch could not make %s\\n' "$broken" >&2
        case $broken in
        *'ddress family not supported'*) echo 'The kernel has no such tunnels: load its module (modprobe vport-gre) or set mesh_datapath: netdev' >&2 ;;
        esac
        exit 1
      fi",
          {
            "command": "ovs-vsctl --timeout=60 \\
        -- remove port gre-docker42 external_ids mesh-peer \\
        -- remove interface gre-docker42 options local_ip \\
        -- remove interface gre-docker42 options key \\
        -- remove interface gre-docker42 external_ids mesh-owner \\
        -- remove interface gre-docker42 external_ids mesh-peer \\
        -- set interface gre-docker42 options:remote_ip=192.168.199.142 \\
        -- set port gre-docker42 protected=false tag=7",
          },
        ],
      ]
    `);
  });

  it('makes a port anew that Open vSwitch could not make', () => {
    const facts = withPorts(
      made.openvswitch.known
        ? (made.openvswitch.value.bridges[0]?.ports ?? []).map((port) => ({
            ...port,
            interfaces: port.interfaces.map((one) => ({
              ...one,
              error: port.name === 'br0' ? null : 'could not add network device',
            })),
          }))
        : [],
    );
    const [change] = changesOf(plan(ovsTunnels, both, facts));
    expect(change?.command).toContain('--if-exists del-port br0 gre-docker42');
    expect(change?.command).toContain('--may-exist add-port br0 gre-docker42');
  });

  it('lets the name decide where two ports would have each other’s name', () => {
    const ports = [grePort('gre-docker42', '192.168.199.43', { externalIds: owned })];
    const diff = plan(ovsTunnels, both, withPorts(ports));
    expect(changesOf(diff).map((one) => one.sentence)).toEqual([
      'correct tunnel gre-docker42 on br0',
      'add tunnel gre-docker43 to docker43 (192.168.199.43) on br0',
    ]);
  });

  it('refuses what others made, and adopts it if told to', () => {
    const facts = withPorts([grePort('gre0', '192.168.199.42'), grePort('gre7', '192.168.199.77')]);
    expect(plan(ovsTunnels, both, facts)).toMatchObject({
      kind: 'refused',
      sentence: 'bridge br0 has a tunnel gre0 to 192.168.199.42 that mesh did not make',
    });
    const diff = plan(ovsTunnels, { ...both, adopt: true }, facts);
    expect(changesOf(diff).map((one) => one.sentence)).toEqual([
      'remove tunnel gre7 (not made by mesh) from br0',
      'take over tunnel gre0 as gre-docker42 on br0',
      'add tunnel gre-docker43 to docker43 (192.168.199.43) on br0',
    ]);
    expect(changesOf(diff).flatMap((one) => one.records?.map((record) => record.key) ?? [])).toEqual([
      'ovs_port/gre7',
      'ovs_port/gre0',
    ]);
    const after = applied(diff, facts);
    expect(changesOf(plan(ovsTunnels, { ...both, adopt: true }, after))).toEqual([]);
    const former = { bridge: 'br0', tunnels: [], state: 'former' };
    const back = applied(plan(ovsTunnels, former, after), after);
    expect(portsOf(back)).toEqual(portsOf(facts));
    expect(changesOf(plan(ovsTunnels, former, back))).toEqual([]);
  });

  it('refuses a name that is taken, here or on another bridge', () => {
    const taken = withBridges(
      hostFacts(),
      aBridge('br0', { externalIds: owned }),
      aBridge('ovsbr1', { ports: [aPort('gre-docker42')] }),
    );
    expect(plan(ovsTunnels, both, taken)).toMatchObject({
      kind: 'refused',
      sentence: 'the name gre-docker42 is taken by a port of bridge ovsbr1 that mesh did not make',
    });
  });

  it('needs protected ports for more than one peer', () => {
    const old = (facts: HostFacts): HostFacts =>
      facts.openvswitch.known
        ? { ...facts, openvswitch: known({ ...facts.openvswitch.value, version: '2.4.0' }) }
        : facts;
    expect(plan(ovsTunnels, both, old(withPorts([]))).kind).toBe('refused');
    const [change] = changesOf(plan(ovsTunnels, { bridge: 'br0', tunnels: [tunnel(42)] }, old(withPorts([]))));
    expect(change?.command).not.toContain('protected');
  });

  it('needs a bridge only for tunnels that are wanted', () => {
    expect(plan(ovsTunnels, both, hostFacts()).kind).toBe('refused');
    expect(changesOf(plan(ovsTunnels, { bridge: 'br0', tunnels: [] }, hostFacts()))).toEqual([]);
    expect(plan(ovsTunnels, both, hostFacts({ openvswitch: unknown })).kind).toBe('unknown');
  });

  it('says what is wrong with parameters', () => {
    const say = (...tunnels: Partial<Tunnel>[]) => complaints(ovsTunnels, { bridge: 'br0', tunnels });
    expect(say(tunnel(42, { name: 'gre0' }))).toEqual([
      "gre0 is a device of the kernel's own: give the tunnel another name",
    ]);
    expect(say(tunnel(42), tunnel(42))).toEqual([
      'two tunnels have the same name: gre-docker42',
      'two tunnels have the same end: gre 192.168.199.41 → 192.168.199.42',
    ]);
    expect(say(tunnel(42, { remote_ip: 'docker42' }))).toEqual(['this wants an IPv4 address such as 192.168.199.42']);
  });

  it('quotes what hosts and inventories call things', () => {
    const hostile = [`$(touch x)`, `a'b"c`, 'new\nline', '-x'];
    const ports = hostile.map((name, at) => grePort(name, `192.168.199.${60 + at}`, { externalIds: owned }));
    const tunnels = hostile.map((peer, at) => tunnel(50 + at, { peer }));
    const texts = changesOf(plan(ovsTunnels, { bridge: 'br0', tunnels }, withPorts(ports))).flatMap(shellTexts);
    expect(syntaxErrors(texts)).toBe('');
    expect(texts.join('\n')).toContain(`del-port br0 '$(touch x)'`);
    expect(texts.join('\n')).toContain(`'external_ids:mesh-peer="a'\\''b\\"c"'`);
  });

  it('puts 500 tunnels into one call', () => {
    const many = Array.from({ length: 500 }, (_, at) =>
      tunnel(0, { name: `gre-h${at}`, peer: `h${at}`, remote_ip: `10.0.${at >> 8}.${at & 255}` }),
    );
    const [change, ...rest] = changesOf(plan(ovsTunnels, { bridge: 'br0', tunnels: many }, withPorts([])));
    expect(rest).toEqual([]);
    expect(change?.command.match(/add-port/g)).toHaveLength(500);
    expect(change?.command.match(/ovs-vsctl/g)).toHaveLength(2);
    expect(change?.sentence).toContain('and 495 more');
  });

  it('converges from any ports to any tunnels', () => {
    const number = fc.integer({ min: 42, max: 47 });
    const port = fc
      .record({
        name: number,
        remote: number,
        own: fc.boolean(),
        isProtected: fc.boolean(),
        tag: fc.constantFrom(null, 5),
        type: fc.constantFrom('gre', 'vxlan'),
      })
      .map(({ name, remote, own, isProtected, tag, type }) =>
        aPort(`gre-docker${name}`, {
          protected: isProtected,
          tag,
          externalIds: own ? owned : {},
          interfaces: [anInterface(`gre-docker${name}`, { type, options: { remote_ip: `192.168.199.${remote}` } })],
        }),
      );
    const wanted = fc.uniqueArray(
      fc.record({
        number,
        state: fc.constantFrom('wanted' as const, 'waiting' as const),
        key: fc.constantFrom(null, 1),
      }),
      {
        selector: (one) => one.number,
      },
    );
    const texts: string[] = [];
    let refused = 0;
    fc.assert(
      fc.property(fc.uniqueArray(port, { selector: (one) => one.name }), wanted, fc.boolean(), (ports, all, adopt) => {
        const params = {
          bridge: 'br0',
          adopt,
          tunnels: all.map((one) => tunnel(one.number, { state: one.state, key: one.key })),
        };
        const facts = withPorts(ports);
        const diff = plan(ovsTunnels, params, facts);
        if (diff.kind !== 'changes') {
          refused += 1;
          return;
        }
        texts.push(...diff.changes.flatMap(shellTexts));
        const after = applied(diff, facts);
        const again = plan(ovsTunnels, params, after);
        expect(changesOf(again)).toEqual([]);
        for (const one of params.tunnels.filter((two) => two.state === 'wanted')) {
          const to = portsOf(after).filter(
            (two) => two.interfaces[0]?.options.remote_ip === one.remote_ip && two.protected,
          );
          expect(to.length).toBeGreaterThanOrEqual(1);
        }
        const untouched = portsOf(facts).filter((two) => two.externalIds['mesh-owner'] !== 'mesh');
        if (!adopt) expect(portsOf(after)).toEqual(expect.arrayContaining(untouched));
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeLessThan(400);
    expect(syntaxErrors(texts.slice(0, 300))).toBe('');
  });
});

function portsOf(facts: HostFacts): readonly OvsPort[] {
  const bridge = facts.openvswitch.known
    ? facts.openvswitch.value.bridges.find((one) => one.name === 'br0')
    : undefined;
  return [...(bridge?.ports ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
}
