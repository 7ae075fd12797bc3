import { describe, expect, it } from 'vitest';
import type { TunnelProbe } from '../../src/network/types.js';
import { tunnelProbe } from '../../src/resources/tunnel-probe.js';
import { aBridge, applied, changesOf, complaints, hostFacts, plan, shellTexts, withBridges } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const probe: TunnelProbe = {
  type: 'gre',
  key: 0x6d7370,
  local_ip: '192.168.199.41',
  address: '169.254.1.1',
  mtu: 1458,
  datapath: 'netdev',
  peers: [{ peer: 'docker42', remote_ip: '192.168.199.42', address: '169.254.1.2' }],
};

describe('tunnel_probe', () => {
  it('makes an end for every peer in one transaction, and a timer that removes it', () => {
    const [change] = changesOf(plan(tunnelProbe, { probe, state: 'open' }, hostFacts()));
    expect(change?.sentence).toBe('make a temporary bridge mesh-probe with a gre end towards docker42');
    expect(change?.command).toMatchInlineSnapshot(`
      "systemctl stop mesh-probe-end.timer 2>/dev/null || :
      ovs-vsctl --timeout=30 --if-exists del-br mesh-probe
      if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null 2>&1; then
        systemd-run --quiet --collect --unit=mesh-probe-end --on-active=180 ovs-vsctl --timeout=30 --if-exists del-br mesh-probe
      fi
      ovs-vsctl --timeout=60 \\
        -- add-br mesh-probe \\
        -- set bridge mesh-probe datapath_type=netdev external_ids:mesh-owner=mesh \\
        -- set interface mesh-probe mtu_request=1458 \\
        -- add-port mesh-probe mesh-probe-1 \\
        -- set interface mesh-probe-1 type=gre options:remote_ip=192.168.199.42 options:local_ip=192.168.199.41 options:key=7172976 \\
        -- set port mesh-probe-1 protected=true
      if [ -e /proc/sys/net/ipv6/conf/mesh-probe/disable_ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/mesh-probe/disable_ipv6; fi
      ip address add 169.254.1.1/32 dev mesh-probe
      ip link set dev mesh-probe up
      ip route replace 169.254.1.2/32 dev mesh-probe"
    `);
    expect(change?.undo).toMatchInlineSnapshot(`
      {
        "command": "systemctl stop mesh-probe-end.timer 2>/dev/null || :
      ovs-vsctl --timeout=30 --if-exists del-br mesh-probe",
      }
    `);
  });

  it('measures every peer that takes part, at full size', () => {
    const [change] = changesOf(plan(tunnelProbe, { probe, state: 'measured' }, hostFacts()));
    expect(change?.sentence).toBe('try whether IP protocol 47 passes to and from docker42, at full size');
    expect(change?.command).toMatchInlineSnapshot(`
      "probe() { # PEER UNDERLAY ADDRESS
        case "
      $MESH_PLAY_HOSTS
      " in
        *"
      $1
      "*) ;;
        *) echo "$1: does not take part now, so nothing was measured"; return 0 ;;
        esac
        call="ping -n -c 1 -W 1 -I mesh-probe"
        calls=0 answered=
        while :; do
          if $call "$3" >/dev/null 2>&1; then answered=1; break; fi
          case $(ip neighbour show to "$3" dev mesh-probe) in *REACHABLE*) break ;; esac
          calls=$((calls + 1))
          if [ "$calls" -lt 10 ]; then sleep 0.2 2>/dev/null || sleep 1; continue; fi
          if ping -n -c 1 -W 2 -I 192.168.199.41 "$2" >/dev/null 2>&1; then
            echo "$1 ($2): a plain ping is answered, but" 'IP protocol 47' "does not come through"
          else
            echo "$1 ($2): neither a plain ping nor" 'IP protocol 47' "comes through"
          fi
          return 1
        done
        if [ -z "$answered" ]; then
          echo "$1:" 'IP protocol 47' "passes; its firewall drops pings, so the size was not measured"
          return 0
        fi
        for try in 1 2 3; do
          said=$($call -M do -s 1430 "$3" 2>&1) && { echo "$1:" 'IP protocol 47' 'passes, with packets of 1458 bytes inside'; return 0; }
          case $said in *[Ii]nvalid\\ option* | *[Uu]sage:*) echo "$1:" 'IP protocol 47' "passes; this ping cannot measure the size"; return 0 ;; esac
        done
        echo "$1 ($2):" 'IP protocol 47' 'passes, but not with packets of 1458 bytes inside: something on the way has a smaller MTU than the underlay'\\''s link'
        return 1
      }
      pids= failed=
      probe docker42 192.168.199.42 169.254.1.2 & pids="$pids $!"
      for pid in $pids; do wait "$pid" || failed=1; done
      if [ -n "$failed" ]; then
        systemctl stop mesh-probe-end.timer 2>/dev/null || :
        ovs-vsctl --timeout=30 --if-exists del-br mesh-probe
        echo 'Let IP protocol 47 pass between the hosts (their firewalls, the cloud'\\''s rules), or choose another mesh_tunnel_type; for the size, set mesh_mtu. Nothing of the mesh was made here yet.' >&2
        exit 1
      fi"
    `);
  });

  it('leaves nothing: what is open in the plan is closed by it', () => {
    const opened = applied(plan(tunnelProbe, { probe, state: 'open' }, hostFacts()), hostFacts());
    const closing = plan(tunnelProbe, { probe, state: 'closed' }, opened);
    expect(changesOf(closing).map(({ sentence }) => sentence)).toEqual(['remove the temporary bridge mesh-probe']);
    expect(applied(closing, opened).openvswitch).toEqual(hostFacts().openvswitch);
  });

  it('removes what a run that was cut off left behind', () => {
    const left = withBridges(hostFacts(), aBridge('mesh-probe', { externalIds: { 'mesh-owner': 'mesh' } }));
    const none = { ...probe, peers: [] };
    expect(changesOf(plan(tunnelProbe, { probe: none, state: 'closed' }, left))).toHaveLength(1);
  });

  it('does nothing where every peer has its tunnel', () => {
    const none = { ...probe, peers: [] };
    for (const state of ['open', 'measured', 'closed'] as const) {
      expect(plan(tunnelProbe, { probe: none, state }, hostFacts())).toEqual({ kind: 'changes', changes: [] });
    }
  });

  it('wants an Open vSwitch that runs', () => {
    const without = hostFacts({
      openvswitch: { known: true, value: { installed: false, running: false, version: null, bridges: [] } },
    });
    expect(plan(tunnelProbe, { probe, state: 'open' }, without)).toMatchObject({ kind: 'refused' });
  });

  it('takes hostile names of hosts for texts', () => {
    const peers = [{ peer: `$(reboot) '"; x`, remote_ip: '192.168.199.42', address: '169.254.1.2' }];
    for (const state of ['open', 'measured'] as const) {
      const changes = changesOf(plan(tunnelProbe, { probe: { ...probe, peers }, state }, hostFacts()));
      expect(syntaxErrors(changes.flatMap(shellTexts))).toBe('');
      if (state === 'measured') expect(changes[0]?.command).toContain(`'$(reboot) '\\''"; x'`);
    }
  });

  it('says what is wrong with its parameters', () => {
    expect(complaints(tunnelProbe, { probe: { ...probe, key: 0 }, state: 'open' })).not.toEqual([]);
    expect(complaints(tunnelProbe, { probe, state: 'half' }).join()).toContain('open, measured or closed');
  });
});
