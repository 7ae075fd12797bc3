import { complainAbout } from './lexer.js';
import { parseExpression } from './parser.js';
import type { Expression } from './syntax.js';

/** The parts of a string in order: plain text as it is, templates as expressions. */
export type Segments = readonly (string | Expression)[];

const remembered = new Map<string, Segments>();
const rememberedAtMost = 2000;

/**
 * Splits a string into text and `{{ expression }}`.
 *
 * @throws {TemplateError} of kind syntax, for `{% … %}` and `{# … #}` too: text that Jinja would take out is never passed
 * on as if it were meant.
 */
export function parseTemplate(text: string): Segments {
  const known = remembered.get(text);
  if (known) return known;
  const segments = split(text);
  if (remembered.size >= rememberedAtMost) remembered.clear();
  remembered.set(text, segments);
  return segments;
}

function split(text: string): Segments {
  const complain = complainAbout(text);
  const segments: (string | Expression)[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('{{', at);
    refuseStatements(text, at, open < 0 ? text.length : open, complain);
    if (open !== at && at < text.length) segments.push(text.slice(at, open < 0 ? text.length : open));
    if (open < 0) return segments.length > 0 ? segments : [''];
    if (text.startsWith('{{-', open)) trimming(open, complain);
    const { expression, end } = parseExpression({ text, from: open + 2, until: 'braces' });
    segments.push(expression);
    at = end;
  }
}

function trimming(at: number, complain: ReturnType<typeof complainAbout>): never {
  return complain('`{{-` is not supported', at, 'write `{{ ` and leave the space out yourself');
}

function refuseStatements(text: string, from: number, to: number, complain: ReturnType<typeof complainAbout>): void {
  const part = text.slice(from, to);
  const statement = part.indexOf('{%');
  if (statement >= 0) {
    const fix = "use `when`, `loop` or `a if condition else b`; write `{{ '{%' }}` for these characters themselves";
    complain('statements (`{% … %}`) are not supported', from + statement, fix);
  }
  const comment = part.indexOf('{#');
  if (comment >= 0 && part.indexOf('#}', comment) >= 0) {
    const fix = "write a YAML comment; write `{{ '{#' }}` for these characters themselves";
    complain('comments (`{# … #}`) are not supported', from + comment, fix);
  }
}
