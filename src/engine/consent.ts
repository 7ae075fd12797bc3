import { InputError } from '../errors.js';
import { countChanges, type Plan } from './types.js';

/** What was agreed to on the command line. */
export interface Agreed {
  readonly yes: boolean;
  /** Restarts of dockerd that touch running containers: `yes` does not cover them. */
  readonly restartDocker: boolean;
}

/** `undefined`: there is nobody to ask. */
export type Confirm = (question: string) => Promise<boolean | undefined>;

/** Running containers whose restart, stop or end a plan brings about, as `host: name (fate)`. */
function touchedContainers(plan: Plan): readonly string[] {
  return plan.hosts.flatMap((host) =>
    host.plays.flatMap((play) =>
      play.tasks.flatMap((task) =>
        task.changes.flatMap((change) =>
          (change.fates ?? [])
            .filter(({ fate }) => fate !== 'keeps running')
            .map(({ container, fate }) => `${host.host}: ${container} ${fate}`),
        ),
      ),
    ),
  );
}

/**
 * Asks for what the plan needs, with one question at most. False: somebody said no.
 *
 * @throws {InputError} if nobody is there to ask.
 */
export async function consent(plan: Plan, agreed: Agreed, confirm: Confirm): Promise<boolean> {
  const touched = agreed.restartDocker ? [] : touchedContainers(plan);
  if (agreed.yes && touched.length === 0) return true;
  const list = touched.map((line) => `\n  ${line}`).join('');
  const changes = plan.hosts.reduce((sum, host) => sum + countChanges(host), 0);
  const hosts = plan.hosts.filter((host) => countChanges(host) > 0).length;
  const these = changes === 1 ? 'this change' : `these ${changes} changes`;
  const where = hosts === 1 ? '1 host' : `${hosts} hosts`;
  const question =
    touched.length === 0
      ? `Make ${these} on ${where}?`
      : `dockerd is restarted, which touches containers that run:${list}\nMake ${these} on ${where}, and restart it?`;
  const answer = agreed.yes ? undefined : await confirm(question);
  if (answer !== undefined) return answer;
  if (touched.length > 0) {
    throw InputError.of(`the plan restarts dockerd where containers run:${list}`, {
      fix: `add ${agreed.yes ? '' : '--yes and '}--restart-docker to agree to that, or stop these containers first`,
    });
  }
  throw InputError.of('nobody is here to agree to the plan', { fix: 'add --yes to run it without asking' });
}
