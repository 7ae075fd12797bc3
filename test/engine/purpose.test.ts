import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { purposeOf } from '../../src/engine/purpose.js';
import { parsePlaybook } from '../../src/playbook/parse.js';
import { resources } from '../../src/resources/index.js';

const types = [...resources.keys()];
const shipped = (name: string) =>
  parsePlaybook(readFileSync(new URL(`../../playbooks/${name}.yml`, import.meta.url), 'utf8'), `${name}.yml`, types);
const written = (task: string) => parsePlaybook(`- hosts: all\n  tasks:\n    - ${task}\n`, 'own.yml', types);

describe('what a run is for', () => {
  it('is building a mesh where a copy of the deploy’s playbook is run, or a part of it that joins hosts', () => {
    expect(purposeOf('run', shipped('deploy'))).toBe('build');
    for (const task of [
      'ovs_tunnels: { bridge: br0, tunnels: "{{ mesh.tunnels }}" }',
      'ovs_tunnels: { bridge: br0, tunnels: [], state: "{{ wanted }}" }',
      'bridge_member: { bridge: docker0, member: br0 }',
      'mesh_record: { slice: "{{ mesh.slice }}" }',
    ]) {
      expect(purposeOf('run', written(task))).toBe('build');
    }
  });

  it('is not, where a copy of the teardown’s playbook is run, or one that has nothing to do with the mesh', () => {
    expect(purposeOf('run', shipped('teardown'))).toBe('run');
    expect(purposeOf('run', written('command: { cmd: touch /tmp/x }'))).toBe('run');
  });

  it('is what the command says, where it says it', () => {
    expect(purposeOf('teardown', shipped('teardown'))).toBe('remove');
    for (const mode of ['plan', 'deploy', 'build', 'verify'] as const) {
      expect(purposeOf(mode, written('command: { cmd: touch /tmp/x }'))).toBe('build');
    }
  });
});
