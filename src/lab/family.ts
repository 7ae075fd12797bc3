import { InputError } from '../errors.js';
import { hostName } from './names.js';

/** What packages a host is made of. */
export const families = ['deb', 'rpm'] as const;
export type Family = (typeof families)[number];

/**
 * The family that each host of a lab is to have: one for all, or one a host in their order.
 *
 * @param numbers all hosts of the lab, in their order.
 * @returns undefined for all when nothing was asked.
 * @throws {InputError} when there are not as many families as hosts.
 */
export function familyOf(asked: readonly Family[], numbers: readonly number[]): (number: number) => Family | undefined {
  if (asked.length <= 1) return () => asked[0];
  if (asked.length !== numbers.length) {
    throw InputError.of(`${asked.length} families are given for ${numbers.length} hosts`, {
      fix: `give one for all, or one each for ${numbers.map(hostName).join(', ')}`,
    });
  }
  return (number) => asked[numbers.indexOf(number)];
}
