import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { restoreScript, restoreUnit } from '../../src/network/restore.js';

const input = {
  bridge: 'br0',
  dockerBridge: 'docker0',
  dockerService: 'docker',
  bip: '172.17.41.1/16',
  slice: '172.17.41.0/24',
  mtu: 1462,
  flows: ['priority=100,icmp6,icmp_type=134,actions=drop'],
  routes: [{ to: '172.17.0.0/16', link: 'docker0' }],
  sysctls: { 'net.ipv6.conf.br0.disable_ipv6': '1' },
  firewall: [
    { table: 'filter' as const, chain: 'DOCKER-USER', rule: ['-p', 'gre', '-j', 'DROP'], position: 'first' as const },
  ],
};

describe('restoreScript', () => {
  it('is a program that a POSIX shell reads', () => {
    execFileSync('sh', ['-n'], { input: restoreScript(input) });
  });

  it('joins the bridges last of all', () => {
    const lines = restoreScript(input).trim().split('\n');
    expect(lines.at(-2)).toBe('ip link set dev br0 master docker0 || failed=1');
    expect(lines.filter((line) => line.includes(' master '))).toHaveLength(1);
  });

  it('asks Docker only where it runs: its socket would start it', () => {
    const script = restoreScript(input);
    const asked = script.indexOf('docker network inspect');
    const guard = script.indexOf('systemctl is-active --quiet docker.service');
    expect(guard).toBeGreaterThan(-1);
    expect(guard).toBeLessThan(asked);
  });

  it('fails for want of a chain only where every kernel has it', () => {
    const rule = (chain: string) => ({
      table: 'filter' as const,
      chain,
      rule: ['-j', 'DROP'],
      position: 'last' as const,
    });
    const run = (chain: string, there: readonly string[]) => {
      const lines = restoreScript({ ...input, firewall: [rule(chain)] }).split('\n');
      const added = lines.filter((line) => line.includes('iptables ')).join('\n');
      const fake = `iptables() {
  case " ${there.join(' ')} " in *" $6 "*) [ "$5" = -C ] && return 1; echo "$5 $6" ;; *) return 1 ;; esac
}`;
      return execFileSync('sh', { input: `${fake}\nfailed=0\n${added}\necho failed=$failed\n`, encoding: 'utf8' });
    };
    expect(run('DOCKER-USER', ['DOCKER-USER'])).toMatch(/^-A DOCKER-USER\nfailed=0$/m);
    expect(run('DOCKER-USER', [])).toBe('failed=0\n');
    expect(run('INPUT', [])).toBe('failed=1\n');
  });

  it('puts rules in so that they end in the order of the list', () => {
    const rule = (target: string) => ({ table: 'filter' as const, chain: 'INPUT', rule: ['-j', target] });
    const firewall = ['ACCEPT', 'DROP'].map((target) => ({ ...rule(target), position: 'first' as const }));
    const lines = restoreScript({ ...input, firewall }).split('\n');
    const inserts = lines.flatMap((line) => / -I INPUT -j (\w+)/.exec(line)?.[1] ?? []);
    expect(inserts).toEqual(['DROP', 'ACCEPT']);
  });

  it('quotes what it is given', () => {
    const script = restoreScript({ ...input, bridge: "br'$(id)" });
    expect(script).not.toMatch(/[^']\$\(id\)[^']/);
    execFileSync('sh', ['-n'], { input: script });
  });
});

describe('restoreUnit', () => {
  it('follows restarts, and comes back after a stop and a start', () => {
    const unit = restoreUnit(['docker', 'openvswitch-switch']);
    expect(unit).toMatch(/\[Unit\][^[]*\nStartLimitIntervalSec=0\n/);
    expect(unit).toContain('PartOf=docker.service openvswitch-switch.service\n');
    expect(unit).toMatch(/^After=.*\bnftables\.service/m);
    expect(unit).toMatch(/^PartOf=.*\bnetfilter-persistent\.service/m);
    expect(unit).toMatch(/^ReloadPropagatedFrom=.*\bfirewalld\.service/m);
    expect(unit).toContain('WantedBy=docker.service openvswitch-switch.service multi-user.target\n');
  });
});
