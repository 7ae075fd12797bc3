import { describe, expect, it } from 'vitest';
import { consent } from '../../src/engine/consent.js';
import { InputError } from '../../src/errors.js';
import type { ContainerFate } from '../../src/resources/types.js';
import { change, hostPlan, planOf } from '../ui/plans.js';

const calm = planOf([hostPlan('docker41', [change('create br0'), change('create gre-docker42')])]);
const restart = (...fates: readonly ContainerFate[]) => change('restart dockerd', { fates });
const restarting = planOf([
  hostPlan('docker41', [
    restart(
      { container: 'web', fate: 'restarts by its policy' },
      { container: 'db', fate: 'keeps running' },
      { container: 'old', fate: 'stays stopped' },
    ),
  ]),
  hostPlan('docker42', [change('create br0'), restart({ container: 'job', fate: 'vanishes (--rm)' })]),
  hostPlan('docker43', []),
]);

/** Answers every question alike, and keeps them. */
function person(answer: boolean | undefined) {
  const questions: string[] = [];
  const confirm = async (question: string) => {
    questions.push(question);
    return answer;
  };
  return { questions, confirm };
}

async function refusal(asked: Promise<boolean>): Promise<InputError> {
  const error: unknown = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof InputError) return error;
  throw new Error(`it was not refused: ${String(error)}`);
}

describe('consent', () => {
  it.each([true, false])('asks once for a plan, and the answer is %s', async (answer) => {
    const { questions, confirm } = person(answer);
    expect(await consent(calm, { yes: false, restartDocker: false }, confirm)).toBe(answer);
    expect(questions).toEqual(['Make these 2 changes on 1 host?']);
  });

  it('asks one question for the changes and for the containers that they touch', async () => {
    const { questions, confirm } = person(true);
    expect(await consent(restarting, { yes: false, restartDocker: false }, confirm)).toBe(true);
    expect(questions).toEqual([
      'dockerd is restarted, which touches containers that run:\n' +
        '  docker41: web restarts by its policy\n' +
        '  docker41: old stays stopped\n' +
        '  docker42: job vanishes (--rm)\n' +
        'Make these 3 changes on 2 hosts, and restart it?',
    ]);
  });

  it('does not ask about what was agreed to on the command line', async () => {
    const { questions, confirm } = person(true);
    await consent(restarting, { yes: false, restartDocker: true }, confirm);
    expect(questions).toEqual(['Make these 3 changes on 2 hosts?']);
    expect(await consent(restarting, { yes: true, restartDocker: true }, confirm)).toBe(true);
    expect(await consent(calm, { yes: true, restartDocker: false }, confirm)).toBe(true);
    expect(questions).toHaveLength(1);
  });

  it('does not take --yes for an agreement to restarts, whoever is there to ask', async () => {
    const { questions, confirm } = person(true);
    const error = await refusal(consent(restarting, { yes: true, restartDocker: false }, confirm));
    expect(error.message).toContain('docker42: job vanishes (--rm)');
    expect(error.faults[0].fix).toMatch(/^add --restart-docker /);
    expect(questions).toEqual([]);
  });

  it('names what to add where nobody is there to ask', async () => {
    const { confirm } = person(undefined);
    const asked = await refusal(consent(calm, { yes: false, restartDocker: false }, confirm));
    expect(asked.faults[0].fix).toMatch(/^add --yes /);
    const restarts = await refusal(consent(restarting, { yes: false, restartDocker: false }, confirm));
    expect(restarts.faults[0].fix).toMatch(/^add --yes and --restart-docker /);
  });
});
