import { describe, expect, it } from 'vitest';
import { commandLine, type Request } from '../../src/cli/command-line.js';

function typed(options: Partial<Request['options']>, more: Partial<Request> = {}): string {
  const all: Request['options'] = { forks: 50, output: 'text', ...options };
  return commandLine({ mode: 'deploy', argument: undefined, options: all, ...more }, 'my inventory.yml');
}

describe('the command to type next', () => {
  it('is as short as it can be', () => {
    expect(typed({ lockTimeout: 0, tags: [] })).toBe("mesh deploy 'my inventory.yml'");
    expect(typed({}, { mode: 'run', playbook: 'site.yml' })).toBe("mesh run site.yml -i 'my inventory.yml'");
  });

  it('keeps what says on which hosts and how', () => {
    const options = {
      limit: 'web:!docker42',
      tags: ['docker', "it's"],
      skipTags: ['slow'],
      forks: 3,
      askBecomePass: true,
      lockTimeout: 60,
    };
    expect(typed(options)).toBe(
      "mesh deploy 'my inventory.yml' --limit 'web:!docker42' --tags 'docker,it'\\''s' --skip-tags slow --forks 3 --ask-become-pass --lock-timeout 60",
    );
  });

  it('leaves out what changes only the screen, and what was agreed to once', () => {
    const options = { yes: true, restartDocker: true, acceptNew: true, verbose: true, quiet: true, json: true };
    expect(typed({ ...options, diff: true, commands: true, output: 'jsonl' })).toBe("mesh deploy 'my inventory.yml'");
  });
});
