import { createInterface } from 'node:readline';
import { StringDecoder } from 'node:string_decoder';
import type { HostKeyQuestion, Questions } from '../ssh/types.js';
import type { Screen } from './screen.js';
import { clean, cleanLines } from './text.js';

/** Ctrl-C was typed at a prompt. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

export interface TerminalQuestions extends Questions {
  /** Whether there is a person at a terminal. Where not: no host key is trusted, no secret given, nothing confirmed. */
  readonly available: boolean;
  /** Asks for a yes; everything but `y` and `yes` is a no. */
  confirm(question: string): Promise<boolean>;
}

export interface QuestionsOptions {
  readonly stdin: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Left alone by its events while something is asked. */
  readonly screen?: Pick<Screen, 'pause' | 'resume'>;
  /** Called for Ctrl-C before the question rejects. Default: the process gets the SIGINT that raw mode kept from it. */
  readonly onInterrupt?: () => void;
}

/**
 * Questions on a terminal, one at a time in the order in which they came. Every answer rejects with {@link Interrupted}
 * at Ctrl-C, as do the questions that still wait for their turn.
 */
export function terminalQuestions(options: QuestionsOptions): TerminalQuestions {
  const { stdin, output, screen, onInterrupt = () => process.kill(process.pid, 'SIGINT') } = options;
  const available = Boolean(stdin.isTTY && output.isTTY);
  let turn: Promise<unknown> = Promise.resolve();
  let interrupted = false;

  const inTurn = <T>(ask: () => Promise<T>): Promise<T> => {
    const answer = turn.then(async () => {
      if (interrupted) throw new Interrupted();
      screen?.pause();
      try {
        return await ask();
      } catch (error) {
        if (error instanceof Interrupted) {
          interrupted = true;
          onInterrupt();
        }
        throw error;
      } finally {
        stdin.pause();
        screen?.resume();
      }
    });
    turn = answer.catch(() => {});
    return answer;
  };

  return {
    available,
    async hostKey(question) {
      if (!available) return false;
      return inTurn(async () => {
        output.write(describeKey(question));
        const answer = await readLine(stdin, output, 'Trust it? [y/N, or the fingerprint] ');
        return isYes(answer) || answer.trim() === question.fingerprint;
      });
    },
    async secret(prompt) {
      if (!available) return undefined;
      return inTurn(() => readSecret(stdin, output, `${clean(prompt).replace(/[:\s]+$/, '')}: `));
    },
    async confirm(question) {
      if (!available) return false;
      return inTurn(async () => isYes(await readLine(stdin, output, `${cleanLines(question).join('\n')} [y/N] `)));
    },
  };
}

function isYes(answer: string): boolean {
  return /^(y|yes)$/i.test(answer.trim());
}

function describeKey({ host, address, port, keyType, fingerprint, file }: HostKeyQuestion): string {
  return [
    '',
    `The key of ${clean(host)} (${clean(address)}, port ${port}) is not known yet:`,
    `  ${clean(keyType)} ${clean(fingerprint)}`,
    `If you trust it, it is recorded in ${clean(file)}.`,
    '',
  ].join('\n');
}

/** A line with the terminal's editing. An ended input is an empty line. */
function readLine(stdin: NodeJS.ReadStream, output: NodeJS.WriteStream, prompt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
    reader.on('SIGINT', () => {
      output.write('^C\n');
      reject(new Interrupted());
      reader.close();
    });
    reader.on('close', () => resolve(''));
    reader.question(prompt, (answer) => {
      resolve(answer);
      reader.close();
    });
  });
}

const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const ERASE = new Set(['\u0008', '\u007f']);

/** Whether the character ends the typing, and with what. */
function answerOf(char: string, typed: readonly string[]): { interrupted: boolean; secret?: string } | undefined {
  if (char === CTRL_C) return { interrupted: true };
  if (ENTER.test(char)) return { interrupted: false, secret: typed.join('') };
  return char === CTRL_D && typed.length === 0 ? { interrupted: false } : undefined;
}

/** A line that is not shown while it is typed. Ctrl-D on an empty line: there is no answer. */
function readSecret(stdin: NodeJS.ReadStream, output: NodeJS.WriteStream, prompt: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const decoder = new StringDecoder('utf8');
    let typed: string[] = [];
    const wasRaw = stdin.isRaw;
    const finish = (settle: () => void): void => {
      stdin.removeListener('data', hear);
      stdin.removeListener('end', onEnd);
      stdin.setRawMode(wasRaw);
      output.write('\n');
      settle();
    };
    const onEnd = (): void => finish(() => resolve(undefined));
    const hear = (chunk: Buffer | string): void => {
      const text = typeof chunk === 'string' ? chunk : decoder.write(chunk);
      // Arrow keys and the like are no part of a secret.
      for (const char of text.replace(/\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])/g, '')) {
        const ends = answerOf(char, typed);
        if (ends) {
          finish(() => (ends.interrupted ? reject(new Interrupted()) : resolve(ends.secret)));
          return;
        }
        if (char === CTRL_U) typed = [];
        else if (ERASE.has(char)) typed.pop();
        else if (char >= ' ') typed.push(char);
      }
    };
    output.write(prompt);
    stdin.setRawMode(true);
    stdin.on('data', hear);
    stdin.on('end', onEnd);
    stdin.resume();
  });
}
