import * as z from 'zod';
import type { Fact } from '../facts/types.js';
import type { Diff } from './types.js';

/** Shapes that the parameters of several resources share, with messages for whoever wrote the playbook. */

/** A name that Linux takes for a network device: at most 15 bytes (IFNAMSIZ, linux/if.h) and nothing that needs care. */
export const linkName = z
  .string({ error: 'a network device is given by its name' })
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/,
    'the name of a network device has 1 to 15 letters, digits, dots, dashes or underscores',
  );

/** Bytes: 68 is the least that IPv4 allows (RFC 791), 65535 the most that a device takes. */
export const mtuBytes = z
  .int({ error: 'an MTU is a whole number of bytes' })
  .min(68, 'an MTU below 68 bytes cannot carry IPv4')
  .max(65535, 'an MTU is at most 65535 bytes');

export const ipv4Address = z.ipv4({ error: 'this wants an IPv4 address such as 192.168.199.42' });

/** An IPv4 network in CIDR form with its host bits zero. */
export const ipv4Network = z
  .cidrv4({ error: 'this wants an IPv4 network such as 172.17.0.0/16', abort: true })
  .refine((cidr) => maskedNetwork(cidr) === cidr, {
    error: (issue) => `the host bits of ${String(issue.input)} are not zero`,
  });

/** An IPv4 address as a number. */
export function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** `172.17.41.9/16` → `172.17.0.0/16`; an address without prefix is a /32. */
export function maskedNetwork(cidr: string): string {
  const [address = '', length = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(length));
  const low = Math.floor(ipv4Number(address) / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(low / 2 ** shift) % 256).join('.')}/${length}`;
}

/** Whether an IPv4 address lies in a network. */
export function inNetwork(address: string, cidr: string): boolean {
  return maskedNetwork(`${address}/${cidr.split('/')[1] ?? '32'}`) === maskedNetwork(cidr);
}

/** The answer of a diff whose fact could not be read; undefined where it could. */
export function unread(what: string, fact: Fact<unknown> | undefined): Diff | undefined {
  if (fact?.known) return undefined;
  return { kind: 'unknown', what, why: fact ? fact.why : 'it was not looked at' };
}

/** A list for a sentence: the first few, then how many more. */
export function listed(items: readonly string[], most = 6): string {
  if (items.length <= most) return items.join(', ');
  return `${items.slice(0, most - 1).join(', ')} and ${items.length - most + 1} more`;
}
