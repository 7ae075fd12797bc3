import type { AnyAuthMethod, ParsedKey } from 'ssh2';
import { givenKeyUnusable } from './failures.js';
import { type KeyStore, SingleKeyAgent } from './keys.js';
import type { Route } from './settings.js';
import type { ConnectionFailure } from './types.js';

interface Step {
  /** For people: `key ~/.ssh/id_ed25519`, `agent key ops@laptop`, `password`. */
  readonly name: string;
  /** The method's name in RFC 4252. */
  readonly wire: 'publickey' | 'password' | 'keyboard-interactive';
  readonly method: AnyAuthMethod;
}

/** The tries of one login, in order. */
export interface Login {
  /** The next try that the server has not ruled out; undefined when there is none left. */
  next(allowed: readonly string[] | null): Promise<AnyAuthMethod | ConnectionFailure | undefined>;
  /** Names of what was tried, and of what could not be. */
  readonly tried: readonly string[];
  readonly passedOver: readonly string[];
}

/**
 * The order is ssh(1)'s: the key that the inventory names (from the agent, if it holds it), the agent's other keys, key
 * files, the password, keyboard-interactive with the same password. The named key goes first so that an agent with many
 * keys does not use up the server's MaxAuthTries. `none` is not tried: it would cost a round trip.
 */
export function login(route: Route, keys: KeyStore): Login {
  const tried: string[] = [];
  const passedOver: string[] = [];
  const steps = plan(route, keys, passedOver);
  return {
    tried,
    passedOver,
    async next(allowed) {
      for (;;) {
        const step: Step | ConnectionFailure | undefined = (await steps.next()).value;
        if (step === undefined || step instanceof Error) return step;
        if (allowed && !allowed.includes(step.wire)) continue;
        tried.push(step.name);
        return step.method;
      }
    },
  };
}

async function* plan(
  route: Route,
  keys: KeyStore,
  passedOver: string[],
): AsyncGenerator<Step | ConnectionFailure, undefined> {
  const { user: username } = route;
  const agentKeys = await fromAgent(route, keys, passedOver);
  const offered = new Set<ParsedKey>();
  const agentStep = (key: ParsedKey, socket: string): Step => {
    offered.add(key);
    return {
      name: `agent key ${key.comment || key.type}`,
      wire: 'publickey',
      method: { type: 'agent', username, agent: new SingleKeyAgent(socket, key) },
    };
  };
  const inAgent = async (file: string): Promise<ParsedKey | undefined> => {
    if (agentKeys.length === 0) return undefined;
    const half = await keys.publicHalf(file);
    return half && agentKeys.find((key) => key.getPublicSSH().equals(half));
  };
  const fileStep = async (file: string, given: boolean): Promise<Step | ConnectionFailure | undefined> => {
    const loaded = await keys.load(file);
    if (loaded.kind === 'key') {
      return { name: `key ${file}`, wire: 'publickey', method: { type: 'publickey', username, key: loaded.key } };
    }
    if (given) return givenKeyUnusable(route, file, loaded.kind === 'missing' ? 'does not exist' : loaded.why);
    if (loaded.kind === 'unusable') passedOver.push(`key ${file}, which ${loaded.why}`);
    return undefined;
  };

  for (const { file } of route.identities.filter((identity) => identity.given)) {
    const key = await inAgent(file);
    const step = key && route.agent !== undefined ? agentStep(key, route.agent) : await fileStep(file, true);
    if (step) yield step;
  }
  for (const key of await wanted(route, keys, agentKeys)) {
    if (route.agent !== undefined && !offered.has(key)) yield agentStep(key, route.agent);
  }
  for (const { file } of route.identities.filter((identity) => !identity.given)) {
    const key = await inAgent(file);
    const step = key && offered.has(key) ? undefined : await fileStep(file, false);
    if (step) yield step;
  }
  if (route.password) {
    const password = await route.password.reveal();
    yield { name: 'password', wire: 'password', method: { type: 'password', username, password } };
    yield {
      name: 'keyboard-interactive',
      wire: 'keyboard-interactive',
      method: {
        type: 'keyboard-interactive',
        username,
        // A question that shows what is typed is not one for a password.
        prompt: (_name, _instructions, _language, prompts, finish) =>
          finish(prompts.map((prompt) => (prompt.echo ? '' : password))),
      },
    };
  }
  return undefined;
}

async function fromAgent(route: Route, keys: KeyStore, passedOver: string[]): Promise<readonly ParsedKey[]> {
  if (route.agent === undefined) return [];
  const found = await keys.agentKeys(route.agent);
  if (!(found instanceof Error)) return found;
  passedOver.push(`the agent at ${route.agent} (${found.message})`);
  return [];
}

/** With IdentitiesOnly an agent's keys count only where an identity file names them. */
async function wanted(route: Route, keys: KeyStore, agentKeys: readonly ParsedKey[]): Promise<readonly ParsedKey[]> {
  if (!route.identitiesOnly) return agentKeys;
  const halves = await Promise.all(route.identities.map(({ file }) => keys.publicHalf(file)));
  return agentKeys.filter((key) => halves.some((half) => half?.equals(key.getPublicSSH())));
}
