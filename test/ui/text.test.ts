import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clean, column, duration, plural, runTitle, truncate, waitingPhrase, width, wrap } from '../../src/ui/text.js';

describe('clean', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['cursor movements', 'a\u001b[2J\u001b[1;1Hb', 'ab'],
    ['a window title', '\u001b]0;owned\u0007name', 'name'],
    ['a C1 introducer', 'a\u009b31mb', 'ab'],
    ['a lone escape', 'a\u001b', 'a'],
    ['bells and backspaces', 'a\u0007\b\u0000b', 'ab'],
    ['reordering of what is read', 'safe\u202egnp.exe', 'safegnp.exe'],
    ['tabs', 'a\tb', 'a b'],
    ['half a surrogate pair', 'a\ud800b', 'a\ufffdb'],
  ])('takes out %s', (_, text, expected) => {
    expect(clean(text)).toBe(expected);
  });

  it('keeps the last state of a progress bar', () => {
    expect(clean('10 %\r50 %\r90 %')).toBe('90 %');
    expect(clean('done\r\n')).toBe('done');
  });

  it('leaves no control character in any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(clean(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });
});

describe('width, truncate, column', () => {
  it.each([
    ['docker41', 8],
    ['日本', 4],
    ['e\u0301', 1],
    ['👍', 2],
    ['ｆｕｌｌ', 8],
  ])('%s takes %i cells', (text, cells) => {
    expect(width(text)).toBe(cells);
  });

  it('cuts by cells and says so', () => {
    expect(truncate('日本語日本語', 7)).toBe('日本語…');
    expect(truncate('abcdef', 4, '...')).toBe('a...');
    expect(truncate('abc', 3)).toBe('abc');
    expect(truncate('abc', 0)).toBe('');
  });

  it('bounds a letter with a thousand marks', () => {
    expect(truncate(`a${'\u0301'.repeat(1000)}`, 5).length).toBeLessThan(60);
  });

  it('fills a column exactly, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 60 }), (text, room) => {
        const cleaned = clean(text);
        expect(width(truncate(cleaned, room))).toBeLessThanOrEqual(room);
        expect(width(column(cleaned, room))).toBe(room);
      }),
    );
  });
});

describe('wrap', () => {
  it('keeps every word and no line is too long', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z日]{1,30}$/), { minLength: 1 }),
        fc.integer({ min: 8, max: 40 }),
        (words, room) => {
          const lines = wrap(words.join(' '), room);
          expect(lines.every((line) => width(line) <= room)).toBe(true);
          expect(lines.join('').replaceAll(' ', '')).toBe(words.join(''));
        },
      ),
    );
  });
});

describe('words', () => {
  it.each([
    [0, '0.0 s'],
    [449, '0.4 s'],
    [59_940, '59.9 s'],
    [59_999, '59.9 s'],
    [60_000, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_840_000, '1 h 04 min'],
    [-5, '0.0 s'],
  ])('%i ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('counts', () => {
    expect([plural(1, 'host'), plural(2, 'host'), plural(0, 'change')]).toEqual(['1 host', '2 hosts', '0 changes']);
  });

  it('says a command once', () => {
    expect(runTitle('deploy', 'i.yml', 1)).toEqual({ command: 'mesh deploy', rest: ['i.yml', '1 host'] });
    expect(runTitle('mesh deploy i.yml', 'i.yml', 2)).toEqual({ command: 'mesh deploy i.yml', rest: ['2 hosts'] });
  });

  it('says what is waited for', () => {
    expect(waitingPhrase('for the lock')).toBe('waiting for the lock');
    expect(waitingPhrase('the connection was lost; connecting again')).toBe(
      'the connection was lost; connecting again',
    );
  });
});
