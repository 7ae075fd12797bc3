import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { link } from '../../src/resources/link.js';
import {
  aLink,
  applied,
  changesOf,
  complaints,
  hostFacts,
  known,
  plan,
  shellTexts,
  unknown,
  withFormer,
} from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const pinned = { name: 'docker0', mtu: 1462, up: true };

describe('link', () => {
  it('pins the MTU and records what it was', () => {
    const [change, ...rest] = changesOf(plan(link, pinned, hostFacts()));
    expect(rest).toEqual([]);
    expect(change).toMatchObject({
      sentence: 'set the MTU of docker0 to 1462',
      command: 'ip link set dev docker0 mtu 1462',
      undo: { command: 'ip link set dev docker0 mtu 1500' },
      before: 'mtu 1500, up',
      after: 'mtu 1462, up',
      records: [{ key: 'link/docker0', value: { mtu: 1500, up: true } }],
    });
  });

  it('goes back to what was recorded, and to nothing else', () => {
    const facts = hostFacts();
    const after = applied(plan(link, pinned, facts), facts);
    const diff = plan(link, { name: 'docker0', state: 'former' }, after);
    expect(changesOf(diff).map((one) => one.command)).toEqual(['ip link set dev docker0 mtu 1500']);
    expect(applied(diff, after).links).toEqual(facts.links);
    expect(changesOf(plan(link, { name: 'docker0', state: 'former' }, hostFacts()))).toEqual([]);
    expect(
      plan(link, { name: 'docker0', state: 'former' }, withFormer(hostFacts(), { 'link/docker0': 'big' })).kind,
    ).toBe('unknown');
  });

  it('waits for a device that may come', () => {
    const [change] = changesOf(plan(link, { ...pinned, name: 'docker1' }, hostFacts()));
    expect(change).toMatchObject({
      command: 'ip link set dev docker1 mtu 1462 up',
      guard: 'ip link show dev docker1 >/dev/null 2>&1',
    });
    expect(changesOf(plan(link, { name: 'docker1', state: 'former' }, hostFacts()))).toEqual([]);
  });

  it('says what it cannot know', () => {
    expect(plan(link, pinned, hostFacts({ links: unknown })).kind).toBe('unknown');
    expect(plan(link, pinned, hostFacts({ mesh: unknown })).kind).toBe('unknown');
    expect(complaints(link, { name: 'docker0', mtu: 12 })).toEqual(['an MTU below 68 bytes cannot carry IPv4']);
    expect(complaints(link, { name: '$(reboot)' })).toHaveLength(1);
  });

  it('converges, and teardown gives back', () => {
    const state = fc.record({ mtu: fc.integer({ min: 68, max: 9000 }), up: fc.boolean() });
    fc.assert(
      fc.property(
        state,
        fc.option(fc.integer({ min: 68, max: 9000 }), { nil: undefined }),
        fc.boolean(),
        (now, mtu, up) => {
          const facts = hostFacts({ links: known([aLink('x.1', now)]) });
          const params = { name: 'x.1', mtu, ...(up ? { up: true } : {}) };
          const diff = plan(link, params, facts);
          const after = applied(diff, facts);
          expect(changesOf(plan(link, params, after))).toEqual([]);
          const back = plan(link, { name: 'x.1', state: 'former' }, after);
          expect(applied(back, after).links).toEqual(facts.links);
          expect(syntaxErrors([...changesOf(diff), ...changesOf(back)].flatMap(shellTexts))).toBe('');
        },
      ),
      { numRuns: 30 },
    );
  });
});
