import type { ProbeCheck, ProbeState } from './types.js';

/** What a proof says of one ordered pair of hosts. Only the first two are passes. */
export type Verdict = 'pass' | 'pass without containers' | 'fail' | 'not measured';

interface Checked {
  readonly check: ProbeCheck;
  readonly state: ProbeState;
  readonly excused?: true;
}

/**
 * The verdict over all checks of a pair: no failed one, and at least one that passed. A ping between containers that was
 * to be sent and was not measured is no pass, but where Docker said why it runs no container: then the pair passes, and
 * the verdict itself says without what.
 */
export function verdictOf(checks: readonly Checked[]): Verdict {
  if (checks.some(({ state }) => state === 'fail')) return 'fail';
  const left = checks.find(({ check, state }) => check === 'container ping' && state === 'not measured');
  if (!checks.some(({ state }) => state === 'pass') || (left && !left.excused)) return 'not measured';
  return left ? 'pass without containers' : 'pass';
}

export function isPass(verdict: Verdict): boolean {
  return verdict === 'pass' || verdict === 'pass without containers';
}
