import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, JsonTextError, scanJson } from '../../../src/resources/docker-daemon/json-text.js';
import { isObject, mergePatch, mergeText } from '../../../src/resources/docker-daemon/merge.js';

describe('mergeText', () => {
  it('adds members behind the others and writes them in the same way', () => {
    expect(mergeText('{\n    "debug": true\n}\n', { mtu: 1462 })).toBe('{\n    "debug": true,\n    "mtu": 1462\n}\n');
    expect(mergeText('{\n\t"a": {\n\t\t"b": 1\n\t}\n}', { a: { c: 2 } })).toBe(
      '{\n\t"a": {\n\t\t"b": 1,\n\t\t"c": 2\n\t}\n}',
    );
    expect(mergeText('{"a":1}', { b: [1, 2] })).toBe('{"a":1, "b": [1,2]}');
    expect(mergeText('{\r\n  "a": 1\r\n}\r\n', { b: 2 })).toBe('{\r\n  "a": 1,\r\n  "b": 2\r\n}\r\n');
  });

  it('keeps the bytes of all that it does not change', () => {
    const text = '{ "big": 12345678901234567890, "float": 1.0,\n  "odd"  :  "\\u0041" }';
    expect(mergeText(text, { mtu: 1 })).toBe(
      '{ "big": 12345678901234567890, "float": 1.0,\n  "odd"  :  "\\u0041",\n  "mtu": 1 }',
    );
    expect(mergeText(text, { float: 1 })).toBe(text);
  });

  it('takes members away wherever they stand', () => {
    const text = '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}\n';
    expect(mergeText(text, { a: null })).toBe('{\n  "b": 2,\n  "c": 3\n}\n');
    expect(mergeText(text, { b: null })).toBe('{\n  "a": 1,\n  "c": 3\n}\n');
    expect(mergeText(text, { c: null })).toBe('{\n  "a": 1,\n  "b": 2\n}\n');
    expect(mergeText(text, { a: null, c: null, z: 9 })).toBe('{\n  "b": 2,\n  "z": 9\n}\n');
    expect(mergeText(text, { a: null, b: null, c: null })).toBe('{}\n');
  });

  it('takes white space for an empty object, as dockerd does', () => {
    expect(mergeText(' \n', { mtu: 1462 })).toBe('{\n  "mtu": 1462\n}\n');
    expect(mergeText('{}', { mtu: 1462 })).toBe('{\n  "mtu": 1462\n}');
  });

  it('sets the member that counts where a name stands twice', () => {
    const merged = mergeText('{"a": 1, "a": 2}', { a: 3 });
    expect(JSON.parse(merged)).toEqual({ a: 3 });
    expect(mergeText('{"a": 1, "b": 0, "a": 2}', { a: null })).toBe('{"b": 0}');
  });

  const json = fc.jsonValue({ maxDepth: 4 }).map((value): Json => JSON.parse(JSON.stringify(value)));
  const object = fc
    .dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'toString'), fc.string()), json)
    .map((value) => {
      const parsed: Json = JSON.parse(JSON.stringify(value));
      return isObject(parsed) ? parsed : {};
    });
  const layout = fc.constantFrom(undefined, 1, 2, '\t');

  it('is JSON Merge Patch (RFC 7396), for every text and every patch', () => {
    fc.assert(
      fc.property(object, object, layout, (target, patch, indent) => {
        const merged = mergeText(JSON.stringify(target, null, indent), patch);
        expect(JSON.parse(merged)).toEqual(mergePatch(target, patch));
      }),
      { numRuns: 300 },
    );
  });

  it('merged twice is merged once, and an empty patch changes no byte', () => {
    fc.assert(
      fc.property(object, object, layout, (target, patch, indent) => {
        const text = JSON.stringify(target, null, indent);
        const once = mergeText(text, patch);
        expect(mergeText(once, patch)).toBe(once);
        expect(mergeText(text, {})).toBe(text);
      }),
    );
  });
});

describe('mergePatch', () => {
  // The examples of RFC 7396, appendix A, whose outermost patch is an object.
  it.each<[Json, Json, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j + %j = %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });
});

describe('scanJson', () => {
  it.each([
    ['{"a": 1,}', 1, 9, 'name in double quotes'],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3, 'comma or a closing brace'],
    ["{'a': 1}", 1, 2, 'double quotes'],
    ['{"a" 1}', 1, 6, 'colon'],
    ['{"a": tru}', 1, 7, 'value'],
    ['{"a": 01}', 1, 7, 'value'],
    ['{"a": "x', 1, 7, 'not closed'],
    ['{"a": [1 2]}', 1, 10, 'bracket'],
    ['{} // why', 1, 4, 'follows'],
    ['{"a": ', 1, 7, 'too early'],
  ])('says where %s is wrong', (text, line, column, words) => {
    try {
      scanJson(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(JsonTextError);
      expect(error).toMatchObject({ line, column, message: expect.stringContaining(words) });
    }
  });

  it('takes what JSON.parse takes, and nothing else', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'null',
      ' ',
      '\n',
      '\\',
    );
    const takes = (text: string, read: (text: string) => unknown) => {
      try {
        read(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        expect([text, takes(text, scanJson)]).toEqual([text, takes(text, JSON.parse)]);
      }),
      { numRuns: 3000 },
    );
  });
});
