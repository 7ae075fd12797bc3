import { describe, expect, it } from 'vitest';
import { type PasswordUse, passwordTrials, sudoRefusal } from '../../src/ssh/become.js';
import { ConnectionFailure } from '../../src/ssh/types.js';

const source = (password: string) => ({ origin: 'the prompt', reveal: async () => password });

async function admitted(answer: Promise<PasswordUse | ConnectionFailure>): Promise<PasswordUse> {
  const use = await answer;
  if (use instanceof ConnectionFailure) throw use;
  return use;
}

describe('one password for many hosts', () => {
  it('is with one host at a time until it is proved', async () => {
    const trials = passwordTrials();
    const order: string[] = [];
    const first = await admitted(trials.begin('a', source('x')));
    const second = admitted(trials.begin('b', source('x'))).then((use) => {
      order.push('b');
      return use;
    });
    const other = await admitted(trials.begin('c', source('y')));
    order.push('c');
    first.proved();
    await second;
    await admitted(trials.begin('d', source('x')));
    expect(order).toEqual(['c', 'b']);
    expect(other.password).toBe('y');
  });

  it('goes to the next host when the first says nothing', async () => {
    const trials = passwordTrials();
    const first = await admitted(trials.begin('a', source('x')));
    const waiting = ['b', 'c'].map((host) => trials.begin(host, source('x')));
    first.undecided();
    const second = await admitted(Promise.race(waiting));
    expect(second.rejected()).toMatchObject({ kind: 'sudo', host: 'b' });
    second.undecided();
    expect(await waiting[1]).toMatchObject({
      kind: 'sudo',
      host: 'c',
      message: expect.stringContaining('rejected on b'),
    });
    expect(await trials.begin('b', source('x'))).toMatchObject({
      message: 'b: sudo does not take the password from the prompt',
    });
  });

  it('stays proved when one host alone rejects it', async () => {
    const trials = passwordTrials();
    (await admitted(trials.begin('a', source('x')))).proved();
    (await admitted(trials.begin('b', source('x')))).rejected();
    expect(await trials.begin('c', source('x'))).toMatchObject({ password: 'x' });
  });
});

describe('what sudo says', () => {
  it.each([
    ['sudo: sorry, you must have a tty to run sudo', 1, 'insists on a terminal'],
    ['sudo: a terminal is required to read the password', 1, 'insists on a terminal'],
    ['ops is not in the sudoers file.', 1, 'does not let ops'],
    ["Sorry, user ops is not allowed to execute '/bin/sh' as root on docker41.", 1, 'does not let ops'],
    ['env: ‘sudo’: No such file or directory', 127, 'there is no sudo'],
    ['sudo: /etc/sudo.conf is owned by uid 1000', 1, 'without running the command: sudo: /etc/sudo.conf'],
  ])('%s', (stderr, code, message) => {
    expect(sudoRefusal('docker41', 'ops', stderr, code)).toMatchObject({
      kind: 'sudo',
      message: expect.stringContaining(message),
    });
  });

  it('cannot steer a terminal', () => {
    expect(sudoRefusal('docker41', 'ops', 'a\u001b[31mb\u0007', 1).message).toMatch(/: a \[31mb$/);
  });
});
