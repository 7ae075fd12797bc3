import * as z from 'zod';
import type { HostFacts, Link } from '../facts/types.js';
import { quote, quoteAll } from '../quote.js';
import { setLink } from './facts-edit.js';
import { linkName, mtuBytes, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z.strictObject({
  name: linkName,
  /** Bytes. */
  mtu: mtuBytes.optional(),
  /** Brought up; mesh takes no device down but to go back to what was. */
  up: z.literal(true, { error: 'up can only be true' }).optional(),
  state: z.enum(['present', 'former'], { error: 'state is present or former' }).default('present'),
});
type Params = z.infer<typeof schema>;

const formerLink = z.object({ mtu: z.number(), up: z.boolean() });

const exists = (name: string) => `ip link show dev ${quote(name)} >/dev/null 2>&1`;

function set(name: string, now: Pick<Link, 'mtu' | 'up'>, shall: { readonly mtu?: number; readonly up?: boolean }) {
  const words = [
    ...(shall.mtu === undefined || shall.mtu === now.mtu ? [] : ['mtu', String(shall.mtu)]),
    ...(shall.up === undefined || shall.up === now.up ? [] : [shall.up ? 'up' : 'down']),
  ];
  return { words, command: quoteAll(['ip', 'link', 'set', 'dev', name, ...words]) };
}

const describe = (link: Pick<Link, 'mtu' | 'up'>) => `mtu ${link.mtu}, ${link.up ? 'up' : 'down'}`;

const say = (name: string, words: readonly string[]) =>
  words[0] === 'mtu'
    ? `set the MTU of ${name} to ${words[1]}${words[2] ? ` and take it ${words[2]}` : ''}`
    : `take ${name} ${words[0]}`;

function change(
  link: Link,
  shall: { readonly mtu?: number; readonly up?: boolean },
  facts: HostFacts,
  record: boolean,
): Diff {
  const { name } = link;
  const { words, command } = set(name, link, shall);
  if (words.length === 0) return nothing;
  const after = { mtu: shall.mtu ?? link.mtu, up: shall.up ?? link.up };
  const value = { mtu: link.mtu, up: link.up };
  const records = record ? newRecords(facts, { key: recordKey('link', name), value }) : [];
  const one: Change = {
    sentence: say(name, words),
    command,
    undo: { command: set(name, after, value).command },
    before: describe(link),
    after: describe(after),
    records,
    effect: (now) => withRecords(setLink(now, name, after), records),
  };
  return { kind: 'changes', changes: [one] };
}

/** A device that no earlier change is known to make, but that may be there by then: a service just installed makes it. */
function ifThere({ name, mtu, up }: Params): Diff {
  const words = [...(mtu === undefined ? [] : ['mtu', String(mtu)]), ...(up ? ['up'] : [])];
  if (words.length === 0) return nothing;
  const one: Change = {
    sentence: say(name, words),
    command: quoteAll(['ip', 'link', 'set', 'dev', name, ...words]),
    undo: { impossible: `what ${name} was like was not known before` },
    guard: exists(name),
    before: 'not there',
    after: words.join(' '),
    effect: (now) => setLink(now, name, { ...(mtu === undefined ? {} : { mtu }), ...(up ? { up } : {}) }),
  };
  return { kind: 'changes', changes: [one] };
}

/**
 * A network device's MTU and whether it is up. Docker's `mtu` is that of containers: docker0 itself keeps 1500 until a
 * container joins, and what hosts send each other over it is lost in a smaller tunnel; so it is pinned.
 * Not kept over a restart: the mesh's unit on the host does it again. `state: former` goes back to what was recorded.
 */
export const link: Resource<Params> = {
  type: 'link',
  schema,
  label: ({ name }) => name,
  interests: () => ({}),
  diff: (params, facts) => {
    if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
    const missing = unread('what mesh left on the host', facts.mesh);
    if (missing) return missing;
    const now = facts.links.value.find((one) => one.name === params.name);
    if (params.state === 'present') {
      if (!now) return ifThere(params);
      const { mtu, up } = params;
      return change(now, { ...(mtu === undefined ? {} : { mtu }), ...(up ? { up } : {}) }, facts, true);
    }
    if (!now) return nothing;
    const record = former(facts, recordKey('link', params.name), formerLink);
    if (record.kind === 'unknown') return record.diff;
    return record.kind === 'none' ? nothing : change(now, record.value, facts, false);
  },
};
