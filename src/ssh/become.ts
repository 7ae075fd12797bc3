import { failure } from './failures.js';
import type { ConnectionFailure } from './types.js';

/** How one host gets its sudo password, and what is known of it. */
export interface SudoPassword {
  /** For people: where the password comes from. */
  readonly origin: string;
  readonly reveal: () => Promise<string>;
}

type Verdict = 'proved' | { readonly rejectedBy: string };

interface Trial {
  readonly host: string;
  readonly verdict: Promise<Verdict | 'open'>;
  readonly settle: (verdict: Verdict | 'open') => void;
}

/** One use of the password on one host; exactly one of its methods is called at the end. */
export interface PasswordUse {
  readonly password: string;
  proved(): void;
  rejected(): ConnectionFailure;
  /** The host was lost, or the command stopped, before sudo said anything. */
  undecided(): void;
}

/**
 * Sends a password to one host first. Until one host has proved it, the others with the same password wait; a rejection
 * stops them, so that an account which they share is not locked by tries that cannot succeed.
 */
export interface PasswordTrials {
  begin(host: string, source: SudoPassword): Promise<PasswordUse | ConnectionFailure>;
}

export function passwordTrials(): PasswordTrials {
  const trials = new Map<string, Trial>();
  const verdicts = new Map<string, Verdict>();

  return {
    async begin(host, source) {
      const password = await source.reveal();
      for (;;) {
        const verdict = verdicts.get(password);
        if (verdict === 'proved') return use(host, source, password);
        if (verdict)
          return verdict.rejectedBy === host ? rejection(host, source) : notTried(host, source, verdict.rejectedBy);
        const running = trials.get(password);
        if (!running) break;
        await running.verdict;
      }
      let settle: Trial['settle'] = () => undefined;
      const verdict = new Promise<Verdict | 'open'>((resolve) => {
        settle = resolve;
      });
      trials.set(password, { host, verdict, settle });
      return use(host, source, password);
    },
  };

  function use(host: string, source: SudoPassword, password: string): PasswordUse {
    const conclude = (verdict: Verdict | 'open'): void => {
      if (verdict !== 'open' && verdicts.get(password) !== 'proved') verdicts.set(password, verdict);
      const trial = trials.get(password);
      if (trial?.host !== host) return;
      trials.delete(password);
      trial.settle(verdict);
    };
    return {
      password,
      proved: () => conclude('proved'),
      undecided: () => conclude('open'),
      rejected() {
        conclude({ rejectedBy: host });
        return rejection(host, source);
      },
    };
  }
}

function rejection(host: string, source: SudoPassword): ConnectionFailure {
  return failure(
    host,
    'sudo',
    `${host}: sudo does not take the password from ${source.origin}`,
    'check the password; it was sent once, lest the account be locked',
  );
}

function notTried(host: string, source: SudoPassword, rejectedBy: string): ConnectionFailure {
  return failure(
    host,
    'sudo',
    `${host}: the sudo password from ${source.origin} was rejected on ${rejectedBy} and so not tried here, lest a shared account be locked`,
    'correct the password, or give the hosts that differ their own ansible_become_password',
  );
}

/** sudo wants a password and there is none. */
export function passwordMissing(host: string, user: string): ConnectionFailure {
  return failure(
    host,
    'sudo',
    `${host}: sudo wants the password of ${user}`,
    'add --ask-become-pass, set ansible_become_password, or give the user NOPASSWD in sudoers',
  );
}

/** From what sudo (or the login shell in its place) wrote when it ended without running anything. */
export function sudoRefusal(host: string, user: string, stderr: string, code: number | undefined): ConnectionFailure {
  const said =
    stderr
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
      .at(-1) ?? '';
  if (/must have a tty|a terminal is required|no tty present/i.test(stderr)) {
    return failure(
      host,
      'sudo',
      `${host}: sudo insists on a terminal, which mesh does not open`,
      `in sudoers on the host: Defaults:${user} !requiretty`,
    );
  }
  if (/not in the sudoers|not allowed to (execute|run)|may not run sudo/i.test(stderr)) {
    return failure(
      host,
      'sudo',
      `${host}: sudo does not let ${user} run commands as another user: ${said}`,
      `as root on the host: echo '${user} ALL=(ALL) ALL' >/etc/sudoers.d/mesh`,
    );
  }
  if (code === 127 || /sudo: (command )?not found|No such file.*sudo|sudo.*No such file/i.test(stderr)) {
    return failure(
      host,
      'sudo',
      `${host}: there is no sudo on the host`,
      'install sudo there, or set ansible_user: root',
    );
  }
  return failure(host, 'sudo', `${host}: sudo ended without running the command${said ? `: ${said}` : ''}`);
}
