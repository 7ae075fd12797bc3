import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { hostPlaces, labPlaces } from '../../src/lab/names.js';
import { fetchPackagesHook, finishScript, installScript, layerName, recipeKey } from '../../src/lab/recipe.js';
import { supervisorCommand, supervisorScript } from '../../src/lab/supervisor.js';
import { baseFiles, hostFiles } from '../../src/lab/units.js';

const syntaxOf = (script: string) => execFileSync('sh', ['-n'], { input: script, stdio: ['pipe', 'pipe', 'pipe'] });

describe('layerName', () => {
  it('says what is installed', () => {
    expect(layerName([])).toBe('docker+openvswitch');
    expect(layerName(['openvswitch'])).toBe('docker');
    expect(layerName(['docker'])).toBe('openvswitch');
    expect(layerName(['docker', 'openvswitch'])).toBe('bare');
  });
});

describe('recipeKey', () => {
  it('is the same each time and can be the name of a folder', () => {
    expect(recipeKey()).toBe(recipeKey());
    expect(recipeKey()).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('scripts', () => {
  const inHosts = baseFiles().filter(({ text }) => text.startsWith('#!/bin/sh'));
  it.each([
    { path: 'fetchPackagesHook', text: fetchPackagesHook },
    { path: 'finishScript', text: finishScript },
    { path: 'installScript', text: installScript },
    { path: 'supervisorScript', text: supervisorScript },
    ...inHosts,
  ])('$path is a POSIX-sh program', ({ text }) => {
    expect(() => syntaxOf(text)).not.toThrow();
  });

  it('has two scripts in hosts, both executable', () => {
    expect(inHosts.map(({ path, mode }) => [path, mode])).toEqual([
      ['/usr/local/sbin/lab-underlay', 0o755],
      ['/usr/local/sbin/lab-cgroups', 0o755],
    ]);
  });
});

describe('units', () => {
  const text = (path: string) => baseFiles().find((file) => file.path === path)?.text ?? '';

  it('starts a program that is there', () => {
    for (const unit of ['lab-underlay', 'lab-cgroups']) {
      expect(text(`/etc/systemd/system/${unit}.service`)).toContain(`ExecStart=/usr/local/sbin/${unit}`);
      expect(text(`/usr/local/sbin/${unit}`)).not.toBe('');
    }
  });

  it('follows Open vSwitch in everything, and is left out where Open vSwitch is not installed', () => {
    const unit = text('/etc/systemd/system/lab-underlay.service');
    expect(unit).toContain('PartOf=openvswitch-switch.service ovs-vswitchd.service');
    expect(unit).toContain('ConditionPathExists=/usr/bin/ovs-vsctl');
  });

  it('keeps sudo rules unreadable for others: sudo ignores a file that others may write', () => {
    expect(baseFiles().find(({ path }) => path === '/etc/sudoers.d/lab')?.mode).toBe(0o440);
  });
});

describe('hostFiles', () => {
  it('gives a host its name, machine id and underlay address', () => {
    const host = hostPlaces(labPlaces('demo'), 42);
    const files = new Map(hostFiles({ ...host, machineId: 'f'.repeat(32) }).map(({ path, text }) => [path, text]));
    expect(files.get('/etc/hostname')).toBe('docker42\n');
    expect(files.get('/etc/machine-id')).toBe(`${'f'.repeat(32)}\n`);
    expect(files.get('/etc/lab/underlay')).toContain('ADDRESS=192.168.199.42/24\n');
    expect(files.get('/etc/hosts')).toContain('192.168.199.42 docker42\n');
  });
});

describe('supervisorCommand', () => {
  it('names what the processes of a host are found by', () => {
    const lab = labPlaces('demo');
    const host = hostPlaces(lab, 41);
    const command = supervisorCommand(lab, host, ['/upper', '/lower']);
    expect(command).toContain(`--net=/run/netns/${lab.laptop}`);
    expect(command).toContain(lab.supervisorFile);
    expect(command).toContain(host.directory);
    expect(command).toContain('/upper:/lower');
  });
});
