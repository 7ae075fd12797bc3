import * as z from 'zod';
import type { DockerFacts, FileFact, HostFacts } from '../facts/types.js';
import { flavourRefused, liveRestoreRefused, settingsRefused } from './docker-daemon/conflicts.js';
import { afterRestartWith, afterReturn } from './docker-daemon/effects.js';
import { fatesOfRestart } from './docker-daemon/fates.js';
import { bridgeNow, type DockerRecord, dockerRecord, formerDiff } from './docker-daemon/former.js';
import { givenBack, settingRecords } from './docker-daemon/give-back.js';
import { type Json, type JsonObject, JsonTextError } from './docker-daemon/json-text.js';
import { isObject, mergePatch, mergeText } from './docker-daemon/merge.js';
import { bridgeNetwork, networkDifferences, wantedNetwork, wrongSetting } from './docker-daemon/network.js';
import { markPending, RESTART_PENDING, RESTART_SECONDS, restartDocker, returnDocker } from './docker-daemon/restart.js';
import { setFile, textFile } from './facts-edit-host.js';
import { asPlanned, type FormerFile, keepCopy, putBack, toFormer } from './former-file.js';
import { absolutePath, need, recording, sides, unitName } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines, parentsOf, writeFile } from './shell.js';
import { type Change, type ContainerFate, type Diff, nothing, type Resource } from './types.js';

const schema = z
  .strictObject({
    settings: z
      .record(z.string(), z.json(), { error: 'the keys of daemon.json with their values; null removes a key' })
      .default({}),
    state: z.enum(['present', 'former']).default('present'),
    path: absolutePath.default('/etc/docker/daemon.json'),
    bridge: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,15}$/, 'must be the name of a link, like docker0')
      .default('docker0'),
    service: unitName.default('docker'),
    restart: z.boolean({ error: 'true or false' }).default(true),
  })
  .superRefine((params, context) => {
    if (params.state === 'present' && Object.keys(params.settings).length === 0) {
      context.addIssue({ code: 'custom', path: ['settings'], message: 'is needed: the keys of daemon.json to set' });
    }
    for (const [key, value] of Object.entries(params.settings)) {
      const message = wrongSetting(key, value, params.settings);
      if (message !== undefined) context.addIssue({ code: 'custom', path: ['settings', key], message });
    }
  });

export type DockerDaemonParams = z.infer<typeof schema>;

/**
 * dockerd's settings, merged into its daemon.json (RFC 7396), and a dockerd that runs with them. It is restarted only
 * where its file changed or its default bridge network is not what the settings say.
 */
export const dockerDaemon: Resource<DockerDaemonParams> = {
  type: 'docker_daemon',
  schema,
  label: (params) => params.path,
  interests: (params) => ({ files: [params.path, ...parentsOf(params.path), RESTART_PENDING] }),
  diff: (params, facts) => {
    const docker = need(facts.docker, 'Docker');
    if (!docker.known) return docker.diff;
    const file = need(facts.files[params.path], `the file ${params.path}`);
    if (!file.known) return file.diff;
    const pending = need(facts.files[RESTART_PENDING], `the file ${RESTART_PENDING}`);
    if (!pending.known) return pending.diff;
    const seen = { docker: docker.value, file: file.value, pending: pending.value.kind !== 'absent' };
    return params.state === 'former' ? goBack(params, facts, seen) : present(params, facts, seen);
  },
};

interface Seen {
  readonly docker: DockerFacts;
  readonly file: FileFact;
  /** An earlier run wrote the file and did not come to the end of the restart. */
  readonly pending: boolean;
}

function present(params: DockerDaemonParams, facts: HostFacts, seen: Seen): Diff {
  const { path, settings } = params;
  const { docker } = seen;
  if (!docker.installed) {
    const fix = 'let a `package` task install Docker first (docker.io on Debian and Ubuntu), or install it yourself';
    return { kind: 'refused', sentence: 'Docker is not installed on the host', fix };
  }
  const flavour = flavourRefused(docker);
  if (flavour) return flavour;
  const file = readSettings(path, seen.file, settings);
  if ('kind' in file) return file;
  const conflict = settingsRefused(docker, path, params.bridge, settings, file.merged);
  if (conflict) return conflict;

  const written = file.text !== file.before;
  const wanted = wantedNetwork(file.merged);
  const differences = docker.running
    ? networkDifferences(wanted, bridgeNetwork(docker, params.bridge))
    : ['it does not run'];
  if (!written && !seen.pending && differences.length === 0) return nothing;
  if (differences.length > 0 || seen.pending) {
    const ignored = liveRestoreRefused(docker);
    if (ignored) return ignored;
  }
  const record = recordOf(params, facts, seen);
  if ('kind' in record) return record;
  const records = [
    ...newRecords(facts, { key: recordKey('docker_daemon', path), value: record }),
    ...settingRecords(facts, path, file.parsed, settings),
  ];
  const changes: Change[] = [];
  if (written) changes.push(write(params, seen.file, record.file, file.text, records));
  if (!params.restart) {
    const notes = ['dockerd is not restarted (`restart: false`): it goes on with the settings that it has'];
    return changes.length > 0 ? { kind: 'changes', changes, notes } : nothing;
  }
  changes.push(restart(params, facts, seen, { merged: file.merged, written, record, differences }, records));
  return { kind: 'changes', changes };
}

interface Merged {
  readonly before: string | null;
  readonly text: string;
  readonly parsed: JsonObject;
  readonly merged: JsonObject;
}

function readSettings(path: string, fact: FileFact, settings: JsonObject): Merged | Diff {
  if (fact.kind === 'directory' || fact.kind === 'other') {
    const what = fact.kind === 'directory' ? 'a directory' : fact.what;
    return { kind: 'refused', sentence: `${path} is ${what}, not a file`, fix: 'put a file in its place' };
  }
  if (fact.kind === 'file' && fact.content === null) {
    return {
      kind: 'refused',
      sentence: `${path} cannot be read as text (${fact.size} bytes): mesh does not overwrite what it cannot merge`,
      fix: 'correct the file: it must be JSON in UTF-8',
    };
  }
  const before = fact.kind === 'file' ? (fact.content ?? '') : null;
  try {
    const parsed: Json = before === null || before.trim() === '' ? {} : JSON.parse(mergeText(before, {}));
    if (!isObject(parsed)) {
      const fix = 'correct the file: dockerd wants an object, { … }';
      return { kind: 'refused', sentence: `${path} holds JSON, but not an object`, fix };
    }
    const merged = mergePatch(parsed, settings);
    const unchanged = before !== null && JSON.stringify(merged) === JSON.stringify(parsed);
    const text = unchanged ? before : mergeText(before ?? '', settings);
    return { before, text, parsed, merged: isObject(merged) ? merged : {} };
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    return {
      kind: 'refused',
      sentence: `${path}:${error.line}:${error.column}: not JSON: ${error.message}`,
      fix: `correct the file; \`dockerd --validate --config-file ${path}\` says when it is right (Docker 23 and later)`,
    };
  }
}

/** What teardown goes back to. */
function recordOf(params: DockerDaemonParams, facts: HostFacts, seen: Seen): DockerRecord | Diff {
  const file = toFormer(facts, params.path, seen.file);
  if (!file) return { kind: 'unknown', what: `the file ${params.path}`, why: 'it is no plain file' };
  const bridge = bridgeNow(facts, params.bridge);
  if (!bridge.known) return bridge.diff;
  const now = bridgeNetwork(seen.docker, params.bridge)?.subnets.find((subnet) => !subnet.subnet.includes(':'));
  const network = seen.docker.running && now ? { ...now } : null;
  return { file, bridge: bridge.value, network };
}

function write(
  params: DockerDaemonParams,
  now: FileFact,
  was: FormerFile,
  text: string,
  records: NonNullable<Change['records']>,
): Change {
  const { path } = params;
  const [mode, owner, group] = now.kind === 'file' ? [now.mode, now.owner, now.group] : ['0644', 'root', 'root'];
  const owned = owner === 'root' && group === 'root' ? {} : { owner, group };
  const names = Object.keys(params.settings).join(', ');
  return {
    sentence: `${now.kind === 'absent' ? `create ${path} with` : `set in ${path}:`} ${names}`,
    command: lines(
      asPlanned(path, now, textFile(text, mode, owner, group), records),
      params.restart && markPending,
      keepCopy(path, was),
      writeFile({ path, content: text, mode, ...owned }),
    ),
    undo: { command: putBack(path, was) },
    ...sides(now.kind === 'file' ? (now.content ?? undefined) : undefined, text),
    ...recording(records),
    effect: (facts) => {
      const written = setFile(facts, path, textFile(text, mode, owner, group));
      const pending = params.restart ? setFile(written, RESTART_PENDING, textFile('', '0600')) : written;
      return withRecords(pending, records);
    },
  };
}

interface Restarted {
  readonly merged: JsonObject;
  readonly written: boolean;
  readonly record: DockerRecord;
  readonly differences: readonly string[];
}

function restart(
  params: DockerDaemonParams,
  facts: HostFacts,
  seen: Seen,
  { merged, written, record, differences }: Restarted,
  records: NonNullable<Change['records']>,
): Change {
  const { service, bridge, path } = params;
  const wanted = wantedNetwork(merged);
  const expected = { subnet: wanted.subnet, gateway: wanted.gateway };
  const old = written ? record.file : undefined;
  const was = { subnet: record.network?.subnet, gateway: record.network?.gateway };
  const back = {
    service,
    bridge,
    path,
    file: record.file,
    former: record.bridge,
    expected: was,
    start: seen.docker.running,
  };
  const why = seen.docker.running ? 'restart dockerd' : 'start dockerd';
  return {
    sentence: differences.length > 0 && seen.docker.running ? `${why} (${differences.join(', ')})` : why,
    command: restartDocker({ service, bridge, path, old, expected }),
    undo: written
      ? { command: returnDocker(back) }
      : { impossible: 'dockerd took settings that its file held already' },
    ...recording(written ? [] : records),
    timeoutSeconds: RESTART_SECONDS,
    ...touched(fatesOfRestart(facts, true)),
    effect: (now) => withRecords(afterRestartWith(now, bridge, service, merged), records),
  };
}

function goBack(params: DockerDaemonParams, facts: HostFacts, seen: Seen): Diff {
  const { path, service, bridge } = params;
  const recorded = former(facts, recordKey('docker_daemon', path), dockerRecord);
  if (recorded.kind === 'unknown') return recorded.diff;
  if (recorded.kind === 'none') return nothing;
  const back = givenBack(facts, path, seen.file, recorded.value.file);
  if ('kind' in back) return back;
  const was = { ...recorded.value, file: back.file };
  const notes = back.kept ? [`${path} keeps what others set in it since mesh came`] : [];
  const now = toFormer(facts, path, seen.file);
  if (!now || now.kind === 'directory') {
    const fix = 'move it away and run this again';
    return { kind: 'refused', sentence: `${path} was replaced by something that is no file`, fix };
  }
  const differs = formerDiff(facts, seen.docker, bridge, seen.file, was);
  if (differs.kind !== 'differs') return differs.kind === 'same' && !seen.pending ? nothing : (differs.diff ?? nothing);
  if (!seen.docker.installed) {
    const change: Change = {
      sentence: back.kept
        ? `take mesh's settings out of ${path}`
        : was.file.kind === 'absent'
          ? `remove ${path}`
          : `put ${path} back as it was`,
      command: lines(asPlanned(path, seen.file, was.file), putBack(path, was.file)),
      undo: { command: putBack(path, now) },
      effect: (facts) => afterReturn(facts, params, was, false),
    };
    return differs.file ? { kind: 'changes', changes: [change], ...(back.kept && { notes }) } : nothing;
  }
  const ignored = liveRestoreRefused(seen.docker);
  if (ignored && differs.network) return ignored;
  const start = seen.docker.running || seen.pending;
  const expected = { subnet: was.network?.subnet, gateway: was.network?.gateway };
  const bridgeBefore = bridgeNow(facts, bridge);
  if (!bridgeBefore.known) return bridgeBefore.diff;
  const undo = {
    service,
    bridge,
    path,
    file: now,
    former: bridgeBefore.value,
    expected: { subnet: null, gateway: null },
    start,
  };
  const change: Change = {
    sentence: `put dockerd’s settings and ${bridge} back as they were${start ? ', and restart dockerd' : ''}`,
    command: lines(
      asPlanned(path, seen.file, was.file),
      returnDocker({ service, bridge, path, file: was.file, former: was.bridge, expected, start }),
    ),
    undo: { command: returnDocker(undo) },
    ...sides(
      seen.file.kind === 'file' ? (seen.file.content ?? undefined) : undefined,
      was.file.kind === 'file' ? was.file.content : undefined,
    ),
    timeoutSeconds: RESTART_SECONDS,
    ...touched(fatesOfRestart(facts, true)),
    effect: (facts) => afterReturn(facts, params, was, start),
  };
  return { kind: 'changes', changes: [change], ...(back.kept && { notes }) };
}

/** Containers that keep running are not touched. */
function touched(fates: readonly ContainerFate[]): Pick<Change, 'fates'> | Record<never, never> {
  const all = fates.filter(({ fate }) => fate !== 'keeps running');
  return all.length > 0 ? { fates: all } : {};
}
