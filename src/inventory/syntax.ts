import { type Document, visit, type YAMLParseError } from 'yaml';
import type { Fault, Position } from '../errors.js';
import { excerpt } from './excerpt.js';

/** What is wrong with YAML that cannot be read, in words for people who do not know its grammar. */
export function syntaxFault(
  document: Document.Parsed,
  error: YAMLParseError,
  text: string,
  place: (offset: number) => Position,
): Fault {
  const merge = /^<{7}( |\r?$)/m.exec(text);
  if (merge) {
    const start = place(merge.index);
    const fix = 'keep one side, and remove the lines that start with <<<<<<<, ======= and >>>>>>>';
    return { message: 'a merge was left unfinished here', at: start, excerpt: excerpt(text, start), fix };
  }
  const at = place(openQuote(document, error) ?? error.pos[0]);
  const line = text.split(/\r?\n/)[at.line - 1] ?? '';
  if (error.code === 'TAB_AS_INDENT' || /^ *\t/.test(line)) {
    const column = line.indexOf('\t') + 1;
    const tab = column > 0 ? { ...at, column } : at;
    const message = 'YAML does not allow a tab as indentation';
    return { message, at: tab, excerpt: excerpt(text, tab), fix: 'indent with spaces' };
  }
  const begin = at.column === 1 ? { ...at, column: Math.max(1, line.search(/\S/) + 1) } : at;
  const known = SENTENCES.find(([pattern]) => pattern.test(`${error.code} ${error.message}`));
  const sentence = known?.[1] ?? error.message.replace(/\s+/g, ' ').replace(/[.:]+$/, '');
  const fix = known?.[2] ?? 'put the value in quotes';
  return { message: `not valid YAML: ${sentence}`, at: begin, excerpt: excerpt(text, begin), fix };
}

/** Where the quote was opened that is not closed: the error itself stands at its end, often the end of the file. */
function openQuote(document: Document.Parsed, error: YAMLParseError): number | undefined {
  if (error.code !== 'MISSING_CHAR' || !/quote/.test(error.message)) return undefined;
  let start: number | undefined;
  visit(document, {
    Scalar: (_, { type, range }) => {
      const quoted = type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE';
      if (quoted && range && range[0] <= error.pos[0] && range[1] >= error.pos[0]) start = range[0];
    },
  });
  return start;
}

/** The first that matches the parser's code and message, with the sentence and what to do. */
const SENTENCES: readonly (readonly [RegExp, string, string])[] = [
  [/Missing closing ["']quote/, 'this quote is not closed', 'close it at the end of the value'],
  [
    /sequence .* end with a \]/,
    'a [ before this is not closed',
    'close it with ], or write each item on a line of its own after "- "',
  ],
  [
    /map .* end with a \}/,
    'a { before this is not closed',
    'close it with }, or write each "name: value" on a line of its own',
  ],
  [/^MULTIPLE_DOCS/, 'a second document starts here', 'keep one document in the file: remove this "---"'],
  [
    /Nested mappings are not allowed/,
    'the value holds ": ", as if it were a key',
    'put the whole value in quotes, or write what follows the first colon on lines of its own, indented',
  ],
  [
    /^UNEXPECTED_TOKEN Unexpected .* at node end/,
    'this follows a value that has ended already',
    'put the whole value in quotes; a quote inside single quotes is written twice',
  ],
  [
    /^BAD_INDENT/,
    'this line is indented neither as its neighbours nor as their child',
    'align it with its neighbours; children are indented by two spaces',
  ],
  [/^MULTILINE_IMPLICIT_KEY/, 'this key does not end on its line', 'write ": " after it, on the same line'],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    'this line belongs to nothing',
    'end the line above with a colon, or align this line with its neighbours',
  ],
  [/^BAD_SCALAR_START/, 'no value may start with this character', 'put the value in quotes'],
  [/^BAD_ALIAS/, 'this alias has no name', 'name an anchor (&NAME) that stands above'],
  [/^MISSING_CHAR/, 'a character is missing here', 'close the bracket; a key needs ": " after it'],
];
