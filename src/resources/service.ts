import * as z from 'zod';
import type { HostFacts, ServiceFact } from '../facts/types.js';
import { quote } from '../quote.js';
import { afterRestart, fatesOfRestart, fatesOfStop } from './docker-daemon/fates.js';
import { dockerStarts, editDocker, setService } from './facts-edit-host.js';
import { need, recording, unitName } from './params.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import type { Change, ContainerFate, Diff } from './types.js';
import { nothing, type Resource } from './types.js';

const schema = z
  .strictObject({
    name: unitName,
    state: z.enum(['started', 'stopped', 'restarted', 'reloaded', 'former']).optional(),
    enabled: z.boolean({ error: 'true or false' }).optional(),
  })
  .superRefine((params, context) => {
    if (params.state === undefined && params.enabled === undefined) {
      context.addIssue({ code: 'custom', path: ['state'], message: 'is needed (or `enabled`)' });
    }
    if (params.state === 'former' && params.enabled !== undefined) {
      context.addIssue({ code: 'custom', path: ['enabled'], message: 'has no meaning with state: former' });
    }
  });

export type ServiceParams = z.infer<typeof schema>;

const record = z.object({
  active: z.boolean(),
  enabled: z.string(),
  /** Whether the service's socket listened, by which it is started; only of Docker. */
  socket: z.boolean().optional(),
});

/** Starts dockerd whenever somebody calls `docker`; it comes up with the service, and does not go down with it. */
const DOCKER_SOCKET = 'docker.socket';

/** What systemd calls up. `activating` and `reloading` are on their way there and are not started once more. */
const UP: ReadonlySet<string> = new Set(['active', 'activating', 'reloading']);

/** Unit file states in which `systemctl enable` has nothing to do, or cannot do anything. */
const ENABLED: ReadonlySet<string> = new Set([
  'enabled',
  'enabled-runtime',
  'static',
  'generated',
  'alias',
  'indirect',
  'transient',
]);

/**
 * A systemd service: running or not, started at boot or not. `restarted` and `reloaded` always do something: they are for
 * handlers, which run only after a change.
 */
export const service: Resource<ServiceParams> = {
  type: 'service',
  schema,
  label: (params) => params.name,
  interests: (params) => ({ services: [params.name, ...(isDocker(params.name) ? [DOCKER_SOCKET] : [])] }),
  diff: (params, facts) => {
    const { name } = params;
    const system = need(facts.system, 'the operating system');
    if (!system.known) return system.diff;
    if (system.value.init !== 'systemd') {
      return {
        kind: 'refused',
        sentence: `the host does not run systemd, so mesh cannot start or stop ${name}`,
        fix: 'leave this task out for the host with `when`, and start the service by the host’s own means',
      };
    }
    const now = need(facts.services[name], `the state of the service ${name}`);
    if (!now.known) return now.diff;
    if (params.state === 'former') return goBack(name, facts, now.value);
    const wanted = wantedOf(params);
    if (now.value.load === 'not-found' && !(wanted.active === false && wanted.enabled !== true)) return notFound(name);
    if (now.value.load === 'masked' && (wanted.active === true || wanted.enabled === true)) return masked(name);
    const changes: Change[] = towards(name, facts, now.value, wanted);
    if (params.state === 'restarted' || params.state === 'reloaded') changes.push(again(name, params.state, facts));
    return recordedFirst(name, facts, now.value, changes);
  },
};

interface Wanted {
  readonly active: boolean | undefined;
  readonly enabled: boolean | undefined;
}

function wantedOf(params: ServiceParams): Wanted {
  const active = params.state === 'started' ? true : params.state === 'stopped' ? false : undefined;
  return { active, enabled: params.enabled };
}

/** `socket`: its socket is stopped with it. */
function towards(name: string, facts: HostFacts, now: ServiceFact, wanted: Wanted, socket = false): Change[] {
  const changes: Change[] = [];
  if (wanted.enabled !== undefined && now.load !== 'not-found' && wanted.enabled !== ENABLED.has(now.enabled)) {
    changes.push(enabling(name, wanted.enabled, now));
  }
  if (wanted.active !== undefined && now.load !== 'not-found' && wanted.active !== UP.has(now.active)) {
    changes.push(running(name, wanted.active, now, facts, socket));
  }
  return changes;
}

/** What a package brings is seen only once it is there: then the host is asked right before the step. */
function ifPending(now: ServiceFact, test: string): Pick<Change, 'guard'> | Record<never, never> {
  return now.load === 'pending' ? { guard: test } : {};
}

function enabling(name: string, on: boolean, now: ServiceFact): Change {
  const unit = quote(name);
  return {
    sentence: on ? `start ${name} at boot` : `do not start ${name} at boot`,
    command: `systemctl ${on ? 'enable' : 'disable'} ${unit}`,
    undo: { command: `systemctl ${on ? 'disable' : 'enable'} ${unit}` },
    before: now.enabled || 'disabled',
    after: on ? 'enabled' : 'disabled',
    ...ifPending(now, `${on ? '! ' : ''}systemctl is-enabled --quiet ${unit}`),
    effect: (facts) => setService(facts, name, { load: 'loaded', enabled: on ? 'enabled' : 'disabled' }),
  };
}

function running(name: string, on: boolean, now: ServiceFact, facts: HostFacts, socket: boolean): Change {
  const unit = quote(name);
  return {
    sentence: `${on ? 'start' : 'stop'} ${name}`,
    command: on ? starting('start', name) : `systemctl stop ${socket ? `${DOCKER_SOCKET} ` : ''}${unit}`,
    undo: { command: `systemctl ${on ? 'stop' : 'start'} ${unit}` },
    before: on ? 'stopped' : 'running',
    after: on ? 'running' : 'stopped',
    ...ifPending(now, `${on ? '! ' : ''}systemctl is-active --quiet ${unit}`),
    ...fates(isDocker(name) && !on ? fatesOfStop(facts) : []),
    effect: (seen) => ran(setService(seen, name, { load: 'loaded', active: on ? 'active' : 'inactive' }), name, on),
  };
}

function again(name: string, state: 'restarted' | 'reloaded', facts: HostFacts): Change {
  const verb = state === 'restarted' ? 'restart' : 'reload';
  return {
    sentence: `${verb} ${name}`,
    command: starting(verb, name),
    undo: { impossible: `a ${verb} cannot be taken back` },
    ...fates(isDocker(name) && verb === 'restart' ? fatesOfRestart(facts, false) : []),
    effect: (seen) => {
      const after = ran(setService(seen, name, { load: 'loaded', active: 'active' }), name, true);
      return isDocker(name) && verb === 'restart' ? afterRestart(after, false) : after;
    },
  };
}

function starting(verb: string, name: string): string {
  const unit = quote(name);
  return `systemctl ${verb} ${unit} || { journalctl -u ${unit} -n 20 --no-pager >&2; exit 1; }`;
}

function goBack(name: string, facts: HostFacts, now: ServiceFact): Diff {
  const recorded = former(facts, recordKey('service', name), record);
  if (recorded.kind === 'unknown') return recorded.diff;
  if (recorded.kind === 'none' || now.load === 'not-found') return nothing;
  const was = recorded.value;
  if (now.load === 'masked' && was.active) return masked(name);
  const known = was.enabled === 'disabled' || ENABLED.has(was.enabled);
  const wanted = { active: was.active, enabled: known ? ENABLED.has(was.enabled) : undefined };
  return { kind: 'changes', changes: towards(name, facts, now, wanted, was.socket === false) };
}

/** The first change of a service carries its former state, for both its running and its start at boot. */
function recordedFirst(name: string, facts: HostFacts, now: ServiceFact, changes: readonly Change[]): Diff {
  const [first, ...rest] = changes;
  if (!first) return nothing;
  const socket = isDocker(name) ? facts.services[DOCKER_SOCKET] : undefined;
  const value = {
    active: UP.has(now.active),
    enabled: now.enabled,
    ...(socket?.known ? { socket: UP.has(socket.value.active) } : {}),
  };
  const records = newRecords(facts, { key: recordKey('service', name), value });
  const recorded: Change = {
    ...first,
    ...recording(records),
    effect: (seen) => withRecords(first.effect(seen), records),
  };
  return { kind: 'changes', changes: [recorded, ...rest] };
}

function notFound(name: string): Diff {
  return {
    kind: 'refused',
    sentence: `there is no service ${name} on the host`,
    fix: `let a \`package\` or \`systemd_unit\` task bring it first, or correct its name (\`systemctl list-unit-files\` lists them)`,
  };
}

function masked(name: string): Diff {
  return {
    kind: 'refused',
    sentence: `the service ${name} is masked: somebody forbade systemd to start it`,
    fix: `if that was a mistake: systemctl unmask ${quote(name)}`,
  };
}

function isDocker(name: string): boolean {
  return name === 'docker' || name === 'docker.service';
}

function fates(all: readonly ContainerFate[]): Pick<Change, 'fates'> | Record<never, never> {
  return all.length > 0 ? { fates: all } : {};
}

/** dockerd and Open vSwitch are facts of their own: they follow their services. */
function ran(facts: HostFacts, name: string, on: boolean): HostFacts {
  if (isDocker(name)) {
    const after = editDocker(facts, (docker) => ({ ...docker, running: on }));
    return on ? dockerStarts(after) : after;
  }
  if (!/^(openvswitch(-switch)?|ovs-vswitchd)(\.service)?$/.test(name) || !facts.openvswitch.known) return facts;
  const ovs = facts.openvswitch.value;
  return ovs.installed ? { ...facts, openvswitch: { known: true, value: { ...ovs, running: on } } } : facts;
}
