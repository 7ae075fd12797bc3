import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sysctl } from '../../src/resources/sysctl.js';
import { sysctlPath } from '../../src/resources/sysctl-key.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const key = 'net.ipv4.conf.all.send_redirects';
const withSettings = (values: Readonly<Record<string, string | null>>) =>
  hostFacts({ sysctls: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, known(value)])) });

describe('sysctl', () => {
  it('writes what differs and records what it was', () => {
    const [change, ...rest] = changesOf(
      plan(
        sysctl,
        { values: { [key]: 0, 'net.ipv4.ip_forward': '1' } },
        withSettings({ [key]: '1', 'net.ipv4.ip_forward': '1' }),
      ),
    );
    expect(rest).toEqual([]);
    expect(change).toMatchObject({
      sentence: 'set net.ipv4.conf.all.send_redirects to 0',
      command: String.raw`printf '%s\n' 0 >/proc/sys/net/ipv4/conf/all/send_redirects`,
      undo: { command: String.raw`printf '%s\n' 1 >/proc/sys/net/ipv4/conf/all/send_redirects` },
      records: [{ key: `sysctl/${key}`, value: '1' }],
    });
    expect(change?.guard).toBeUndefined();
  });

  it('takes tabs for spaces, as the kernel prints several values', () => {
    const facts = withSettings({ 'net.ipv4.ip_local_port_range': '32768\t60999' });
    expect(plan(sysctl, { values: { 'net.ipv4.ip_local_port_range': '32768 60999' } }, facts)).toEqual({
      kind: 'changes',
      changes: [],
    });
  });

  it('waits for a device that may come, and leaves out what the kernel does not have', () => {
    const own = 'net.ipv4.conf.docker0.send_redirects';
    const facts = withSettings({
      [own]: null,
      [key]: '1',
      'net.ipv6.conf.br0.disable_ipv6': null,
      'net.ipv6.conf.all.disable_ipv6': null,
    });
    const diff = plan(sysctl, { values: { [own]: 0, 'net.ipv6.conf.br0.disable_ipv6': 1 } }, facts);
    expect(changesOf(diff).map((one) => one.guard)).toEqual(['[ -e /proc/sys/net/ipv4/conf/docker0/send_redirects ]']);
    expect(diff).toMatchObject({ notes: ['the kernel has no setting net.ipv6.conf.br0.disable_ipv6: it is left out'] });
    expect(sysctl.interests(sysctl.schema.parse({ values: { [own]: 0 } }))).toEqual({ sysctls: [own, key] });
  });

  it('goes back to what was recorded', () => {
    const facts = withSettings({ [key]: '1' });
    const after = applied(plan(sysctl, { values: { [key]: 0 } }, facts), facts);
    const back = plan(sysctl, { values: { [key]: 0 }, state: 'former' }, after);
    expect(applied(back, after).sysctls).toEqual(facts.sysctls);
    expect(changesOf(plan(sysctl, { values: { [key]: 0 }, state: 'former' }, withSettings({ [key]: '0' })))).toEqual(
      [],
    );
  });

  it('says what it cannot know', () => {
    expect(plan(sysctl, { values: { [key]: 0 } }, hostFacts()).kind).toBe('unknown');
    expect(plan(sysctl, { values: { [key]: 0 } }, hostFacts({ sysctls: { [key]: unknown } })).kind).toBe('unknown');
    expect(changesOf(plan(sysctl, { values: {} }, hostFacts()))).toEqual([]);
  });

  it('takes no name that leads out of /proc/sys', () => {
    expect(sysctlPath('net.ipv4.conf.eth0/100.forwarding')).toBe('/proc/sys/net/ipv4/conf/eth0.100/forwarding');
    for (const name of ['net.//.x', '../../etc/passwd', 'net..x', 'net', 'net.$(reboot)', "net.'", 'a./.b']) {
      expect(complaints(sysctl, { values: { [name]: 1 } }).length, name).toBeGreaterThan(0);
    }
    expect(complaints(sysctl, { values: { [key]: '1\nx' } })).toEqual([
      'a kernel setting is one line of plain characters',
    ]);
  });

  it('converges, and gives back', () => {
    const names = ['net.ipv4.ip_forward', 'net.ipv4.conf.docker0.rp_filter', 'net.core.somaxconn'];
    const value = fc.constantFrom('0', '1', '2', "'$(x)'");
    const now = fc.record(Object.fromEntries(names.map((name) => [name, fc.option(value, { nil: null })])));
    const wanted = fc.dictionary(fc.constantFrom(...names), value);
    const texts: string[] = [];
    fc.assert(
      fc.property(now, wanted, fc.constantFrom('0', null), (settings, values, general) => {
        const facts = withSettings({ ...settings, 'net.ipv4.conf.all.rp_filter': general });
        const diff = plan(sysctl, { values }, facts);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(changesOf(plan(sysctl, { values }, after))).toEqual([]);
        const end = applied(plan(sysctl, { values, state: 'former' }, after), after);
        for (const name of names) if (settings[name] !== null) expect(end.sysctls[name]).toEqual(facts.sysctls[name]);
      }),
    );
    expect(syntaxErrors(texts)).toBe('');
  });
});
