import { TemplateError, type TemplateFaultKind, type TemplateSpot } from './errors.js';

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: string; readonly at: number };

/** Where an expression lies within the string that holds it. */
export interface Source {
  readonly text: string;
  readonly from: number;
  /** Ends at `}}` of its own level (a template), or at the end of the text (a condition). */
  readonly until: 'braces' | 'end';
}

export type Complain = (problem: string, at: number, fix?: string, kind?: TemplateFaultKind) => never;

/** Throws a syntax error at an index of `text`. */
export function complainAbout(text: string): Complain {
  return (problem, offset, fix, kind = 'syntax') => {
    const spot: TemplateSpot = { text, offset: Math.min(offset, text.length), via: [] };
    throw new TemplateError(kind, problem, spot, fix);
  };
}

/** Longest expression, in characters. Ends a parse early that nobody meant to write. */
export const maxExpressionLength = 8192;

const signs = [
  '//',
  '**',
  '==',
  '!=',
  '<=',
  '>=',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '.',
  '|',
  '+',
  '-',
  '*',
  '/',
];
const allSigns = [...signs, '%', '~', '<', '>', '='];
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' };

/** The tokens of one expression and the index behind it (behind its `}}`, if that ends it). */
export function tokenize(source: Source): { readonly tokens: readonly Token[]; readonly end: number } {
  const { text } = source;
  const complain = complainAbout(text);
  const tokens: Token[] = [];
  let open = 0;
  let at = source.from;
  for (;;) {
    while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
    if (at - source.from > maxExpressionLength) {
      complain(`the expression is longer than ${maxExpressionLength} characters`, source.from, undefined, 'limit');
    }
    if (at >= text.length) {
      if (source.until === 'braces') complain('the template has no end: `}}` is missing', source.from - 2);
      tokens.push({ kind: 'end', text: 'the end', at });
      return { tokens, end: at };
    }
    if (source.until === 'braces' && open === 0 && text.startsWith('}}', at)) {
      tokens.push({ kind: 'end', text: '}}', at });
      return { tokens, end: at + 2 };
    }
    const token = nextToken(text, at, complain);
    if (token.kind === 'sign' && token.text === '{') open += 1;
    if (token.kind === 'sign' && token.text === '}') open = Math.max(0, open - 1);
    at = token.end;
    tokens.push(token);
  }
}

function nextToken(text: string, at: number, complain: Complain): Token & { readonly end: number } {
  const first = text.charAt(at);
  if (first === '"' || first === "'") return quoted(text, at, complain);
  const name = /[A-Za-z_][A-Za-z0-9_]*/y;
  name.lastIndex = at;
  const word = name.exec(text)?.[0];
  if (word !== undefined) return { kind: 'name', text: word, at, end: at + word.length };
  const digits = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  digits.lastIndex = at;
  const number = digits.exec(text)?.[0];
  if (number !== undefined) {
    const value = Number(number);
    if (!Number.isFinite(value)) complain(`${number} is too large a number`, at);
    if (/[A-Za-z_]/.test(text.charAt(at + number.length))) complain('a name cannot begin with a digit', at);
    return { kind: 'number', text: number, value, at, end: at + number.length };
  }
  const sign = allSigns.find((candidate) => text.startsWith(candidate, at));
  if (sign !== undefined) return { kind: 'sign', text: sign, at, end: at + sign.length };
  const hints: Readonly<Record<string, string>> = {
    '&': 'write `and`',
    '!': 'write `not`',
    $: 'variables are written without a `$`',
    '?': 'write `a if condition else b`',
  };
  const shown = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return complain(`\`${shown}\` has no meaning in an expression`, at, hints[first]);
}

function quoted(text: string, at: number, complain: Complain): Token & { readonly end: number } {
  const mark = text.charAt(at);
  let value = '';
  for (let index = at + 1; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === mark) return { kind: 'string', text: value, at, end: index + 1 };
    if (character !== '\\') {
      value += character;
      continue;
    }
    index += 1;
    const escaped = Object.hasOwn(escapes, text.charAt(index)) ? escapes[text.charAt(index)] : undefined;
    if (escaped === undefined)
      complain(
        'a backslash here must be followed by n, t, r, a quote or a backslash',
        index - 1,
        'write `\\\\` for a backslash',
      );
    value += escaped;
  }
  return complain(`the text has no end: a ${mark} is missing`, at);
}
