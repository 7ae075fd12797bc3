import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../src/facts/types.js';
import { systemdUnit } from '../../src/resources/systemd-unit.js';
import { applied, changesOf, complaints, hostFacts, plan, shellTexts } from './facts.js';
import { absent, missing, withFiles, withServices } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const PATH = '/etc/systemd/system/mesh.service';
const content = '[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=docker.service\n';
const task = { name: 'mesh.service', content, started: true };
const none = withServices(withFiles(hostFacts(), { [PATH]: absent }), { 'mesh.service': missing });

const sentences = (params: unknown, facts: HostFacts) =>
  changesOf(plan(systemdUnit, params, facts)).map((change) => change.sentence);

describe('systemd_unit', () => {
  it('writes, enables and starts, in that order', () => {
    const changes = changesOf(plan(systemdUnit, task, none));
    expect(changes.map(({ sentence }) => sentence)).toEqual([
      'create the unit mesh.service',
      'start mesh.service at boot',
      'start mesh.service',
    ]);
    expect(changes[0]?.command).toMatchInlineSnapshot(`
      "umask 022
      mkdir -p /etc/systemd/system
      new=$(mktemp /etc/systemd/system/.mesh.XXXXXX)
      trap 'rm -f "$new"' EXIT
      printf %s '[Service]
      ExecStart=/bin/true

      [Install]
      WantedBy=docker.service
      ' >"$new"
      chmod 0644 "$new"
      sync "$new" 2>/dev/null || sync
      mv -f "$new" /etc/systemd/system/mesh.service
      systemctl daemon-reload"
    `);
    expect(changes.map((change) => change.undo)).toEqual([
      { command: 'rm -f /etc/systemd/system/mesh.service\nsystemctl daemon-reload' },
      { command: 'systemctl disable mesh.service' },
      { command: 'systemctl stop mesh.service' },
    ]);
  });

  it('restarts a unit that runs with another text, and enables it anew where what starts it changed', () => {
    const facts = applied(plan(systemdUnit, task, none), none);
    const other = content.replace('/bin/true', '/bin/false');
    expect(sentences({ ...task, content: other }, facts)).toEqual([
      'change the unit mesh.service',
      'restart mesh.service with its new text',
    ]);
    const wanted = content.replace('docker.service', 'docker.service openvswitch-switch.service');
    expect(sentences({ ...task, content: wanted }, facts)).toEqual([
      'change the unit mesh.service',
      'enable mesh.service anew: what starts it changed',
      'restart mesh.service with its new text',
    ]);
  });

  it('goes back to no unit in one step, and to the former text and state of one that was there', () => {
    const facts = applied(plan(systemdUnit, task, none), none);
    const [removal, ...more] = changesOf(plan(systemdUnit, { name: 'mesh.service', state: 'former' }, facts));
    expect(more).toEqual([]);
    expect(removal?.command).toMatchInlineSnapshot(`
      "[ ! -e /etc/systemd/system/mesh.service ] || systemctl disable --now mesh.service
      rm -f /etc/systemd/system/mesh.service
      systemctl daemon-reload
      systemctl reset-failed mesh.service 2>/dev/null || :"
    `);
    const theirs = withServices(withFiles(hostFacts(), { [PATH]: 'theirs' }), {
      'mesh.service': { active: 'inactive', enabled: 'disabled' },
    });
    const ours = applied(plan(systemdUnit, task, theirs), theirs);
    const back = plan(systemdUnit, { name: 'mesh.service', state: 'former' }, ours);
    expect(applied(back, ours).files).toEqual(theirs.files);
    expect(applied(back, ours).services).toEqual(theirs.services);
  });

  it('refuses a unit that somebody masked', () => {
    const masked = withFiles(none, { [PATH]: { kind: 'other', what: 'symbolic link' } });
    expect(plan(systemdUnit, task, masked)).toMatchObject({
      fix: expect.stringContaining('systemctl unmask mesh.service'),
    });
  });

  it('teaches what to write', () => {
    expect(complaints(systemdUnit, { name: 'mesh', content })[0]).toContain('mesh-restore.service');
    expect(complaints(systemdUnit, { name: 'x.service', content: '[Service]\n' })[0]).toContain('[Install]');
    expect(complaints(systemdUnit, { name: 'x.service', content: '[Service]\n', enabled: false })).toEqual([]);
  });

  it('comes to rest from every state', () => {
    const texts: string[] = [];
    const states = fc.record({
      file: fc.constantFrom(absent, content, 'other'),
      active: fc.constantFrom('active', 'inactive', 'failed'),
      enabled: fc.constantFrom('enabled', 'disabled'),
    });
    const wanted = fc.record({
      name: fc.constant('mesh.service'),
      content: fc.constant(content),
      enabled: fc.boolean(),
      started: fc.boolean(),
      state: fc.constantFrom('present', 'absent'),
    });
    fc.assert(
      fc.property(states, wanted, ({ file, active, enabled }, params) => {
        const unit = file === absent ? missing : { active, enabled };
        const facts = withServices(withFiles(hostFacts(), { [PATH]: file }), { 'mesh.service': unit });
        const diff = plan(systemdUnit, params, facts);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(changesOf(plan(systemdUnit, params, after))).toEqual([]);
        const back = plan(systemdUnit, { name: 'mesh.service', state: 'former' }, after);
        texts.push(...changesOf(back).flatMap(shellTexts));
        const end = applied(back, after);
        expect(changesOf(plan(systemdUnit, { name: 'mesh.service', state: 'former' }, end))).toEqual([]);
        expect(end.files[PATH]).toEqual(facts.files[PATH]);
      }),
    );
    expect(syntaxErrors(texts)).toBe('');
  });
});
