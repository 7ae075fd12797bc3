import * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setSysctl } from './facts-edit.js';
import { listed, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { deviceSetting, sysctlPath } from './sysctl-key.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_:@/-]+)+$/, 'a kernel setting is named like net.ipv4.ip_forward')
  .refine(
    (name) =>
      !sysctlPath(name)
        .split('/')
        .slice(1)
        .some((part) => part === '' || /^\.+$/.test(part)),
    {
      error: (issue) => `${String(issue.input)} names no file under /proc/sys`,
    },
  );

const value = z
  .union([z.string(), z.int()], { error: 'a kernel setting is a text or a whole number' })
  .transform(String)
  .refine((text) => /^[\x20-\x7e\t]+$/.test(text), 'a kernel setting is one line of plain characters');

const schema = z.strictObject({
  values: z.record(key, value, { error: 'values is a map of settings: { net.ipv4.ip_forward: 1 }' }),
  state: z.enum(['present', 'former'], { error: 'state is present or former' }).default('present'),
});
type Params = z.infer<typeof schema>;

/** What was there; null where the kernel had no such setting yet. */
const formerValue = z.string().nullable();

/** The kernel prints several values of one setting with tabs between them. */
const plain = (text: string) => text.trim().replace(/\s+/g, ' ');

const write = (name: string, text: string) => `printf '%s\\n' ${quote(text)} >${quote(sysctlPath(name))}`;

const exists = (name: string) => `[ -e ${quote(sysctlPath(name))} ]`;

function change(name: string, now: string | null, shall: string, facts: HostFacts, record: boolean): Change {
  const records = record ? newRecords(facts, { key: recordKey('sysctl', name), value: now }) : [];
  return {
    sentence: `set ${name} to ${shall}`,
    command: write(name, shall),
    undo: now === null ? { impossible: `what ${name} was is not known` } : { command: write(name, now) },
    before: `${name} = ${now ?? '(not there yet)'}`,
    after: `${name} = ${shall}`,
    records,
    ...(now === null ? { guard: exists(name) } : {}),
    effect: (later) => withRecords(setSysctl(later, name, shall), records),
  };
}

/** The general setting of a device's own, or undefined where that was not looked at or could not be read. */
function kernelHas(name: string, facts: HostFacts): boolean {
  const device = deviceSetting(name);
  const general = device && facts.sysctls[device.general];
  return general?.known === true && general.value !== null;
}

/**
 * Kernel settings, by the names of sysctl(8); in a device's name a slash stands for a dot. A setting of a device that is
 * not there yet is written if the device is there by then; one that the kernel does not know at all is left out with a note.
 * Not kept over a restart: the mesh's unit on the host writes them again, since many belong to devices that come late.
 * `state: former` goes back to what was recorded.
 */
export const sysctl: Resource<Params> = {
  type: 'sysctl',
  schema,
  label: ({ values }) => listed(Object.keys(values)) || 'no settings',
  interests: ({ values }) => {
    const names = typeof values === 'object' && values !== null ? Object.keys(values) : [];
    const general = names.flatMap((name) => deviceSetting(name)?.general ?? []);
    return { sysctls: [...new Set([...names, ...general])] };
  },
  diff: (params, facts): Diff => {
    const missing = unread('what mesh left on the host', facts.mesh);
    if (missing && Object.keys(params.values).length > 0) return missing;
    const changes: Change[] = [];
    const notes: string[] = [];
    for (const [name, wanted] of Object.entries(params.values)) {
      const fact = facts.sysctls[name];
      if (!fact?.known) return unread(`the kernel setting ${name}`, fact) ?? nothing;
      if (params.state === 'former') {
        const record = former(facts, recordKey('sysctl', name), formerValue);
        if (record.kind === 'unknown') return record.diff;
        if (record.kind === 'none' || record.value === null || fact.value === null) continue;
        if (plain(record.value) !== plain(fact.value))
          changes.push(change(name, fact.value, record.value, facts, false));
      } else if (fact.value === null && !kernelHas(name, facts)) {
        notes.push(`the kernel has no setting ${name}: it is left out`);
      } else if (fact.value === null || plain(fact.value) !== plain(wanted)) {
        changes.push(change(name, fact.value, wanted, facts, true));
      }
    }
    return changes.length + notes.length === 0 ? nothing : { kind: 'changes', changes, notes };
  },
};
