import * as z from 'zod';
import type { FileFact, HostFacts, ServiceFact } from '../facts/types.js';
import { quote } from '../quote.js';
import { removeService, setFile, setService, textFile } from './facts-edit-host.js';
import {
  type FormerFile,
  formerFile,
  isAsBefore,
  keepCopy,
  putBack,
  shown,
  toFormer,
  withFormer,
} from './former-file.js';
import { fileText, need, recording, sides } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines, writeFile } from './shell.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z
  .strictObject({
    name: z
      .string({ error: 'the name of the unit, as text' })
      .regex(
        /^[A-Za-z0-9_:@\\][A-Za-z0-9_.:@\\-]*\.(service|socket|timer|path|target|mount|slice)$/,
        'must be a unit’s whole name, like mesh-restore.service',
      ),
    content: fileText.optional(),
    enabled: z.boolean({ error: 'true or false' }).default(true),
    started: z.boolean({ error: 'true or false' }).optional(),
    state: z.enum(['present', 'absent', 'former']).default('present'),
  })
  .superRefine((params, context) => {
    if (params.state !== 'present') return;
    if (params.content === undefined) {
      context.addIssue({ code: 'custom', path: ['content'], message: 'is needed for a unit that shall be present' });
    } else if (params.enabled && !hasInstall(params.content)) {
      const message =
        'has no [Install] section, so systemd cannot enable the unit: add one with WantedBy=, or say `enabled: false`';
      context.addIssue({ code: 'custom', path: ['content'], message });
    }
  });

export type SystemdUnitParams = z.infer<typeof schema>;

const record = z.object({ file: formerFile, active: z.boolean(), enabled: z.string() });

const UNITS = '/etc/systemd/system';

/** A unit file of systemd's, whether it is enabled, and whether it runs. A changed unit that runs is restarted. */
export const systemdUnit: Resource<SystemdUnitParams> = {
  type: 'systemd_unit',
  schema,
  label: (params) => params.name,
  interests: (params) => ({ files: [`${UNITS}/${params.name}`], services: [params.name] }),
  diff: (params, facts) => {
    const path = `${UNITS}/${params.name}`;
    const system = need(facts.system, 'the operating system');
    if (!system.known) return system.diff;
    if (system.value.init !== 'systemd') {
      const fix = 'leave this task out for the host with `when`';
      return { kind: 'refused', sentence: 'the host does not run systemd', fix };
    }
    const file = need(facts.files[path], `the file ${path}`);
    if (!file.known) return file.diff;
    const unit = need(facts.services[params.name], `the state of the unit ${params.name}`);
    if (!unit.known) return unit.diff;
    const was = toFormer(facts, path, file.value);
    if (!was || was.kind === 'directory') {
      // `systemctl mask` links the file to /dev/null; `systemctl link` to a unit of somebody else's.
      return {
        kind: 'refused',
        sentence: `${path} is ${file.value.kind === 'other' ? file.value.what : 'a directory'}, not a file of its own`,
        fix: `if somebody masked the unit: systemctl unmask ${quote(params.name)}`,
      };
    }
    const now: Now = { path, name: params.name, file: file.value, unit: unit.value, was };
    switch (params.state) {
      case 'present':
        return present(params, facts, now);
      case 'absent':
        return recordedFirst(
          facts,
          now,
          now.file.kind === 'absent' ? [] : [removal(now, { kind: 'absent', made: [] })],
        );
      case 'former':
        return goBack(facts, now);
    }
  },
};

interface Now {
  readonly path: string;
  readonly name: string;
  readonly file: FileFact;
  readonly unit: ServiceFact;
  readonly was: FormerFile;
}

function present(params: SystemdUnitParams, facts: HostFacts, now: Now): Diff {
  const { name, file, unit } = now;
  const content = params.content ?? '';
  const text = file.kind === 'file' ? file.content : null;
  const changed = file.kind !== 'file' || text !== content || file.mode !== '0644';
  const isEnabled = unit.enabled === 'enabled';
  const isActive = unit.active === 'active' || unit.active === 'activating';
  const changes: Change[] = [];
  if (changed) changes.push(write(now, content));
  if (params.enabled !== isEnabled && (params.enabled || unit.load !== 'not-found')) {
    changes.push(enabling(name, params.enabled));
  } else if (changed && isEnabled && installOf(text ?? '') !== installOf(content)) {
    changes.push(reenabling(name));
  }
  if (params.started !== undefined && params.started !== isActive) changes.push(running(name, params.started));
  else if (params.started === true && changed && text !== content) changes.push(restarting(name));
  return recordedFirst(facts, now, changes);
}

function write({ path, name, file, was }: Now, content: string): Change {
  return {
    sentence: `${file.kind === 'absent' ? 'create' : 'change'} the unit ${name}`,
    command: lines(keepCopy(path, was), writeFile({ path, content, mode: '0644' }), 'systemctl daemon-reload'),
    undo: { command: lines(putBack(path, was), 'systemctl daemon-reload') },
    ...sides(shown(file), content),
    effect: (facts) => setService(setFile(facts, path, textFile(content, '0644')), name, loaded(facts, name)),
  };
}

/** A unit that was not there is neither enabled nor running once its file is; one that was stays as it was. */
function loaded(facts: HostFacts, name: string): Partial<ServiceFact> {
  const now = facts.services[name];
  const fresh = !now?.known || now.value.load === 'not-found' || now.value.load === 'pending';
  return fresh ? { load: 'loaded', active: 'inactive', enabled: 'disabled' } : { load: 'loaded' };
}

function enabling(name: string, on: boolean): Change {
  return {
    sentence: on ? `start ${name} at boot` : `do not start ${name} at boot`,
    command: `systemctl ${on ? 'enable' : 'disable'} ${quote(name)}`,
    undo: { command: `systemctl ${on ? 'disable' : 'enable'} ${quote(name)}` },
    effect: (facts) => setService(facts, name, { enabled: on ? 'enabled' : 'disabled' }),
  };
}

function reenabling(name: string): Change {
  const command = `systemctl reenable ${quote(name)}`;
  return {
    sentence: `enable ${name} anew: what starts it changed`,
    command,
    undo: { command },
    effect: (facts) => facts,
  };
}

function running(name: string, on: boolean): Change {
  const unit = quote(name);
  return {
    sentence: `${on ? 'start' : 'stop'} ${name}`,
    command: on ? starting('start', unit) : `systemctl stop ${unit}`,
    undo: { command: `systemctl ${on ? 'stop' : 'start'} ${unit}` },
    effect: (facts) => setService(facts, name, { active: on ? 'active' : 'inactive' }),
  };
}

function restarting(name: string): Change {
  const unit = quote(name);
  return {
    sentence: `restart ${name} with its new text`,
    command: starting('restart', unit),
    undo: { command: `systemctl restart ${unit}` },
    effect: (facts) => setService(facts, name, { active: 'active' }),
  };
}

function starting(verb: string, unit: string): string {
  return `systemctl ${verb} ${unit} || { journalctl -u ${unit} -n 20 --no-pager >&2; exit 1; }`;
}

/** Stops, disables and removes the unit in one step: each half alone would leave links to nothing. */
function removal(now: Now, to: Extract<FormerFile, { kind: 'absent' }>): Change {
  const { path, name, file, unit, was } = now;
  const q = quote(name);
  return {
    sentence: `stop, disable and remove the unit ${name}`,
    command: lines(
      keepCopy(path, was),
      `[ ! -e ${quote(path)} ] || systemctl disable --now ${q}`,
      putBack(path, to),
      'systemctl daemon-reload',
      `systemctl reset-failed ${q} 2>/dev/null || :`,
    ),
    undo: {
      command: lines(
        putBack(path, was),
        'systemctl daemon-reload',
        unit.enabled === 'enabled' && `systemctl enable ${q}`,
        unit.active === 'active' && `systemctl start ${q}`,
      ),
    },
    ...sides(shown(file), undefined),
    effect: (facts) => removeService(withFormer(facts, path, to), name),
  };
}

function goBack(facts: HostFacts, now: Now): Diff {
  const recorded = former(facts, recordKey('systemd_unit', now.name), record);
  if (recorded.kind === 'unknown') return recorded.diff;
  if (recorded.kind === 'none') return nothing;
  const { file, active, enabled } = recorded.value;
  if (file.kind === 'absent') {
    return isAsBefore(now.file, file) ? nothing : { kind: 'changes', changes: [removal(now, file)] };
  }
  const changes: Change[] = [];
  const q = quote(now.name);
  if (!isAsBefore(now.file, file)) {
    changes.push({
      sentence: `put the unit ${now.name} back as it was`,
      command: lines(
        putBack(now.path, file),
        'systemctl daemon-reload',
        enabled === 'enabled' && `systemctl reenable ${q}`,
      ),
      undo: { command: lines(putBack(now.path, now.was), 'systemctl daemon-reload') },
      ...sides(shown(now.file), file.kind === 'file' ? file.content : undefined),
      effect: (seen) => {
        const back = setService(withFormer(seen, now.path, file), now.name, loaded(seen, now.name));
        return enabled === 'enabled' ? setService(back, now.name, { enabled }) : back;
      },
    });
    if (active && now.unit.active === 'active') changes.push(restarting(now.name));
  } else if (enabled === 'enabled' && now.unit.enabled !== 'enabled') changes.push(enabling(now.name, true));
  if (enabled === 'disabled' && now.unit.enabled === 'enabled') changes.push(enabling(now.name, false));
  if (active !== (now.unit.active === 'active')) changes.push(running(now.name, active));
  return { kind: 'changes', changes };
}

/** The first change carries the former state of the whole unit. */
function recordedFirst(facts: HostFacts, now: Now, changes: readonly Change[]): Diff {
  const [first, ...rest] = changes;
  if (!first) return nothing;
  const value = { file: now.was, active: now.unit.active === 'active', enabled: now.unit.enabled };
  const records = newRecords(facts, { key: recordKey('systemd_unit', now.name), value });
  const effect: Change['effect'] = (seen) => withRecords(first.effect(seen), records);
  return { kind: 'changes', changes: [{ ...first, ...recording(records), effect }, ...rest] };
}

function hasInstall(content: string): boolean {
  return /^\s*\[Install\]\s*$/m.test(content);
}

/** The text of the [Install] section, which systemd reads only as it enables a unit. */
function installOf(content: string): string {
  return /^\s*\[Install\]\s*$([\s\S]*?)(?=^\s*\[|(?![\s\S]))/m.exec(content)?.[1]?.trim() ?? '';
}
