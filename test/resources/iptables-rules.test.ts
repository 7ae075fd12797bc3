import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DockerFacts, HostFacts } from '../../src/facts/types.js';
import type { FirewallRule } from '../../src/network/types.js';
import { iptablesRules } from '../../src/resources/iptables-rules.js';
import { readRule, readSaved, splitWords } from '../../src/resources/iptables-text.js';
import { service } from '../../src/resources/service.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const letIn = (peer: number): FirewallRule => ({
  table: 'filter',
  chain: 'INPUT',
  rule: ['-s', `192.168.199.${peer}/32`, '-p', 'gre', '-j', 'ACCEPT'],
  position: 'first',
});
const noGre: FirewallRule = {
  table: 'filter',
  chain: 'DOCKER-USER',
  rule: ['-p', '47', '-j', 'DROP'],
  position: 'first',
};

function withRules(...rules: readonly string[]): HostFacts {
  return hostFacts({ iptables: known({ installed: true, policies: { 'filter/DOCKER-USER': '-' }, rules }) });
}

const sentences = (params: unknown, facts: HostFacts) =>
  changesOf(plan(iptablesRules, params, facts)).map((one) => one.sentence);
const rulesOf = (facts: HostFacts) => (facts.iptables.known ? facts.iptables.value.rules : []);

describe('iptables_rules', () => {
  it('adds marked rules, one change a chain', () => {
    const changes = changesOf(plan(iptablesRules, { rules: [letIn(42), letIn(43), noGre] }, hostFacts()));
    expect(changes.map((one) => [one.sentence, one.command, one.undo])).toMatchInlineSnapshot(`
      [
        [
          "add 2 firewall rules in filter/INPUT: -s 192.168.199.43/32 -p gre -j ACCEPT, -s 192.168.199.42/32 -p gre -j ACCEPT",
          "iptables -w 5 -t filter -C INPUT -s 192.168.199.43/32 -p gre -m comment --comment mesh -j ACCEPT 2>/dev/null || iptables -w 5 -t filter -I INPUT -s 192.168.199.43/32 -p gre -m comment --comment mesh -j ACCEPT
      iptables -w 5 -t filter -C INPUT -s 192.168.199.42/32 -p gre -m comment --comment mesh -j ACCEPT 2>/dev/null || iptables -w 5 -t filter -I INPUT -s 192.168.199.42/32 -p gre -m comment --comment mesh -j ACCEPT",
          {
            "command": "while iptables -w 5 -t filter -C INPUT -s 192.168.199.43/32 -p gre -m comment --comment mesh -j ACCEPT 2>/dev/null; do iptables -w 5 -t filter -D INPUT -s 192.168.199.43/32 -p gre -m comment --comment mesh -j ACCEPT; done
      while iptables -w 5 -t filter -C INPUT -s 192.168.199.42/32 -p gre -m comment --comment mesh -j ACCEPT 2>/dev/null; do iptables -w 5 -t filter -D INPUT -s 192.168.199.42/32 -p gre -m comment --comment mesh -j ACCEPT; done",
          },
        ],
        [
          "add firewall rule in filter/DOCKER-USER: -p 47 -j DROP",
          "iptables -w 5 -t filter -C DOCKER-USER -p 47 -m comment --comment mesh -j DROP 2>/dev/null || iptables -w 5 -t filter -I DOCKER-USER -p 47 -m comment --comment mesh -j DROP",
          {
            "command": "while iptables -w 5 -t filter -C DOCKER-USER -p 47 -m comment --comment mesh -j DROP 2>/dev/null; do iptables -w 5 -t filter -D DOCKER-USER -p 47 -m comment --comment mesh -j DROP; done",
          },
        ],
      ]
    `);
  });

  it('knows its rules in what iptables-save prints', () => {
    const facts = withRules(
      'filter -A INPUT -s 192.168.199.42/32 -p 47 -m comment --comment mesh -j ACCEPT',
      'filter -A INPUT -i lo -j ACCEPT',
      'filter -A DOCKER-USER -p gre -m comment --comment "mesh: no tunnels out of containers" -j DROP',
    );
    expect(plan(iptablesRules, { rules: [letIn(42), noGre] }, facts)).toEqual({ kind: 'changes', changes: [] });
  });

  it('removes its own that are not wanted, and no others', () => {
    const facts = withRules(
      'filter -A INPUT -s 192.168.199.43/32 -p gre -m comment --comment "mesh: it\\"s $(x)" -j ACCEPT',
      'filter -A INPUT -s 192.168.199.44/32 -p gre -m comment --comment meshed -j ACCEPT',
      'filter -A INPUT -s 192.168.199.45/32 -p gre -j ACCEPT',
    );
    const diff = plan(iptablesRules, { rules: [] }, facts);
    expect(changesOf(diff).map((one) => [one.sentence, one.command])).toMatchInlineSnapshot(`
      [
        [
          "remove firewall rule from filter/INPUT: -s 192.168.199.43/32 -p gre -j ACCEPT",
          "while iptables -w 5 -t filter -C INPUT -s 192.168.199.43/32 -p gre -m comment --comment 'mesh: it"s $(x)' -j ACCEPT 2>/dev/null; do iptables -w 5 -t filter -D INPUT -s 192.168.199.43/32 -p gre -m comment --comment 'mesh: it"s $(x)' -j ACCEPT; done",
        ],
      ]
    `);
    expect(rulesOf(applied(diff, facts))).toEqual(rulesOf(facts).slice(1));
    expect(syntaxErrors(changesOf(diff).flatMap(shellTexts))).toBe('');
  });

  it('waits for a chain that Docker may make when it starts, or that an earlier step may make', () => {
    const facts = (changes: Partial<DockerFacts>) => {
      const { docker } = hostFacts();
      return hostFacts({
        iptables: known({ installed: true, policies: {}, rules: [] }),
        docker: docker.known ? known({ ...docker.value, ...changes }) : docker,
        services: { docker: known({ load: 'loaded', active: 'inactive', enabled: 'enabled' }) },
      });
    };
    const guardsOf = (rules: readonly FirewallRule[], now: HostFacts) =>
      changesOf(plan(iptablesRules, { rules }, now)).map((one) => one.guard);
    const guard = 'iptables -w 5 -t filter -S DOCKER-USER >/dev/null 2>&1';
    const stopped = facts({ running: false });
    expect(guardsOf([noGre], stopped)).toEqual([guard]);
    const started = applied(plan(service, { name: 'docker', state: 'started' }, stopped), stopped);
    expect(guardsOf([noGre], started)).toEqual([guard]);
    expect(guardsOf([{ ...noGre, chain: 'MINE' }], facts({ running: true }))).toEqual([
      guard.replace('DOCKER-USER', 'MINE'),
    ]);
  });

  it('plans nothing for a chain that a running Docker does not have, and says what that means', () => {
    for (const installed of [true, false]) {
      const facts = hostFacts({ iptables: known({ installed, policies: {}, rules: [] }) });
      const note = expect.stringContaining(
        'containers here can send what a rule there would have dropped: -p 47 -j DROP',
      );
      expect(plan(iptablesRules, { rules: [noGre] }, facts)).toEqual({ kind: 'changes', changes: [], notes: [note] });
    }
    const facts = hostFacts({ iptables: known({ installed: true, policies: {}, rules: [] }) });
    const diff = plan(iptablesRules, { rules: [letIn(42), noGre] }, facts);
    expect(changesOf(diff).map((one) => one.sentence)).toEqual([expect.stringContaining('filter/INPUT')]);
    expect(diff).toMatchObject({ notes: [expect.stringContaining('DOCKER-USER')] });
    expect(changesOf(plan(iptablesRules, { rules: [letIn(42), noGre] }, applied(diff, facts)))).toEqual([]);
  });

  it('keeps the order of rules with different targets', () => {
    const own: FirewallRule = { ...letIn(42), rule: ['-i', 'docker0', '-s', '172.17.41.0/24', '-j', 'ACCEPT'] };
    const drop: FirewallRule = { ...letIn(42), rule: ['-i', 'docker0', '-s', '172.17.0.0/16', '-j', 'DROP'] };
    const facts = withRules('filter -A INPUT -s 172.17.41.0/24 -i docker0 -m comment --comment mesh -j ACCEPT');
    const diff = plan(iptablesRules, { rules: [own, drop] }, facts);
    expect(rulesOf(applied(diff, facts)).map((line) => line.split(' ').at(-1))).toEqual(['ACCEPT', 'DROP']);
    expect(sentences({ rules: [own, drop] }, applied(diff, facts))).toEqual([]);
    // A new peer among rules with one target moves nothing.
    const peers = applied(plan(iptablesRules, { rules: [letIn(42), letIn(43)] }, withRules()), withRules());
    expect(
      changesOf(plan(iptablesRules, { rules: [letIn(42), letIn(43), letIn(44)] }, peers))[0]?.command.split('\n'),
    ).toHaveLength(1);
  });

  it('needs iptables only where rules are wanted', () => {
    const none = hostFacts({ iptables: known({ installed: false, policies: {}, rules: [] }) });
    expect(plan(iptablesRules, { rules: [letIn(42)] }, none).kind).toBe('refused');
    expect(plan(iptablesRules, { rules: [] }, none)).toEqual({ kind: 'changes', changes: [] });
    expect(plan(iptablesRules, { rules: [] }, hostFacts({ iptables: unknown })).kind).toBe('unknown');
  });

  it('says what is wrong with parameters', () => {
    const say = (changes: Partial<FirewallRule>) => complaints(iptablesRules, { rules: [{ ...noGre, ...changes }] });
    expect(say({ rule: ['-j', 'DROP', '-t', 'nat'] })).toEqual([
      'a rule has no commands (-A, -D, -t): chain, table and position are given beside it',
    ]);
    expect(say({ rule: ['-m', 'comment', '--comment', 'x', '-j', 'DROP'] })).toEqual([
      'the comment is the mark of mesh: leave it out',
    ]);
    expect(say({ chain: '$(reboot)' })).toEqual(['a chain has a name of at most 28 characters']);
    expect(say({ rule: [] })).toHaveLength(1);
  });

  it('converges from any rules to any rules, in order', () => {
    const word = fc.constantFrom('ACCEPT', 'DROP', 'RETURN');
    const one = fc.record({
      table: fc.constant('filter' as const),
      chain: fc.constantFrom('INPUT', 'DOCKER-USER'),
      rule: fc
        .tuple(fc.constantFrom('10.0.0.1', '10.0.0.2/32', "x'$(y) z"), word)
        .map(([from, target]) => ['-s', from, '-j', target]),
      position: fc.constantFrom('first' as const, 'last' as const),
    });
    const set = fc.uniqueArray(one, { selector: ({ chain, rule }) => `${chain} ${rule.join(' ')}`, maxLength: 8 });
    const foreign = 'filter -A INPUT -i lo -j ACCEPT';
    const texts: string[] = [];
    fc.assert(
      fc.property(set, set, (now, wanted) => {
        const start = withRules(foreign);
        const facts = applied(plan(iptablesRules, { rules: now }, start), start);
        const diff = plan(iptablesRules, { rules: wanted }, facts);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(sentences({ rules: wanted }, after)).toEqual([]);
        expect(rulesOf(after)).toContain(foreign);
        expect(rulesOf(after)).toHaveLength(wanted.length + 1);
        expect(rulesOf(applied(plan(iptablesRules, { rules: [] }, after), after))).toEqual([foreign]);
      }),
      { numRuns: 200 },
    );
    expect(syntaxErrors(texts.slice(0, 500))).toBe('');
  });
});

describe('reading rules', () => {
  const text = (line: string) => readRule('filter', 'INPUT', splitWords(line)).text;

  it('says equal rules alike', () => {
    const same = [
      ['-p 47 -j DROP', '-p gre -j DROP'],
      ['-p udp --dport 4789 -j DROP', '-p udp -m udp --dport 4789 -j DROP'],
      ['-s 10.0.0.1 -p tcp -j ACCEPT', '-p tcp -s 10.0.0.1/32 -j ACCEPT'],
      ['-s 10.0.0.9/24 -j ACCEPT', '--source 10.0.0.0/24 --jump ACCEPT'],
      ['-s ! 10.0.0.1 -j DROP', '! -s 10.0.0.1/32 -j DROP'],
      ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
      ['-p icmp --icmp-type echo-request -j ACCEPT', '-p icmp -m icmp --icmp-type 8 -j ACCEPT'],
      ['-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT', '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'],
      ['-s 0.0.0.0/0 -j DROP', '-j DROP'],
      ['-j DROP -m comment --comment mesh', '-m comment --comment mesh -j DROP'],
    ] as const;
    for (const [one, other] of same) expect(text(one)).toBe(text(other));
  });

  it('tells different rules apart', () => {
    const lines = [
      '-s 10.0.0.1 -j DROP',
      '! -s 10.0.0.1 -j DROP',
      '-d 10.0.0.1 -j DROP',
      '-s 10.0.0.1 -j ACCEPT',
      '-s 10.0.0.1 -p tcp -j DROP',
    ];
    expect(new Set(lines.map(text)).size).toBe(lines.length);
  });

  it('reads quoted comments', () => {
    expect(readSaved(String.raw`filter -A INPUT -m comment --comment "a \"b\" \\c" -j DROP`)?.comment).toBe(
      String.raw`a "b" \c`,
    );
    expect(readSaved('filter :INPUT ACCEPT')).toBeUndefined();
  });
});
