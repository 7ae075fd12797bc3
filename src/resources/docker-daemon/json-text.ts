/** A JSON value as JSON.parse gives it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** Text that is not JSON: what is wrong, and where. Line and column count from 1. */
export class JsonTextError extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(message);
    this.name = 'JsonTextError';
  }
}

/** Where a member of an object stands in a text: offsets of its name, and of its value's begin and end. */
export interface Member {
  readonly name: string;
  readonly nameAt: number;
  readonly valueAt: number;
  readonly end: number;
}

export interface Scanned {
  /** Offset of the first character of the value, and of the one after it. */
  readonly at: number;
  readonly end: number;
  /** The members, if the value is an object, in the order of the text. */
  readonly members: readonly Member[] | null;
}

/**
 * Reads a whole text that holds one JSON value (RFC 8259) and says where the members of its outermost object stand.
 *
 * @throws {JsonTextError} with the place of the first thing that is wrong.
 */
export function scanJson(text: string): Scanned {
  const at = skipSpace(text, 0);
  const value = scanValue(text, at);
  const rest = skipSpace(text, value.end);
  if (rest < text.length) throw wrong(text, rest, 'something follows the end of the JSON value');
  return value;
}

const LITERAL = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

function scanValue(text: string, at: number): Scanned {
  const first = text[at];
  if (first === '{') return scanObject(text, at);
  if (first === '[') return { at, end: scanArray(text, at), members: null };
  if (first === '"') return { at, end: scanString(text, at), members: null };
  const end = match(LITERAL, text, at);
  if (end === undefined)
    throw wrong(text, at, first === undefined ? 'the text ends too early' : 'a value is expected here');
  return { at, end, members: null };
}

function scanObject(text: string, at: number): Scanned {
  const members: Member[] = [];
  let next = skipSpace(text, at + 1);
  if (text[next] === '}') return { at, end: next + 1, members };
  for (;;) {
    const nameAt = next;
    const nameEnd = scanString(text, nameAt, 'a name in double quotes is expected here');
    const colon = skipSpace(text, nameEnd);
    if (text[colon] !== ':') throw wrong(text, colon, 'a colon is expected here');
    const valueAt = skipSpace(text, colon + 1);
    const { end } = scanValue(text, valueAt);
    const name: unknown = JSON.parse(text.slice(nameAt, nameEnd));
    members.push({ name: String(name), nameAt, valueAt, end });
    next = skipSpace(text, end);
    if (text[next] === '}') return { at, end: next + 1, members };
    if (text[next] !== ',') throw wrong(text, next, 'a comma or a closing brace is expected here');
    next = skipSpace(text, next + 1);
  }
}

function scanArray(text: string, at: number): number {
  let next = skipSpace(text, at + 1);
  if (text[next] === ']') return next + 1;
  for (;;) {
    next = skipSpace(text, scanValue(text, next).end);
    if (text[next] === ']') return next + 1;
    if (text[next] !== ',') throw wrong(text, next, 'a comma or a closing bracket is expected here');
    next = skipSpace(text, next + 1);
  }
}

function scanString(text: string, at: number, message = 'a text in double quotes is expected here'): number {
  const end = match(STRING, text, at);
  if (end === undefined)
    throw wrong(text, at, text[at] === '"' ? 'this text is not closed, or holds a bad escape' : message);
  return end;
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && ' \t\r\n'.includes(text.charAt(next))) next += 1;
  return next;
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function wrong(text: string, at: number, message: string): JsonTextError {
  const before = text.slice(0, at).split('\n');
  return new JsonTextError(message, before.length, (before.at(-1) ?? '').length + 1);
}
