import type { HostSummary } from '../events/types.js';
import { type ProofResult, pairsOf } from '../proof/prove.js';
import type { ConnectionFailure } from '../ssh/types.js';
import type { HostOutcome } from './run.js';
import { countChanges, type HostPlan, type Plan } from './types.js';

/** How a run went, all of it. */
export interface RunEnd {
  readonly mode: 'plan' | 'deploy' | 'build' | 'verify' | 'teardown' | 'run';
  readonly plan: Plan;
  readonly outcomes: ReadonlyMap<string, HostOutcome>;
  readonly failures: ReadonlyMap<string, ConnectionFailure>;
  readonly proof: ProofResult | null;
  /** A person said no to the plan. */
  readonly declined: boolean;
  readonly interrupted: boolean;
  /** As a person would type it again. */
  readonly command: string;
}

/**
 * The exit code: 130 interrupted, 1 something failed, 4 hosts unreachable (1 wins over 4), 3 the plan holds changes (only
 * where that is asked for), else 0.
 */
export function exitCodeOf(end: RunEnd, detailed: boolean): number {
  if (end.interrupted) return 130;
  const failed = [...end.outcomes.values()].some((outcome) => outcome.state !== 'done');
  const refused = end.plan.hosts.some((host) => host.state === 'refused');
  const open = end.proof !== null && end.proof.passed < end.proof.pairs;
  if (failed || refused || open) return 1;
  if (end.plan.hosts.some((host) => host.state === 'unreachable')) return 4;
  if (end.declined) return 1;
  if (detailed && end.plan.hosts.some((host) => countChanges(host) > 0) && end.outcomes.size === 0) return 3;
  return 0;
}

/** What a proof has against a host, of the pairs that it sends to; undefined where all passed. */
function unproven(end: RunEnd, host: string): string | undefined {
  const pairs = pairsOf((end.proof?.measurements ?? []).filter((one) => one.from === host));
  const failed = pairs.filter(({ verdict }) => verdict === 'fail').map(({ to }) => to);
  if (failed.length > 0) return `what it sent to ${failed.join(', ')} did not all arrive`;
  const blind = pairs.filter(({ verdict }) => verdict === 'not measured');
  const [first] = blind;
  if (!first) return undefined;
  const left = first.checks.filter(({ state }) => state === 'not measured');
  const said = left.find(({ check }) => check === 'container ping') ?? left[0];
  const why = said ? `: ${said.check}${said.detail === undefined ? '' : `: ${said.detail}`}` : '';
  return `what it sends to ${blind.map(({ to }) => to).join(', ')} could not all be measured${why}`;
}

function unreachable(
  host: string,
  message: string,
  failure: ConnectionFailure | undefined,
  command: string,
): HostSummary {
  const next = failure?.advice ? `${failure.advice}; then: ${command}` : `when it is back: ${command}`;
  return { host, state: 'unreachable', changed: 0, left: 0, error: { message }, next };
}

function summarizeHost(end: RunEnd, host: HostPlan): HostSummary {
  const left = countChanges(host);
  const again = `once that is mended: ${end.command}`;
  if (host.state === 'unreachable') {
    const failure = end.failures.get(host.host);
    return unreachable(host.host, failure?.reason ?? host.reason ?? 'it could not be reached', failure, end.command);
  }
  if (host.state === 'refused') {
    const fix = end.plan.findings.find((one) => one.host === host.host && one.severity === 'refuse')?.fix;
    const next = fix ? `${fix}; then: ${end.command}` : again;
    return { host: host.host, state: 'refused', changed: 0, left: 0, error: { message: host.reason ?? '' }, next };
  }
  const outcome = end.outcomes.get(host.host);
  if (outcome && outcome.state !== 'done') {
    const state = outcome.state === 'stopped' ? 'stopped' : 'failed';
    const onward = state === 'stopped' || outcome.state === 'lost' ? `to go on: ${end.command}` : again;
    const next = outcome.next ?? onward;
    const error = outcome.error && { error: outcome.error };
    return { host: host.host, state, changed: outcome.changed, left: outcome.left, ...error, next };
  }
  const message = unproven(end, host.host);
  const changed = outcome?.changed ?? 0;
  if (message !== undefined) {
    return {
      host: host.host,
      state: 'failed',
      changed,
      left: 0,
      error: { message },
      next: `to measure again: ${verifyCommand(end)}`,
    };
  }
  if (outcome) return { host: host.host, state: 'done', changed, left: 0, ...measureNext(end) };
  if (left > 0) {
    const watched = end.mode === 'plan' || end.mode === 'verify';
    const next = watched || end.declined ? `to do it: ${deployCommand(end)}` : `to go on: ${end.command}`;
    return { host: host.host, state: end.interrupted ? 'stopped' : 'planned', changed: 0, left, next };
  }
  return { host: host.host, state: 'done', changed: 0, left: 0, ...measureNext(end) };
}

/** What to type where a stop came before the proof was done. */
function measureNext(end: RunEnd): Pick<HostSummary, 'next'> {
  const proves = end.mode === 'deploy' || end.mode === 'verify';
  if (!end.interrupted || !proves || (end.proof && end.proof.passed === end.proof.pairs)) return {};
  return { next: `to measure the mesh: ${verifyCommand(end)}` };
}

function deployCommand(end: RunEnd): string {
  return end.command.replace(/^mesh (plan|verify)\b/, 'mesh deploy');
}

function verifyCommand(end: RunEnd): string {
  // What says which tasks are done, and how long a lock is waited for, is nothing to a proof.
  return end.command
    .replace(/^mesh deploy\b/, 'mesh verify')
    .replaceAll(/ --(?:tags|skip-tags|lock-timeout) (?:'[^']*'|\\.|[^\s'\\])+/g, '');
}

/** What every host is in at the end, and what to type next. */
export function summarize(end: RunEnd): readonly HostSummary[] {
  return end.plan.hosts.map((host) => summarizeHost(end, host));
}

/** What every host is in where the run was stopped before there was a plan: nothing was changed on any. */
export function summarizeUnplanned(
  hosts: readonly string[],
  failures: ReadonlyMap<string, ConnectionFailure>,
  command: string,
): readonly HostSummary[] {
  return hosts.map((host) => {
    const failure = failures.get(host);
    if (failure) return unreachable(host, failure.reason, failure, command);
    return { host, state: 'stopped', changed: 0, left: 0, next: `to go on: ${command}` };
  });
}
