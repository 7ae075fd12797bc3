import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandHosts } from '../../src/inventory/ranges.js';

describe('expandHosts', () => {
  it.each<[string, readonly string[]]>([
    ['docker41', ['docker41']],
    ['docker[41:43]', ['docker41', 'docker42', 'docker43']],
    ['docker[:2]', ['docker0', 'docker1', 'docker2']],
    ['[a:c].example.com', ['a.example.com', 'b.example.com', 'c.example.com']],
    ['rack[y:B]', ['racky', 'rackz', 'rackA', 'rackB']],
    ['node[08:11]', ['node08', 'node09', 'node10', 'node11']],
    ['node[1:9:4]', ['node1', 'node5', 'node9']],
    ['node[1:8:4]', ['node1', 'node5']],
    ['r[1:2]n[a:b]', ['r1na', 'r1nb', 'r2na', 'r2nb']],
    ['192.168.199.[41:42]', ['192.168.199.41', '192.168.199.42']],
    ['fd00::41', ['fd00::41']],
  ])('%s', (text, names) => {
    expect(expandHosts(text)).toEqual({ names });
  });

  it.each([
    ['docker41:2222', ['docker41'], 2222],
    ['docker[41:42]:2222', ['docker41', 'docker42'], 2222],
    ['[fd00::41]:2222', ['fd00::41'], 2222],
  ])('%s has a port', (text, names, port) => {
    expect(expandHosts(text)).toEqual({ names, port });
  });

  it('gives every name of a range once, in order, padded alike', () => {
    const range = fc.record({
      first: fc.nat({ max: 999 }),
      more: fc.nat({ max: 50 }),
      step: fc.integer({ min: 1, max: 9 }),
      width: fc.integer({ min: 4, max: 6 }),
      padded: fc.boolean(),
    });
    fc.assert(
      fc.property(range, ({ first, more, step, width, padded }) => {
        const shape = (number: number) => String(number).padStart(padded ? width : 0, '0');
        const { names } = expandHosts(`h[${shape(first)}:${shape(first + more)}:${step}]x`);
        const wanted = Array.from({ length: more + 1 }, (_, index) => index).filter((index) => index % step === 0);
        expect(names).toEqual(wanted.map((index) => `h${shape(first + index)}x`));
      }),
    );
  });

  it('refuses what it cannot expand with nothing but a sentence', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab01:[]-.9|z'), maxLength: 14 }), (text) => {
        try {
          expect(expandHosts(text).names.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
