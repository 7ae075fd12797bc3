import * as z from 'zod';
import type { HostFacts, IptablesFacts } from '../facts/types.js';
import type { FirewallRule } from '../network/types.js';
import { quoteAll } from '../quote.js';
import { editIptables } from './facts-edit.js';
import { type IptablesRule, isOwned, marked, readRule, readSaved, savedText } from './iptables-text.js';
import { listed, unread } from './parameters.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const rule = z.strictObject({
  table: z.enum(['filter', 'raw', 'nat', 'mangle'], { error: 'table is filter, raw, nat or mangle' }),
  chain: z
    .string({ error: 'chain is the name of a chain' })
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,27}$/, 'a chain has a name of at most 28 characters'),
  rule: z
    .array(z.string().regex(/^[\x20-\x7e]+$/, 'a word of a rule is plain text'), { error: 'rule is a list of words' })
    .min(1, 'a rule without words matches everything and does nothing')
    .refine((words) => !words.includes('--comment'), 'the comment is the mark of mesh: leave it out')
    .refine(
      (words) =>
        !words.some((word) =>
          /^(-[ADICRLSFZNXPEt]|--(append|delete|insert|check|replace|table|flush|policy))$/.test(word),
        ),
      {
        error: 'a rule has no commands (-A, -D, -t): chain, table and position are given beside it',
      },
    ),
  position: z.enum(['first', 'last'], { error: 'position is first or last' }).default('first'),
});

const schema = z.strictObject({
  rules: z.array(rule, { error: 'rules is a list of {table, chain, rule, position}' }),
  /** Seconds to wait for whoever else changes the firewall just now. */
  wait: z.int().min(1).max(60).default(5),
});
type Params = z.infer<typeof schema>;

/** Chains that every kernel has (iptables(8), TABLES); all others are somebody's. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  raw: ['PREROUTING', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
};

function call(wait: number, table: string, command: string, chain: string, words: readonly string[] = []): string {
  return quoteAll(['iptables', '-w', String(wait), '-t', table, command, chain, ...words]);
}

interface Place {
  readonly table: string;
  readonly chain: string;
  readonly words: readonly string[];
}

/** Deletes the rule, however often it is there; all the same if it is not. */
function deletion(wait: number, { table, chain, words }: Place): string {
  const check = call(wait, table, '-C', chain, words);
  return `while ${check} 2>/dev/null; do ${call(wait, table, '-D', chain, words)}; done`;
}

function addition(wait: number, { table, chain, words }: Place, position: FirewallRule['position']): string {
  const insert = call(wait, table, position === 'first' ? '-I' : '-A', chain, words);
  return `${call(wait, table, '-C', chain, words)} 2>/dev/null || ${insert}`;
}

const say = ({ words }: Place) => words.filter((_, at) => !isMark(words, at)).join(' ');

/** Whether the word at this index belongs to the mark. */
function isMark(words: readonly string[], at: number): boolean {
  const comment = words.indexOf('--comment');
  return comment >= 0 && at >= comment - 2 && at <= comment + 1;
}

interface Wanted extends Place {
  readonly position: FirewallRule['position'];
  readonly text: string;
  readonly target: string;
}

function wantedRule(one: Params['rules'][number]): Wanted {
  const { text, target } = readRule(one.table, one.chain, one.rule);
  return { table: one.table, chain: one.chain, words: marked(one.rule), position: one.position, text, target };
}

/**
 * Which wanted rules must be put at their place, given those of mesh's that are there in their order. Rules with the same
 * target may stand in any order among each other; where two targets differ, the order of the list is kept, if need be by
 * taking rules out and in again.
 */
function toPlace(wanted: readonly Wanted[], now: readonly IptablesRule[]): readonly Wanted[] {
  const groups = new Map<string, number>();
  let group = 0;
  const first = wanted.filter((one) => one.position === 'first');
  const last = wanted.filter((one) => one.position === 'last');
  let target: string | undefined;
  for (const one of [...first, ...last]) {
    if (target !== undefined && target !== one.target) group += 1;
    target = one.target;
    groups.set(one.text, group);
  }
  const groupOf = (text: string) => groups.get(text) ?? 0;
  const there = now.filter((one) => groups.has(one.text)).map((one) => one.text);
  const once = there.filter((text) => there.indexOf(text) === there.lastIndexOf(text));
  const misplaced = new Set(
    once.filter((text, at) => once.slice(at + 1).some((later) => groupOf(later) < groupOf(text))),
  );
  const keep = new Set(once.filter((text) => !misplaced.has(text)));
  // What is inserted comes before everything; so whatever belongs before it must be inserted again after it.
  const highest = Math.max(-1, ...first.filter((one) => !keep.has(one.text)).map((one) => groupOf(one.text)));
  const lowest = Math.min(group + 1, ...last.filter((one) => !keep.has(one.text)).map((one) => groupOf(one.text)));
  return [
    ...first.filter((one) => !keep.has(one.text) || groupOf(one.text) < highest).reverse(),
    ...last.filter((one) => !keep.has(one.text) || groupOf(one.text) > lowest),
  ];
}

const same = (one: Place) => (two: IptablesRule) =>
  isOwned(two) && readRule(one.table, one.chain, one.words).text === two.text;

function without(rules: readonly string[], gone: readonly Place[]): readonly string[] {
  return rules.filter((line) => {
    const read = readSaved(line);
    return !read || !gone.some((one) => same(one)(read));
  });
}

function placed(rules: readonly string[], one: Wanted): readonly string[] {
  const line = savedText(one.table, one.chain, one.words);
  if (one.position === 'last') return [...rules, line];
  const at = rules.findIndex((other) => other.startsWith(`${one.table} -A ${one.chain} `));
  return at < 0 ? [...rules, line] : [...rules.slice(0, at), line, ...rules.slice(at)];
}

function exists(iptables: IptablesFacts, table: string, chain: string): boolean {
  if (BUILT_IN[table]?.includes(chain)) return true;
  if (iptables.policies[`${table}/${chain}`] !== undefined) return true;
  return iptables.rules.some((line) => line.startsWith(`${table} -A ${chain} `));
}

/** Docker's chain that Docker, though it runs, does not have, and that nothing in this plan makes. */
function forgone({ iptables, docker }: HostFacts, { table, chain }: FirewallRule): boolean {
  if (!iptables.known || iptables.value.dockerStarts || !docker.known || !docker.value.running) return false;
  return chain.startsWith('DOCKER') && !exists(iptables.value, table, chain);
}

function forgoneNote(rules: Params['rules']): string {
  const places = listed([...new Set(rules.map(({ table, chain }) => `${table}/${chain}`))]);
  const words = listed(
    rules.map(({ rule }) => rule.join(' ')),
    3,
  );
  return `Docker runs without the chain ${places} ("iptables": false, or another firewall backend): containers here can send what a rule there would have dropped: ${words}`;
}

const count = (number: number) => (number === 1 ? 'firewall rule' : `${number} firewall rules`);

/** What mesh has and no longer wants, one change a chain. */
function removals(wait: number, gone: readonly IptablesRule[]): Change {
  const text = gone.map((one) => savedText(one.table, one.chain, one.words)).join('\n');
  return {
    sentence: `remove ${count(gone.length)} from ${listed([...new Set(gone.map((one) => `${one.table}/${one.chain}`))])}: ${listed(gone.map(say), 3)}`,
    command: gone.map((one) => deletion(wait, one)).join('\n'),
    undo: {
      command: [...gone]
        .reverse()
        .map((one) => addition(wait, one, 'first'))
        .join('\n'),
    },
    before: text,
    effect: (facts) => editIptables(facts, (now) => ({ ...now, rules: without(now.rules, gone) })),
  };
}

function additions(
  wait: number,
  places: readonly Wanted[],
  now: readonly IptablesRule[],
  there: boolean,
): Change | undefined {
  const [one] = places;
  if (!one) return undefined;
  const moved = places.filter((place) => now.some(same(place)));
  const fresh = places.filter((place) => !moved.includes(place));
  const { table, chain } = one;
  const shown = [...(fresh.length > 0 ? fresh : moved)];
  return {
    sentence: `${fresh.length > 0 ? 'add' : 'put in order'} ${count(shown.length)} in ${table}/${chain}: ${listed(shown.map(say), 3)}`,
    command: places
      .flatMap((place) => [
        ...(moved.includes(place) ? [deletion(wait, place)] : []),
        addition(wait, place, place.position),
      ])
      .join('\n'),
    undo: fresh.length > 0 ? { command: fresh.map((place) => deletion(wait, place)).join('\n') } : { command: ':' },
    after: places.map((place) => savedText(table, chain, place.words)).join('\n'),
    ...(there ? {} : { guard: `${call(wait, table, '-S', chain)} >/dev/null 2>&1` }),
    effect: (facts) =>
      editIptables(facts, (all) => ({
        ...all,
        rules: places.reduce<readonly string[]>(placed, without(all.rules, places)),
      })),
  };
}

function diff({ rules, wait }: Params, iptables: IptablesFacts): Diff {
  const saved = iptables.rules.flatMap((line) => readSaved(line) ?? []).filter(isOwned);
  const wanted = [...new Map(rules.map(wantedRule).map((one) => [one.text, one])).values()];
  const gone = saved.filter((one) => !wanted.some((other) => other.text === one.text));
  const changes: Change[] = gone.length > 0 ? [removals(wait, gone)] : [];
  for (const place of new Set(wanted.map((one) => `${one.table} ${one.chain}`))) {
    const here = (one: { readonly table: string; readonly chain: string }) => `${one.table} ${one.chain}` === place;
    const [table = '', chain = ''] = place.split(' ');
    const now = saved.filter(here);
    const change = additions(wait, toPlace(wanted.filter(here), now), now, exists(iptables, table, chain));
    if (change) changes.push(change);
  }
  return changes.length === 0 ? nothing : { kind: 'changes', changes };
}

/**
 * All rules that mesh owns in the IPv4 firewall of a host. They are marked by the comment `mesh`; those that are no longer
 * wanted are removed. Rules are told apart by what they mean, not by how iptables-save words them. A rule counts as there
 * wherever in its chain it stands; `position` says where a new one is put.
 * A chain that is not there yet (Docker makes DOCKER-USER when it starts) gets its rules if it is there by then; for one
 * that Docker runs without nothing is planned, and a note says so.
 * Not kept over a restart: the mesh's unit on the host adds them again.
 */
export const iptablesRules: Resource<Params> = {
  type: 'iptables_rules',
  schema,
  label: ({ rules }) => count(rules.length),
  interests: () => ({}),
  diff: (params, facts) => {
    if (!facts.iptables.known) return unread('the firewall (iptables-save)', facts.iptables) ?? nothing;
    const left = params.rules.filter((one) => forgone(facts, one));
    const rules = params.rules.filter((one) => !left.includes(one));
    const notes = left.length > 0 ? { notes: [forgoneNote(left)] } : {};
    if (facts.iptables.value.installed) return { ...diff({ ...params, rules }, facts.iptables.value), ...notes };
    if (rules.length === 0) return { ...nothing, ...notes };
    return {
      kind: 'refused',
      sentence: 'the mesh wants firewall rules, and iptables is not installed',
      fix: 'install it there (the package iptables), or let a package task for it come before this one',
    };
  },
};
