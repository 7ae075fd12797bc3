import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Interrupted, terminalQuestions } from '../../src/ui/questions.js';
import { fakeTerminal } from './terminal.js';

function setUp({ isTTY = true } = {}) {
  const keys = new PassThrough();
  const raw: boolean[] = [];
  const stdin: NodeJS.ReadStream = Object.defineProperties(keys, {
    isTTY: { value: isTTY },
    isRaw: { value: false },
    setRawMode: { value: (on: boolean) => raw.push(on) },
  }) as NodeJS.ReadStream & PassThrough;
  const terminal = fakeTerminal(80, 24);
  const calls: string[] = [];
  const screen = { pause: () => calls.push('pause'), resume: () => calls.push('resume') };
  let interrupts = 0;
  const questions = terminalQuestions({
    stdin,
    output: terminal.stream,
    screen,
    onInterrupt: () => {
      interrupts += 1;
    },
  });
  const shows = async (text: string): Promise<void> => {
    while (!terminal.written().includes(text)) await new Promise((resolve) => setImmediate(resolve));
  };
  return { keys, raw, terminal, calls, questions, shows, interrupts: () => interrupts };
}

const key = {
  host: 'docker41',
  address: '192.168.199.41',
  port: 22,
  keyType: 'ssh-ed25519',
  fingerprint: 'SHA256:abc',
  file: '~/.ssh/known_hosts',
};

describe('terminalQuestions', () => {
  it.each([
    ['y', true],
    ['YES', true],
    ['n', false],
    ['', false],
    ['yesterday', false],
  ])('takes %j for %s', async (typed, expected) => {
    const { keys, questions, shows, calls } = setUp();
    const answer = questions.confirm('Apply 3 changes?');
    await shows('Apply 3 changes? [y/N] ');
    keys.write(`${typed}\r`);
    expect(await answer).toBe(expected);
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('shows a host key and takes its fingerprint for a yes', async () => {
    const { keys, questions, shows, terminal } = setUp();
    const answer = questions.hostKey(key);
    await shows('Trust it?');
    keys.write('SHA256:abc\r');
    expect(await answer).toBe(true);
    const frame = await terminal.frame();
    for (const part of [key.host, key.address, 'port 22', key.keyType, key.fingerprint, key.file]) {
      expect(frame).toContain(part);
    }
  });

  it('does not show a secret, and edits it', async () => {
    const { keys, raw, questions, shows, terminal } = setUp();
    const answer = questions.secret('sudo password for docker41:');
    await shows('sudo password for docker41: ');
    keys.write('hunté\u007f');
    keys.write('\u001b[Der2x\u007f\r');
    expect(await answer).toBe('hunter2');
    expect(raw).toEqual([true, false]);
    expect(terminal.written()).not.toMatch(/hunt|er2/);
  });

  it('asks one thing at a time, in order', async () => {
    const { keys, questions, shows, terminal } = setUp();
    const first = questions.secret('first');
    const second = questions.secret('second');
    await shows('first: ');
    expect(terminal.written()).not.toContain('second');
    keys.write('1\r');
    await shows('second: ');
    keys.write('2\r');
    expect(await Promise.all([first, second])).toEqual(['1', '2']);
  });

  it.each(['secret', 'confirm'] as const)('Ctrl-C in %s interrupts it and those that wait', async (kind) => {
    const { keys, raw, questions, shows, interrupts } = setUp();
    const asked = questions[kind]('one');
    const waiting = questions.confirm('two');
    const both = Promise.allSettled([asked, waiting]);
    await shows('one');
    keys.write('\u0003');
    for (const result of await both) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(Interrupted) });
    }
    expect(interrupts()).toBe(1);
    expect(raw.at(-1)).toBe(false);
  });

  it('answers for nobody where there is no terminal', async () => {
    const { questions, terminal, calls } = setUp({ isTTY: false });
    expect(questions.available).toBe(false);
    expect(await questions.confirm('?')).toBe(false);
    expect(await questions.secret('?')).toBeUndefined();
    expect(await questions.hostKey(key)).toBe(false);
    expect(terminal.written()).toBe('');
    expect(calls).toEqual([]);
  });

  it('Ctrl-D is no answer', async () => {
    const { keys, questions, shows } = setUp();
    const secret = questions.secret('secret');
    await shows('secret: ');
    keys.write('\u0004');
    expect(await secret).toBeUndefined();
  });
});
