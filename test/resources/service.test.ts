import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceFact } from '../../src/facts/types.js';
import { editDocker } from '../../src/resources/facts-edit-host.js';
import { service } from '../../src/resources/service.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown, withFormer } from './facts.js';
import { aContainer, missing, stopped, withServices } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const host = (fact: Partial<ServiceFact>) => withServices(hostFacts(), { cron: fact });
const sentences = (diff: ReturnType<typeof plan>) => changesOf(diff).map((change) => change.sentence);

describe('service', () => {
  it('enables and starts, each with its undo, and records the former state once', () => {
    const diff = plan(service, { name: 'cron', state: 'started', enabled: true }, host(stopped));
    expect(changesOf(diff).map(({ sentence, command, undo }) => [sentence, command, undo])).toEqual([
      ['start cron at boot', 'systemctl enable cron', { command: 'systemctl disable cron' }],
      [
        'start cron',
        'systemctl start cron || { journalctl -u cron -n 20 --no-pager >&2; exit 1; }',
        { command: 'systemctl stop cron' },
      ],
    ]);
    expect(changesOf(diff).map((change) => change.records)).toEqual([
      [{ key: 'service/cron', value: { active: false, enabled: 'disabled' } }],
      undefined,
    ]);
  });

  it.each(['active', 'activating', 'reloading'])('leaves a service alone that is %s', (active) => {
    expect(changesOf(plan(service, { name: 'cron', state: 'started' }, host({ active })))).toEqual([]);
  });

  it.each(['enabled', 'static', 'generated', 'indirect'])('does not enable what is %s', (enabled) => {
    expect(changesOf(plan(service, { name: 'cron', enabled: true }, host({ enabled })))).toEqual([]);
  });

  it('restarts and reloads whenever a handler says so', () => {
    expect(sentences(plan(service, { name: 'cron', state: 'restarted' }, host({})))).toEqual(['restart cron']);
    expect(sentences(plan(service, { name: 'cron', state: 'reloaded' }, host({})))).toEqual(['reload cron']);
  });

  it('refuses what is masked or not there, and what has no systemd', () => {
    expect(
      plan(service, { name: 'cron', state: 'started' }, host({ load: 'masked', active: 'inactive' })),
    ).toMatchObject({
      kind: 'refused',
      fix: expect.stringContaining('systemctl unmask cron'),
    });
    expect(plan(service, { name: 'cron', state: 'started' }, host(missing))).toMatchObject({
      kind: 'refused',
      sentence: 'there is no service cron on the host',
    });
    expect(changesOf(plan(service, { name: 'cron', state: 'stopped' }, host(missing)))).toEqual([]);
    const facts = host(stopped);
    const system = facts.system.known ? known({ ...facts.system.value, init: 'other' as const }) : facts.system;
    expect(plan(service, { name: 'cron', state: 'started' }, { ...facts, system }).kind).toBe('refused');
  });

  it('asks the host right before a step where a package may bring the service', () => {
    const pending = host({ load: 'pending', active: 'inactive', enabled: '' });
    const changes = changesOf(plan(service, { name: 'cron', state: 'started', enabled: true }, pending));
    expect(changes.map((change) => change.guard)).toEqual([
      '! systemctl is-enabled --quiet cron',
      '! systemctl is-active --quiet cron',
    ]);
  });

  it('takes what could not be read for unknown', () => {
    expect(plan(service, { name: 'cron', state: 'started' }, hostFacts()).kind).toBe('unknown');
    expect(plan(service, { name: 'cron', state: 'former' }, { ...host({}), mesh: unknown }).kind).toBe('unknown');
  });

  it('goes back to what was recorded, and to nothing where the service is gone', () => {
    const records = { 'service/cron': { active: false, enabled: 'disabled' } };
    expect(sentences(plan(service, { name: 'cron', state: 'former' }, withFormer(host({}), records)))).toEqual([
      'do not start cron at boot',
      'stop cron',
    ]);
    expect(changesOf(plan(service, { name: 'cron', state: 'former' }, withFormer(host(missing), records)))).toEqual([]);
    expect(changesOf(plan(service, { name: 'cron', state: 'former' }, host({})))).toEqual([]);
  });

  it('foretells what a stop or restart of dockerd does to containers', () => {
    const containers = [
      aContainer('web', { restartPolicy: 'always' }),
      aContainer('shell'),
      aContainer('rm', { autoRemove: true }),
    ];
    const facts = withServices(
      editDocker(hostFacts(), (docker) => ({ ...docker, containers })),
      { docker: {} },
    );
    expect(changesOf(plan(service, { name: 'docker', state: 'restarted' }, facts))[0]?.fates).toEqual([
      { container: 'web', fate: 'restarts by its policy' },
      { container: 'shell', fate: 'stays stopped' },
      { container: 'rm', fate: 'vanishes (--rm)' },
    ]);
    const stop = plan(service, { name: 'docker', state: 'stopped' }, facts);
    expect(changesOf(stop)[0]?.fates).toHaveLength(3);
    const after = applied(stop, facts);
    expect(after.docker.known && after.docker.value.running).toBe(false);
  });

  it('stops Docker’s socket too where it did not listen before: it would start dockerd again', () => {
    const was = withServices(hostFacts(), { docker: stopped, 'docker.socket': stopped });
    const diff = plan(service, { name: 'docker', state: 'started', enabled: true }, was);
    expect(changesOf(diff)[0]?.records).toEqual([
      { key: 'service/docker', value: { active: false, enabled: 'disabled', socket: false } },
    ]);
    const commands = (facts: typeof was) =>
      changesOf(plan(service, { name: 'docker', state: 'former' }, facts)).map((change) => change.command);
    const after = applied(diff, was);
    expect(commands(after)).toEqual(['systemctl disable docker', 'systemctl stop docker.socket docker']);
    const listening = withServices(hostFacts(), { docker: stopped, 'docker.socket': {} });
    expect(
      commands(applied(plan(service, { name: 'docker', state: 'started', enabled: true }, listening), listening)),
    ).toEqual(['systemctl disable docker', 'systemctl stop docker']);
  });

  it('takes only the name of a unit', () => {
    expect(complaints(service, { name: '-x; rm', state: 'started' })[0]).toContain('systemd unit');
    expect(complaints(service, { name: 'cron' })).toEqual(['is needed (or `enabled`)']);
  });

  it('comes to rest from every state', () => {
    const fact = fc.record({
      load: fc.constantFrom('loaded', 'pending', 'not-found', 'masked'),
      active: fc.constantFrom('active', 'inactive', 'failed', 'activating'),
      enabled: fc.constantFrom('enabled', 'disabled', 'static', ''),
    });
    const params = fc.record({ state: fc.constantFrom('started', 'stopped'), enabled: fc.boolean() });
    const texts: string[] = [];
    fc.assert(
      fc.property(fact, params, (now, wanted) => {
        const facts = host(now);
        const diff = plan(service, { name: 'cron', ...wanted }, facts);
        if (diff.kind === 'refused') return;
        texts.push(...changesOf(diff).flatMap(shellTexts));
        expect(changesOf(plan(service, { name: 'cron', ...wanted }, applied(diff, facts)))).toEqual([]);
      }),
    );
    expect(syntaxErrors(texts)).toBe('');
  });
});
