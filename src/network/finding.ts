import type { Finding } from '../events/types.js';
import type { Member } from './desired.js';

export type HostFinding = Finding & { readonly host: string };

/** What stands against a host: it is left alone, and its neighbours wait for it. */
export function refuse(member: Member, code: string, sentence: string, fix: string): HostFinding {
  return { host: member.host.name, code, severity: 'refuse', sentence, fix };
}

/** What is worth knowing about a host before it is changed. */
export function warn(member: Member, code: string, sentence: string, fix?: string): HostFinding {
  return { host: member.host.name, code, severity: 'warn', sentence, ...(fix !== undefined && { fix }) };
}
