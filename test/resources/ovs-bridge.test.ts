import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ovsBridge } from '../../src/resources/ovs-bridge.js';
import {
  aBridge,
  aLink,
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
  withFormer,
} from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const wanted = { name: 'br0', datapath: 'netdev', mtu: 1462 };
const owned = { 'mesh-owner': 'mesh' };
const foreign = aBridge('br0', { externalIds: { note: 'by hand' } });

describe('ovs_bridge', () => {
  it('creates the bridge in one transaction', () => {
    const changes = changesOf(plan(ovsBridge, wanted, hostFacts()));
    expect(changes.map((change) => change.sentence)).toEqual(['create bridge br0 (datapath netdev, MTU 1462)']);
    expect(changes[0]?.command).toMatchInlineSnapshot(`
      "ovs-vsctl --timeout=60 \\
        -- --may-exist add-br br0 \\
        -- set bridge br0 datapath_type=netdev fail_mode=standalone external_ids:mesh-owner=mesh other_config:disable-in-band=true \\
        -- set interface br0 mtu_request=1462
      ip link show dev br0 >/dev/null 2>&1 || {
        echo 'Open vSwitch made no device br0; it says:' "$(ovs-vsctl --timeout=10 get interface br0 error)" >&2
        exit 1
      }
      if [ -e /proc/sys/net/ipv6/conf/br0/disable_ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6; fi
      ip link set dev br0 mtu 1462 up"
    `);
    expect(changes[0]?.undo).toEqual({ command: 'ovs-vsctl --timeout=60 \\\n  -- --if-exists del-br br0' });
    expect(changes[0]?.records).toEqual([{ key: 'ovs_bridge/br0', value: null }]);
  });

  it('differs between datapaths by one value', () => {
    const command = (datapath: string) =>
      changesOf(plan(ovsBridge, { ...wanted, datapath }, hostFacts()))[0]?.command ?? '';
    expect(command('netdev')).toContain('datapath_type=netdev');
    expect(command('system')).not.toContain('datapath_type');
    expect(command('netdev').replace(' datapath_type=netdev', '')).toBe(command('system'));
  });

  it('has nothing to do a second time', () => {
    const facts = hostFacts();
    const after = applied(plan(ovsBridge, wanted, facts), facts);
    expect(plan(ovsBridge, wanted, after)).toEqual({ kind: 'changes', changes: [] });
    expect(after.mesh).toEqual(known({ records: { 'ovs_bridge/br0': null }, lastRun: null, lock: null }));
  });

  it('refuses a bridge that it did not make, unless it may adopt it', () => {
    const facts = withBridges(hostFacts(), foreign);
    expect(plan(ovsBridge, wanted, facts)).toMatchObject({
      kind: 'refused',
      fix: expect.stringContaining('mesh_adopt'),
    });
    const diff = plan(ovsBridge, { ...wanted, adopt: true }, facts);
    expect(changesOf(diff).map((change) => change.sentence)).toEqual([
      'take over bridge br0, which mesh did not make, and change the datapath of bridge br0 from system to netdev: its traffic stops meanwhile',
    ]);
    expect(changesOf(diff)[0]?.records).toEqual([
      {
        key: 'ovs_bridge/br0',
        value: {
          datapath: 'system',
          failMode: null,
          externalIds: { note: 'by hand' },
          otherConfig: {},
          mtuRequest: null,
          disableIpv6: null,
          mtu: 1500,
        },
      },
    ]);
  });

  it('gives an adopted bridge back', () => {
    const facts = { ...withBridges(hostFacts(), foreign), sysctls: { 'net.ipv6.conf.br0.disable_ipv6': known('0') } };
    const adopted = applied(plan(ovsBridge, { ...wanted, datapath: 'system', adopt: true }, facts), facts);
    const diff = plan(ovsBridge, { name: 'br0', state: 'absent' }, adopted);
    expect(changesOf(diff).map((change) => change.sentence)).toEqual([
      'give bridge br0 back as it was before mesh took it over',
    ]);
    expect(changesOf(diff)[0]?.command).toMatchInlineSnapshot(`
      "ovs-vsctl --timeout=60 \\
        -- clear bridge br0 fail_mode \\
        -- remove bridge br0 external_ids mesh-owner \\
        -- remove bridge br0 other_config disable-in-band \\
        -- set interface br0 mtu_request=1500
      ovs-vsctl --timeout=60 \\
        -- clear interface br0 mtu_request
      if [ -e /proc/sys/net/ipv6/conf/br0/disable_ipv6 ]; then echo 0 >/proc/sys/net/ipv6/conf/br0/disable_ipv6; fi"
    `);
    const after = applied(diff, adopted);
    expect(after.openvswitch).toEqual(facts.openvswitch);
    expect(after.sysctls).toEqual(facts.sysctls);
    expect(after.links).toEqual(facts.links);
  });

  it('brings the device of an adopted bridge up again where it is made anew for the former datapath', () => {
    const facts = withBridges(hostFacts(), foreign);
    const adopted = applied(plan(ovsBridge, { ...wanted, adopt: true }, facts), facts);
    const diff = plan(ovsBridge, { name: 'br0', state: 'absent' }, adopted);
    expect(changesOf(diff)[0]?.command).toContain('\nip link set dev br0 up\n');
    const after = applied(diff, adopted);
    expect([after.openvswitch, after.links]).toEqual([facts.openvswitch, facts.links]);
  });

  it('refuses a controller, foreign ports, and a device of that name that is no bridge of Open vSwitch', () => {
    const mine = aBridge('br0', { externalIds: owned });
    const steered = withBridges(hostFacts(), { ...mine, controllers: ['tcp:10.0.0.1:6653'] });
    expect(plan(ovsBridge, wanted, steered)).toMatchObject({
      kind: 'refused',
      sentence: expect.stringContaining('tcp:10.0.0.1'),
    });
    const ports = withBridges(hostFacts(), { ...mine, ports: [...mine.ports, aPort('$(reboot)')] });
    expect(plan(ovsBridge, wanted, ports)).toMatchObject({
      kind: 'refused',
      fix: expect.stringContaining("ovs-vsctl del-port br0 '$(reboot)'"),
    });
    const linux = hostFacts({ links: known([aLink('br0', { kind: 'bridge' })]) });
    expect(plan(ovsBridge, wanted, linux)).toMatchObject({
      kind: 'refused',
      sentence: 'there is a bridge br0 already that is not a bridge of Open vSwitch',
    });
  });

  it('leaves foreign tunnels to ovs_tunnels when it adopts', () => {
    const tunnel = aPort('gre0', {
      interfaces: [anInterface('gre0', { type: 'gre', options: { remote_ip: '192.168.199.42' } })],
    });
    const facts = withBridges(hostFacts(), { ...foreign, ports: [...foreign.ports, tunnel] });
    expect(plan(ovsBridge, { ...wanted, adopt: true }, facts).kind).toBe('changes');
  });

  it('puts single settings right', () => {
    const facts = hostFacts();
    const made = applied(plan(ovsBridge, wanted, facts), facts);
    const links = made.links.known ? made.links.value : [];
    const changed = {
      ...made,
      links: known(links.map((link) => (link.name === 'br0' ? { ...link, mtu: 1500, up: false } : link))),
      sysctls: { 'net.ipv6.conf.br0.disable_ipv6': known('0') },
    };
    const diff = plan(ovsBridge, wanted, changed);
    expect(changesOf(diff).map((change) => [change.sentence, change.command, change.undo])).toMatchInlineSnapshot(`
      [
        [
          "take IPv6 off br0",
          "echo 1 >/proc/sys/net/ipv6/conf/br0/disable_ipv6",
          {
            "command": "echo 0 >/proc/sys/net/ipv6/conf/br0/disable_ipv6",
          },
        ],
        [
          "bring br0 up with MTU 1462",
          "ip link set dev br0 mtu 1462 up",
          {
            "command": "ip link set dev br0 mtu 1500 down",
          },
        ],
      ]
    `);
    expect(plan(ovsBridge, wanted, applied(diff, changed))).toEqual({ kind: 'changes', changes: [] });
  });

  it('deletes only what is its own', () => {
    const facts = hostFacts();
    const made = applied(plan(ovsBridge, wanted, facts), facts);
    const diff = plan(ovsBridge, { name: 'br0', state: 'absent' }, made);
    expect(changesOf(diff).map((change) => [change.sentence, change.command])).toEqual([
      ['delete bridge br0', 'ovs-vsctl --timeout=60 \\\n  -- --if-exists del-br br0'],
    ]);
    const after = applied(diff, made);
    expect({ ...after, mesh: facts.mesh }).toEqual(facts);
    expect(plan(ovsBridge, { name: 'br0', state: 'absent' }, withBridges(hostFacts(), foreign))).toEqual({
      kind: 'changes',
      changes: [],
      notes: ["bridge br0 is not mesh's: it is left alone"],
    });
  });

  it('says what it cannot know and what is missing', () => {
    expect(plan(ovsBridge, wanted, hostFacts({ openvswitch: unknown }))).toMatchObject({
      kind: 'unknown',
      what: 'Open vSwitch',
    });
    expect(plan(ovsBridge, wanted, hostFacts({ mesh: unknown })).kind).toBe('unknown');
    const none = hostFacts({ openvswitch: known({ installed: false, running: false, version: null, bridges: [] }) });
    expect(plan(ovsBridge, wanted, none)).toMatchObject({ kind: 'refused', sentence: 'Open vSwitch is not installed' });
    expect(plan(ovsBridge, { name: 'br0', state: 'absent' }, none)).toEqual({ kind: 'changes', changes: [] });
    const stopped = hostFacts({
      openvswitch: known({ installed: true, running: false, version: '3.1.0', bridges: [] }),
    });
    expect(plan(ovsBridge, wanted, stopped).kind).toBe('refused');
    expect(plan(ovsBridge, { name: 'br0', state: 'absent' }, stopped)).toEqual({ kind: 'changes', changes: [] });
    const noted = withFormer(stopped, { 'ovs_bridge/br0': null });
    expect(plan(ovsBridge, { name: 'br0', state: 'absent' }, noted).kind).toBe('refused');
  });

  it('does not hand a shell what is no name', () => {
    for (const name of ['$(reboot)', "a'b", 'a b', '-x', '', 'a'.repeat(16), 'a/b']) {
      expect(complaints(ovsBridge, { name })).toHaveLength(1);
    }
    expect(complaints(ovsBridge, { name: 'br0', mtu: '1462' })).toEqual(['an MTU is a whole number of bytes']);
    expect(complaints(ovsBridge, { name: 'br0', datapath: 'dpdk' })).toEqual(['datapath is system or netdev']);
  });

  it('converges from every bridge that it accepts', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("'", '"', '$(reboot)', '\n', '{}', 'a=b,c'));
    const bridges = fc.record({
      datapath: fc.constantFrom('system' as const, 'netdev' as const),
      failMode: fc.constantFrom(null, 'standalone', 'secure'),
      ids: fc.dictionary(
        text.filter((key) => key !== '' && !key.includes('\0')),
        text.filter((one) => !one.includes('\0')),
      ),
      mtuRequest: fc.constantFrom(null, 1400, 1462),
      up: fc.boolean(),
      ipv6: fc.constantFrom(null, '0', '1'),
      params: fc.record({ datapath: fc.constantFrom('system', 'netdev'), mtu: fc.constantFrom(undefined, 1400, 1462) }),
    });
    const texts: string[] = [];
    fc.assert(
      fc.property(bridges, ({ ids, mtuRequest, up, ipv6, params, ...row }) => {
        const local = aPort('br0', { interfaces: [anInterface('br0', { type: 'internal', mtuRequest })] });
        const bridge = aBridge('br0', { ...row, externalIds: ids, ports: [local] });
        const facts = {
          ...withBridges(hostFacts({ links: known([aLink('br0', { up })]) }), bridge),
          sysctls: { 'net.ipv6.conf.br0.disable_ipv6': known(ipv6) },
        };
        const all = { ...params, name: 'br0', adopt: true };
        const diff = plan(ovsBridge, all, facts);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(changesOf(plan(ovsBridge, all, after))).toEqual([]);
        const back = plan(ovsBridge, { name: 'br0', state: 'absent' }, after);
        texts.push(...changesOf(back).flatMap(shellTexts));
        const end = applied(back, after);
        if (ids['mesh-owner'] !== 'mesh') expect(end.openvswitch).toEqual(facts.openvswitch);
      }),
      { numRuns: 200 },
    );
    expect(syntaxErrors(texts)).toBe('');
  });

  it('records an adopted bridge once', () => {
    const facts = withFormer(withBridges(hostFacts(), foreign), { 'ovs_bridge/br0': null });
    expect(changesOf(plan(ovsBridge, { ...wanted, adopt: true }, facts))[0]?.records).toEqual([]);
  });
});
