import { describe, expect, it } from 'vitest';
import { familyOf } from '../../src/lab/family.js';

describe('familyOf', () => {
  const numbers = [41, 42, 43];

  it('is one for all, or one each in the order of the hosts', () => {
    expect(numbers.map(familyOf(['rpm'], numbers))).toEqual(['rpm', 'rpm', 'rpm']);
    expect(numbers.map(familyOf(['deb', 'deb', 'rpm'], numbers))).toEqual(['deb', 'deb', 'rpm']);
  });

  it('is open where nothing was asked', () => {
    expect(familyOf([], numbers)(41)).toBeUndefined();
  });

  it('refuses another count than that of the hosts, and names them', () => {
    expect(() => familyOf(['deb', 'rpm'], numbers)).toThrow(/2 families are given for 3 hosts/);
    expect(() => familyOf(['deb', 'rpm'], numbers)).toThrow(/docker41, docker42, docker43/);
  });
});
