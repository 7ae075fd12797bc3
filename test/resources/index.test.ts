import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { InputError } from '../../src/errors.js';
import type { Secret } from '../../src/inventory/types.js';
import { resources } from '../../src/resources/index.js';
import { hostFacts } from './facts.js';

const of = (type: string) => {
  const resource = resources.get(type);
  if (!resource) throw new Error(`no resource ${type}`);
  return resource;
};

describe('the registry', () => {
  it('knows every resource by the word that a task uses', () => {
    expect([...resources.keys()].sort()).toEqual([
      'bridge_member',
      'command',
      'docker_daemon',
      'file',
      'iptables_rules',
      'link',
      'mesh_record',
      'ovs_bridge',
      'ovs_flows',
      'ovs_tunnels',
      'package',
      'routes',
      'rpm_build',
      'rpm_install',
      'service',
      'sysctl',
      'systemd_unit',
      'tunnel_probe',
    ]);
  });

  it('says what is wrong with parameters, where, and what to write instead', () => {
    expect(of('file').check({ path: '/x', contnet: 'a', state: 'gone' })).toEqual([
      { path: ['state'], message: 'must be `present`, `absent`, `former`, `directory`' },
      { path: ['contnet'], message: 'file has no parameter `contnet`', fix: 'did you mean `content`?' },
    ]);
    expect(of('service').check({ state: 'started' })).toEqual([
      { path: ['name'], message: 'is missing: the name of a unit, as text' },
    ]);
    expect(of('docker_daemon').check({ settings: { mtu: 'big' } })).toMatchObject([{ path: ['settings', 'mtu'] }]);
    expect(of('file').check('/etc/motd')).toMatchObject([{ path: [], fix: expect.stringContaining('path, content') }]);
    expect(of('service').check({ name: 'cron', state: 'started' })).toEqual([]);
  });

  it('takes no secret, wherever it stands', () => {
    const secret: Secret = { secret: true, origin: '$TOKEN', reveal: async () => 'hunter2' };
    const issues = of('docker_daemon').check({ settings: { proxies: { 'http-proxy': secret } } });
    expect(issues).toMatchObject([
      { path: ['settings', 'proxies', 'http-proxy'], message: expect.stringContaining('$TOKEN') },
    ]);
    expect(() => of('file').diff({ path: '/x', content: secret }, hostFacts())).toThrow(InputError);
  });

  it('throws what is wrong where nobody checked before', () => {
    expect(() => of('file').diff({ path: 'x', content: '' }, hostFacts())).toThrow(
      'file.path: must be an absolute path',
    );
  });

  it('finds what to look at while templates are not filled in yet', () => {
    expect(
      of('docker_daemon').interests({ settings: { bip: '{{ mesh.bip }}', mtu: '{{ mesh.mtu }}' } }).files,
    ).toContain('/etc/docker/daemon.json');
    expect(of('docker_daemon').interests({ settings: '{{ mine }}' }).files).toContain('/etc/docker/daemon.json');
    expect(
      of('systemd_unit').interests({
        name: 'x.service',
        content: '{{ mesh.restore_unit }}',
        enabled: true,
        started: true,
      }),
    ).toEqual({
      files: ['/etc/systemd/system/x.service'],
      services: ['x.service'],
    });
    expect(of('package').interests({ name: ['tree', '{{ mesh.ovs_package }}'] })).toEqual({ packages: ['tree'] });
    expect(of('package').interests({ name: '{{ mesh.ovs_packages }}' })).toEqual({});
    expect(of('file').interests({ path: '/etc/{{ name }}', content: 'x' })).toEqual({ files: ['/etc'] });
  });

  it('has a name for people, or the type where there is none yet', () => {
    expect(of('file').label({ path: '/x', content: '' })).toBe('/x');
    expect(of('file').label({ path: '{{ x }}' })).toBe('file');
  });
});

describe('the reference', () => {
  const text = readFileSync(new URL('../../docs/resources.md', import.meta.url), 'utf8');

  it('has a section for every resource, which names every parameter', () => {
    for (const resource of resources.values()) {
      const section = text.split(`\n## ${resource.type}\n`)[1]?.split('\n## ')[0] ?? '';
      expect(section, resource.type).not.toBe('');
      for (const parameter of resource.parameters) expect(section, resource.type).toContain(`\`${parameter}\``);
    }
  });

  it('has examples that the resources take', () => {
    const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap((match): unknown => parse(match[1] ?? ''));
    const tasks = z.array(z.looseObject({ name: z.string() })).parse(examples);
    expect(tasks).toHaveLength(3);
    for (const { name, ...task } of tasks) {
      for (const [type, params] of Object.entries(task)) expect([name, of(type).check(params)]).toEqual([name, []]);
    }
  });
});
