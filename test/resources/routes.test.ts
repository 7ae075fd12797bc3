import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Route } from '../../src/facts/types.js';
import { routes } from '../../src/resources/routes.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const route = (to: string, link: string, changes: Partial<Route> = {}): Route => ({
  to,
  via: null,
  link,
  source: null,
  protocol: '201',
  metric: null,
  ...changes,
});
const wanted = { routes: [{ to: '172.16.0.0/15', link: 'docker0' }] };

describe('routes', () => {
  it('adds a marked route', () => {
    const [change, ...rest] = changesOf(plan(routes, wanted, hostFacts()));
    expect(rest).toEqual([]);
    expect(change?.sentence).toBe('add route 172.16.0.0/15 dev docker0');
    expect(change?.command).toBe('ip -4 route replace 172.16.0.0/15 dev docker0 proto 201');
    expect(change?.undo).toEqual({
      command:
        'if ip -4 route show 172.16.0.0/15 dev docker0 proto 201 | grep -q .; then ip -4 route del 172.16.0.0/15 dev docker0 proto 201; fi',
    });
    expect(change?.guard).toBeUndefined();
  });

  it('removes its own that are not wanted, and no others', () => {
    const facts = hostFacts({
      routes: known([route('10.9.0.0/16', 'docker0'), route('10.8.0.0/16', 'eth0', { protocol: 'static' })]),
    });
    const diff = plan(routes, { routes: [] }, facts);
    expect(changesOf(diff).map((one) => one.sentence)).toEqual(['remove route 10.9.0.0/16 dev docker0']);
  });

  it('leaves a route that is there already, and refuses another way', () => {
    const to = '172.17.0.0/16';
    expect(plan(routes, { routes: [{ to, link: 'docker0' }] }, hostFacts())).toEqual({
      kind: 'changes',
      changes: [],
      notes: ["the route 172.17.0.0/16 dev docker0 is there already and is not mesh's"],
    });
    const other = hostFacts({ routes: known([route(to, 'eth0', { via: '192.168.199.1', protocol: 'static' })]) });
    expect(plan(routes, { routes: [{ to, link: 'docker0' }] }, other)).toMatchObject({
      kind: 'refused',
      sentence: 'there is another route to 172.17.0.0/16: via 192.168.199.1 dev eth0',
      fix: expect.stringContaining('ip route del 172.17.0.0/16 via 192.168.199.1 dev eth0'),
    });
  });

  it('waits for a device that may come', () => {
    const [change] = changesOf(plan(routes, { routes: [{ to: '10.0.0.0/8', link: 'docker1' }] }, hostFacts()));
    expect(change?.guard).toBe('ip link show dev docker1 >/dev/null 2>&1');
  });

  it('says what it cannot know and what is wrong', () => {
    expect(plan(routes, wanted, hostFacts({ routes: unknown })).kind).toBe('unknown');
    expect(complaints(routes, { routes: [{ to: '172.17.41.1/16', link: 'docker0' }] })).toEqual([
      'the host bits of 172.17.41.1/16 are not zero',
    ]);
    expect(complaints(routes, { routes: [{ to: 'fd00::/64', link: 'docker0' }] })).toHaveLength(1);
  });

  it('quotes what hosts call their devices', () => {
    const facts = hostFacts({ routes: known([route('10.9.0.0/16', `x';$(y)`)]) });
    expect(syntaxErrors(changesOf(plan(routes, { routes: [] }, facts)).flatMap(shellTexts))).toBe('');
  });

  it('converges', () => {
    const pair = fc.record({
      to: fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '10.2.0.3/32'),
      link: fc.constantFrom('docker0', 'eth0', 'other'),
    });
    const set = fc.uniqueArray(pair, { selector: (one) => one.to });
    fc.assert(
      fc.property(fc.array(pair), set, (now, all) => {
        const bare = now.map((one) => route(one.to.replace('/32', ''), one.link));
        const facts = hostFacts({ routes: known(bare) });
        const after = applied(plan(routes, { routes: all }, facts), facts);
        expect(changesOf(plan(routes, { routes: all }, after))).toEqual([]);
        expect(changesOf(plan(routes, { routes: [] }, applied(plan(routes, { routes: [] }, after), after)))).toEqual(
          [],
        );
      }),
    );
  });
});
