import type { HostFacts } from '../../facts/types.js';
import type { Member } from '../desired.js';
import type { Builders } from './builders.js';
import type { OvsFinding, OvsKnowledge, OvsOrigin } from './types.js';

/** Where one host's Open vSwitch comes from, with what is to be said about it. */
export interface Answer {
  readonly origin: OvsOrigin;
  readonly findings: readonly Omit<OvsFinding, 'host'>[];
}

/** What one host's answer depends on. */
export interface Context {
  readonly member: Member;
  readonly facts: HostFacts;
  readonly hosts: number;
  readonly known: OvsKnowledge;
  readonly builders: Builders;
  readonly service: string;
}

/** No origin, and why. */
export function none({ service }: Context, why: string, findings: Answer['findings']): Answer {
  return { origin: { ...BLANK, source: 'none', why, service }, findings };
}

/** No origin, and the finding that says so. */
export function refused(context: Context, code: string, sentence: string, fix: string): Answer {
  return none(context, sentence, [{ code, severity: 'refuse', sentence, fix }]);
}

/** An origin without anything of its own. */
export const BLANK: Omit<OvsOrigin, 'source' | 'why' | 'service'> = {
  version: null,
  recipe: null,
  builder: null,
  packages: [],
  release_packages: [],
  repositories: [],
  files: [],
  builds: [],
  witness: null,
  downgrade: false,
};
