import type { HostKeyQuestion, Questions } from './types.js';

/** Runs what it is given one after another, whoever asks. */
export type Turn = <T>(job: () => Promise<T>) => Promise<T>;

export function oneAtATime(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const mine = last.then(job);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/**
 * The person's answers, asked one question at a time over all hosts, each secret once for each prompt. An undefined
 * answer (nobody there) is remembered too.
 */
export interface Interview {
  /** `inTurn` lets a caller look again, when its turn has come, whether the question is still open. */
  readonly inTurn: Turn;
  hostKey(question: HostKeyQuestion): Promise<boolean>;
  secret(prompt: string): Promise<string | undefined>;
}

export function interview(questions: Questions): Interview {
  const inTurn = oneAtATime();
  const secrets = new Map<string, Promise<string | undefined>>();
  return {
    inTurn,
    hostKey: (question) => questions.hostKey(question),
    secret(prompt) {
      let answer = secrets.get(prompt);
      if (!answer) {
        answer = inTurn(() => questions.secret(prompt));
        secrets.set(prompt, answer);
      }
      return answer;
    },
  };
}
