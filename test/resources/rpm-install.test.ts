import { describe, expect, it } from 'vitest';
import { rpmInstall } from '../../src/resources/rpm-install.js';
import { service } from '../../src/resources/service.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown } from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const key = '00112233445566aa';
const name = 'openvswitch-3.1.0.x86_64.rpm';
const built = {
  path: `/var/lib/mesh/builds/${key}/RPMS/${name}`,
  sha256: null,
  from: null,
  manifest: `/var/lib/mesh/builds/${key}/manifest`,
};
const brought = {
  path: `/var/lib/mesh/packages/${key}/${name}`,
  sha256: 'a'.repeat(64),
  from: { host: 'docker41', path: built.path },
};
const task = { name: 'openvswitch', version: '3.1.0', files: [brought], witness: '172.17.42.1' };
const none = hostFacts({ openvswitch: known({ installed: false, running: false, version: null, bridges: [] }) });
const old = hostFacts({
  openvswitch: known({ installed: true, running: true, version: '2.17.0', bridges: [] }),
  packaging: known({ openvswitch: { name: 'openvswitch', version: '2.17.0-1.el9' }, selinux: false, builds: {} }),
});

describe('rpm_install', () => {
  it('brings, installs, starts, and asks the daemon for its version', () => {
    const changes = changesOf(plan(rpmInstall, task, none));
    expect(changes.map(({ sentence }) => sentence)).toEqual([
      'install openvswitch 3.1.0 (1 RPM from docker41)',
      'start openvswitch, now and at boot, and see that 3.1.0 runs',
    ]);
    expect(changes[0]?.needs).toEqual([{ path: brought.path, sha256: brought.sha256, from: brought.from }]);
    for (const { command } of changes) expect(command).toMatchSnapshot();
    expect(syntaxErrors(changes.flatMap(shellTexts))).toBe('');
  });

  it('leaves nothing to do for the service, or for itself', () => {
    const after = applied(plan(rpmInstall, task, none), none);
    expect(changesOf(plan(rpmInstall, task, after))).toEqual([]);
    expect(changesOf(plan(service, { name: 'openvswitch', state: 'started', enabled: true }, after))).toEqual([]);
    expect(after.openvswitch).toMatchObject({ value: { installed: true, running: true, version: '3.1.0' } });
  });

  it('needs nothing brought where it was built', () => {
    const [install] = changesOf(plan(rpmInstall, { ...task, files: [built] }, none));
    expect(install?.needs).toBeUndefined();
    expect(install?.sentence).toBe('install openvswitch 3.1.0 (1 RPM built here)');
    expect(install?.command).toContain(`cd /var/lib/mesh/builds/${key} && grep -F RPMS/${name}`);
  });

  it('keeps the database at an upgrade, and measures the standstill', () => {
    const changes = changesOf(plan(rpmInstall, task, old));
    expect(changes.map(({ sentence }) => sentence)).toEqual([
      'replace openvswitch 2.17.0-1.el9 by 3.1.0 (1 RPM from docker41)',
      'restart openvswitch into 3.1.0, and measure how long traffic stands still',
    ]);
    expect(changes[0]?.command).toContain('copy=/var/lib/mesh/copies/openvswitch-conf.db-2.17.0-1.el9');
    expect(changes[0]?.undo).toHaveProperty('impossible');
    expect(changes[1]?.command).toMatchSnapshot();
    const alone = changesOf(plan(rpmInstall, { ...task, witness: null }, old));
    expect(syntaxErrors([...changes, ...alone].flatMap(shellTexts))).toBe('');
    expect(alone[1]?.command).not.toContain('ping');
  });

  it('uses rpm itself for a downgrade, which a package manager refuses', () => {
    const newer = known({ openvswitch: { name: 'openvswitch', version: '3.3.4-1.el9' }, selinux: false, builds: {} });
    const [change] = changesOf(plan(rpmInstall, { ...task, downgrade: true }, hostFacts({ packaging: newer })));
    expect(change?.command).toContain('rpm -U --oldpackage');
  });

  it('takes back what it brought, and only that', () => {
    const after = applied(plan(rpmInstall, task, none), none);
    const diff = plan(rpmInstall, { name: 'openvswitch', state: 'former' }, after);
    expect(changesOf(diff).map(({ sentence }) => sentence)).toEqual([
      'remove openvswitch, which mesh installed, and what came with it',
    ]);
    expect(syntaxErrors(changesOf(diff).flatMap(shellTexts))).toBe('');
    expect(changesOf(plan(rpmInstall, { name: 'openvswitch', state: 'former' }, applied(diff, after)))).toEqual([]);
    expect(changesOf(plan(rpmInstall, { name: 'openvswitch', state: 'former' }, old))).toEqual([]);
    const upgraded = applied(plan(rpmInstall, task, old), old);
    const stays = plan(rpmInstall, { name: 'openvswitch', state: 'former' }, upgraded);
    expect(stays).toMatchObject({
      changes: [],
      notes: [expect.stringContaining('2.17.0-1.el9, which was here before')],
    });
  });

  it('touches no other package that brings Open vSwitch, and guesses nothing', () => {
    const other = known({ openvswitch: { name: 'openvswitch2.17', version: '2.17.0-1' }, selinux: false, builds: {} });
    expect(plan(rpmInstall, task, hostFacts({ packaging: other })).kind).toBe('refused');
    expect(
      changesOf(plan(rpmInstall, { name: 'openvswitch', state: 'former' }, hostFacts({ packaging: other }))),
    ).toEqual([]);
    expect(plan(rpmInstall, task, hostFacts({ packaging: unknown })).kind).toBe('unknown');
  });

  it('teaches what to write', () => {
    expect(complaints(rpmInstall, { name: 'openvswitch' })).toEqual([
      'is needed: what the files hold',
      'is needed: one of `mesh.ovs.files`, or more',
    ]);
    expect(complaints(rpmInstall, { ...task, files: [{ ...brought, path: 'x.rpm' }] })[0]).toContain('absolute path');
    expect(complaints(rpmInstall, { ...task, name: 'a; reboot' })[0]).toContain('name of a package');
  });
});
