import { homedir } from 'node:os';
import { type Resolve, resolver } from '../../src/ssh/settings.js';
import { createTransport } from '../../src/ssh/transport.js';
import type { HostKeyQuestion, Questions, Transport, TransportOptions } from '../../src/ssh/types.js';

/** Settings that do not depend on the configuration or agent of whoever runs the tests. */
export function plainResolver(changes: { agent?: string; home?: string; user?: string } = {}): Resolve {
  return resolver({
    home: changes.home ?? homedir(),
    user: changes.user ?? 'nobody',
    env: { SSH_AUTH_SOCK: changes.agent },
    configFiles: [],
    sshProgram: 'ssh',
  });
}

export interface Asked {
  readonly hostKeys: HostKeyQuestion[];
  readonly secrets: string[];
}

/** Questions with fixed answers that remember what was asked. */
export function answers(given: { hostKey?: boolean; secret?: string } = {}): Questions & { readonly asked: Asked } {
  const asked: Asked = { hostKeys: [], secrets: [] };
  return {
    asked,
    hostKey: async (question) => {
      asked.hostKeys.push(question);
      return given.hostKey ?? false;
    },
    secret: async (prompt) => {
      asked.secrets.push(prompt);
      return given.secret;
    },
  };
}

export function transport(changes: Partial<TransportOptions> = {}, resolve: Resolve = plainResolver()): Transport {
  return createTransport(
    { questions: answers(), acceptNew: false, forks: 10, askBecomePass: false, connectTimeoutMs: 5000, ...changes },
    resolve,
  );
}
