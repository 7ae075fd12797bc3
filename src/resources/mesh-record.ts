import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { PENDING } from './docker-daemon/restart.js';
import { COPIES } from './former-file.js';
import { INSTALLED } from './package/commands.js';
import { RECORDS } from './records.js';
import { lines, MESH_HOME, writeFile } from './shell.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z
  .object({ state: z.enum(['present', 'absent']).default('present') })
  .catchall(z.json())
  .superRefine((params, context) => {
    if (params.state === 'present' && typeof params.slice !== 'string') {
      const message = 'is needed: this host’s part of the mesh, like 172.17.41.0/24';
      context.addIssue({ code: 'custom', path: ['slice'], message });
    }
  });

export type MeshRecordParams = z.infer<typeof schema>;

/** The key under which a host keeps what it is in its mesh. */
export const SELF = 'self';

/**
 * What the host is in this mesh, kept on the host itself: an operator with another checkout finds its slice there.
 * `absent` is the last step of a teardown: it forgets every former value, so nothing can be put back after it.
 */
export const meshRecord: Resource<MeshRecordParams> = {
  type: 'mesh_record',
  schema,
  label: () => 'the record on the host',
  interests: () => ({}),
  diff: (params, facts) => {
    const { state, ...self } = params;
    if (!facts.mesh.known) return { kind: 'unknown', what: `the records in ${RECORDS}`, why: facts.mesh.why };
    const records = facts.mesh.value.records;
    return state === 'present' ? present(self, records) : absent(records);
  },
};

function present(self: Readonly<Record<string, unknown>>, records: Readonly<Record<string, unknown>>): Diff {
  const now = Object.hasOwn(records, SELF) ? records[SELF] : undefined;
  if (isDeepStrictEqual(now, self)) return nothing;
  const path = `${RECORDS}/${SELF}`;
  const write = (value: unknown) =>
    lines('umask 077', `mkdir -p ${RECORDS}`, `chmod 0700 ${MESH_HOME} ${RECORDS}`, writeFile(text(path, value)));
  const change: Change = {
    sentence:
      now === undefined ? 'note on the host what it is in this mesh' : 'correct what the host notes about this mesh',
    command: write(self),
    undo: { command: now === undefined ? `rm -f ${path}` : write(now) },
    ...(now === undefined ? {} : { before: JSON.stringify(now, null, 2) }),
    after: JSON.stringify(self, null, 2),
    effect: (facts) => edit(facts, (all) => ({ ...all, [SELF]: self })),
  };
  return { kind: 'changes', changes: [change] };
}

function absent(records: Readonly<Record<string, unknown>>): Diff {
  const count = Object.keys(records).length;
  if (count === 0) return nothing;
  const change: Change = {
    sentence: `forget what the host noted about this mesh (${count} ${count === 1 ? 'record' : 'records'})`,
    command: `rm -rf ${[RECORDS, INSTALLED, COPIES, PENDING].join(' ')}`,
    undo: { impossible: 'former values are put back first; this step ends the teardown' },
    effect: (facts) => edit(facts, () => ({})),
  };
  return { kind: 'changes', changes: [change] };
}

function text(path: string, value: unknown) {
  return { path, content: `${JSON.stringify(value)}\n`, mode: '0600' };
}

function edit(
  facts: HostFacts,
  change: (records: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): HostFacts {
  if (!facts.mesh.known) return facts;
  const records = change(facts.mesh.value.records);
  return { ...facts, mesh: { known: true, value: { ...facts.mesh.value, records } } };
}
