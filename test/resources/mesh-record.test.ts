import { describe, expect, it } from 'vitest';
import { meshRecord } from '../../src/resources/mesh-record.js';
import { applied, changesOf, complaints, hostFacts, plan, unknown, withFormer } from './facts.js';

const task = { slice: '172.17.41.0/24', name: 'docker41' };

describe('mesh_record', () => {
  it('notes what the host is, for root alone, and is then content', () => {
    const diff = plan(meshRecord, task, hostFacts());
    expect(changesOf(diff)[0]?.command).toMatchInlineSnapshot(`
      "umask 077
      mkdir -p /var/lib/mesh/record
      chmod 0700 /var/lib/mesh /var/lib/mesh/record
      umask 022
      mkdir -p /var/lib/mesh/record
      new=$(mktemp /var/lib/mesh/record/.mesh.XXXXXX)
      trap 'rm -f "$new"' EXIT
      printf %s '{"slice":"172.17.41.0/24","name":"docker41"}
      ' >"$new"
      chmod 0600 "$new"
      sync "$new" 2>/dev/null || sync
      mv -f "$new" /var/lib/mesh/record/self"
    `);
    const after = applied(diff, hostFacts());
    expect(changesOf(plan(meshRecord, task, after))).toEqual([]);
    expect(changesOf(plan(meshRecord, { ...task, slice: '172.17.42.0/24' }, after))[0]?.before).toContain(
      '172.17.41.0/24',
    );
  });

  it('forgets everything as the end of a teardown, and only once', () => {
    const facts = withFormer(hostFacts(), { self: task, 'file/x': 1 });
    const diff = plan(meshRecord, { state: 'absent' }, facts);
    expect(changesOf(diff)[0]?.sentence).toBe('forget what the host noted about this mesh (2 records)');
    expect(changesOf(diff)[0]?.command).toBe(
      'rm -rf /var/lib/mesh/record /var/lib/mesh/installed /var/lib/mesh/copies /var/lib/mesh/pending',
    );
    expect(changesOf(plan(meshRecord, { state: 'absent' }, applied(diff, facts)))).toEqual([]);
  });

  it('does not guess where records could not be read, and wants a slice', () => {
    expect(plan(meshRecord, task, { ...hostFacts(), mesh: unknown }).kind).toBe('unknown');
    expect(complaints(meshRecord, { name: 'x' })[0]).toContain('172.17.41.0/24');
  });
});
