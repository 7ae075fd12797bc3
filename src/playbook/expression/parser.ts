import { checkArguments } from './arguments.js';
import { Cursor } from './cursor.js';
import { type Complain, complainAbout, type Source, tokenize } from './lexer.js';
import { filterArity, testArity } from './names.js';
import type { Arguments, ArithmeticOperator, CompareOperator, Expression } from './syntax.js';

/** How deep parentheses, lists and choices may nest. */
export const maxNesting = 50;

const keywords = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else']);
const constants = new Map<string, null | boolean>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
  ['null', null],
]);
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);

/**
 * One expression: Jinja's grammar for expressions without calls, with Jinja's precedence (filters and tests bind
 * tighter than arithmetic, `~` tighter than `+`, `not` looser than comparisons).
 *
 * @returns the expression and the index behind it.
 * @throws {TemplateError} of kind syntax or limit.
 */
export function parseExpression(source: Source): { readonly expression: Expression; readonly end: number } {
  const { tokens, end } = tokenize(source);
  const complain = complainAbout(source.text);
  const last = tokens.at(-1);
  if (tokens[0] === last) complain('there is no expression here', tokens[0]?.at ?? source.from);
  return { expression: new Parser(new Cursor(tokens, complain), complain).whole(), end };
}

class Parser {
  private nesting = 0;

  constructor(
    private readonly cursor: Cursor,
    private readonly complain: Complain,
  ) {}

  whole(): Expression {
    const expression = this.choice();
    const token = this.cursor.peek();
    if (token.kind !== 'end') this.cursor.unexpected(token, 'an operator, a filter or the end');
    return expression;
  }

  private choice(): Expression {
    this.nesting += 1;
    if (this.nesting > maxNesting)
      this.complain('the expression is nested too deeply', this.cursor.peek().at, undefined, 'limit');
    let then = this.either();
    const at = this.cursor.peek().at;
    if (this.cursor.takeName('if')) {
      const condition = this.either();
      then = this.cursor.takeName('else')
        ? { kind: 'choice', condition, then, otherwise: this.choice(), at }
        : { kind: 'choice', condition, then, at };
    }
    this.nesting -= 1;
    return then;
  }

  private either(): Expression {
    let left = this.both();
    for (let at = this.cursor.peek().at; this.cursor.takeName('or'); at = this.cursor.peek().at) {
      left = { kind: 'logic', operator: 'or', left, right: this.both(), at };
    }
    return left;
  }

  private both(): Expression {
    let left = this.negation();
    for (let at = this.cursor.peek().at; this.cursor.takeName('and'); at = this.cursor.peek().at) {
      left = { kind: 'logic', operator: 'and', left, right: this.negation(), at };
    }
    return left;
  }

  private negation(): Expression {
    let count = 0;
    const at = this.cursor.peek().at;
    while (this.cursor.takeName('not')) count += 1;
    const operand = this.comparison();
    if (count === 0) return operand;
    const once: Expression = { kind: 'unary', operator: 'not', operand, at };
    return count % 2 === 1 ? once : { kind: 'unary', operator: 'not', operand: once, at };
  }

  private comparison(): Expression {
    const left = this.sum();
    const at = this.cursor.peek().at;
    const operator = this.comparisonOperator();
    if (operator === undefined) return left;
    const right = this.sum();
    const after = this.cursor.peek().at;
    if (this.comparisonOperator() !== undefined) {
      this.complain('comparisons cannot be chained', after, 'join them: `a < b and b < c`');
    }
    return { kind: 'binary', operator, left, right, at };
  }

  private comparisonOperator(): CompareOperator | undefined {
    const token = this.cursor.peek();
    if (token.kind === 'sign' && isComparison(token.text)) {
      this.cursor.advance();
      return token.text;
    }
    if (this.cursor.takeSign('=')) return this.complain('`=` does not compare', token.at, 'write `==`');
    if (this.cursor.takeName('in')) return 'in';
    const following = this.cursor.following();
    if (token.kind === 'name' && token.text === 'not' && following?.kind === 'name' && following.text === 'in') {
      this.cursor.advance(2);
      return 'not in';
    }
    return undefined;
  }

  private sum(): Expression {
    return this.chain(['+', '-'], () => this.joined());
  }

  private joined(): Expression {
    return this.chain(['~'], () => this.product());
  }

  private product(): Expression {
    return this.chain(['*', '/', '//', '%'], () => this.signed());
  }

  private chain(operators: readonly ArithmeticOperator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const token = this.cursor.peek();
      const operator = token.kind === 'sign' ? operators.find((one) => one === token.text) : undefined;
      if (operator === undefined) return left;
      this.cursor.advance();
      left = { kind: 'binary', operator, left, right: operand(), at: token.at };
    }
  }

  private signed(): Expression {
    return this.filtered(this.postfixed(this.unsigned()));
  }

  private unsigned(): Expression {
    const token = this.cursor.peek();
    for (const operator of ['-', '+'] as const) {
      if (!this.cursor.takeSign(operator)) continue;
      if (this.cursor.peek().kind === 'sign' && ['-', '+'].includes(this.cursor.peek().text))
        this.cursor.unexpected(this.cursor.peek(), 'a value');
      return { kind: 'unary', operator, operand: this.postfixed(this.primary()), at: token.at };
    }
    return this.primary();
  }

  private postfixed(of: Expression): Expression {
    let value = of;
    for (;;) {
      const token = this.cursor.peek();
      if (this.cursor.takeSign('.')) {
        const name = this.cursor.peek();
        if (name.kind !== 'name' && !(name.kind === 'number' && /^[0-9]+$/.test(name.text))) {
          this.cursor.unexpected(name, 'a name behind the dot');
        }
        this.cursor.advance();
        value =
          name.kind === 'number'
            ? { kind: 'index', of: value, index: { kind: 'literal', value: name.value, at: name.at }, at: token.at }
            : { kind: 'attribute', of: value, name: name.text, at: name.at };
      } else if (this.cursor.takeSign('[')) {
        value = this.subscript(value, token.at);
      } else if (token.kind === 'sign' && token.text === '(') {
        this.call(value, token.at);
      } else {
        return value;
      }
    }
  }

  private call(value: Expression, at: number): never {
    const method = value.kind === 'attribute' || value.kind === 'name' ? value.name : undefined;
    if (value.kind === 'name' && (method === 'lookup' || method === 'query')) {
      return this.complain('lookups are not supported: an expression reads variables and nothing else', value.at);
    }
    const filter =
      method !== undefined && filterArity(method) !== undefined
        ? `write \`| ${method}\``
        : 'use a filter: `value | filter`';
    return this.complain('nothing can be called in an expression', at, filter);
  }

  private subscript(of: Expression, at: number): Expression {
    const from = this.cursor.isSign(':') ? undefined : this.choice();
    if (!this.cursor.takeSign(':')) {
      this.cursor.expectSign(']', at);
      if (from === undefined) return this.cursor.unexpected(this.cursor.peek(), 'an index');
      return { kind: 'index', of, index: from, at };
    }
    const to = this.cursor.isSign(']') ? undefined : this.choice();
    this.cursor.expectSign(']', at);
    return { kind: 'slice', of, ...(from && { from }), ...(to && { to }), at };
  }

  private filtered(of: Expression): Expression {
    let value = of;
    for (;;) {
      if (this.cursor.takeSign('|')) {
        const name = this.dottedName('the name of a filter');
        const args = this.cursor.isSign('(') ? this.args() : { positional: [], named: [] };
        checkArguments('filter', name, args, this.complain);
        value = { kind: 'filter', of: value, name: name.text, ...args, at: name.at };
      } else if (this.cursor.takeName('is')) {
        value = this.test(value);
      } else {
        return value;
      }
    }
  }

  private test(of: Expression): Expression {
    const negated = this.cursor.takeName('not');
    const token = this.cursor.peek();
    const name = token.kind === 'name' && token.text === 'in' ? token : undefined;
    if (name) this.cursor.advance();
    const { text, at } = name ?? this.dottedName('the name of a test');
    const single = (testArity(text)?.max ?? 0) > 0 && !this.cursor.isSign('(');
    const args = single
      ? { positional: [this.postfixed(this.unsigned())], named: [] }
      : this.cursor.isSign('(')
        ? this.args()
        : { positional: [], named: [] };
    checkArguments('test', { text, at }, args, this.complain);
    return { kind: 'test', of, name: text, negated, ...args, at };
  }

  private args(): Arguments {
    const at = this.cursor.peek().at;
    this.cursor.expectSign('(', at);
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    while (!this.cursor.isSign(')')) {
      const token = this.cursor.peek();
      const following = this.cursor.following();
      if (token.kind === 'name' && following?.kind === 'sign' && following.text === '=') {
        this.cursor.advance(2);
        named.push([token.text, this.choice()]);
      } else {
        if (named.length > 0) this.complain('an argument without a name cannot follow one with a name', token.at);
        positional.push(this.choice());
      }
      if (!this.cursor.takeSign(',')) break;
    }
    this.cursor.expectSign(')', at);
    return { positional, named };
  }

  private primary(): Expression {
    const token = this.cursor.peek();
    this.cursor.advance();
    if (token.kind === 'number') return { kind: 'literal', value: token.value, at: token.at };
    if (token.kind === 'string') {
      let text = token.text;
      for (let more = this.cursor.peek(); more.kind === 'string'; more = this.cursor.peek()) {
        text += more.text;
        this.cursor.advance();
      }
      return { kind: 'literal', value: text, at: token.at };
    }
    if (token.kind === 'name' && !keywords.has(token.text)) {
      const constant = constants.get(token.text);
      if (constant !== undefined) return { kind: 'literal', value: constant, at: token.at };
      return { kind: 'name', name: token.text, at: token.at };
    }
    if (token.kind === 'sign' && token.text === '(') {
      const inner = this.choice();
      this.cursor.expectSign(')', token.at);
      return inner;
    }
    if (token.kind === 'sign' && token.text === '[') return this.list(token.at);
    if (token.kind === 'sign' && token.text === '{') return this.map(token.at);
    return this.cursor.unexpected(token, 'a value');
  }

  private list(at: number): Expression {
    const items: Expression[] = [];
    while (!this.cursor.isSign(']')) {
      items.push(this.choice());
      if (!this.cursor.takeSign(',')) break;
    }
    this.cursor.expectSign(']', at);
    return { kind: 'list', items, at };
  }

  private map(at: number): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.cursor.isSign('}')) {
      const key = this.choice();
      if (!this.cursor.takeSign(':')) this.cursor.unexpected(this.cursor.peek(), '`:` and a value');
      entries.push([key, this.choice()]);
      if (!this.cursor.takeSign(',')) break;
    }
    this.cursor.expectSign('}', at);
    return { kind: 'map', entries, at };
  }

  private dottedName(expected: string): { text: string; at: number } {
    const token = this.cursor.peek();
    if (token.kind !== 'name') return this.cursor.unexpected(token, expected);
    this.cursor.advance();
    let text = token.text;
    while (this.cursor.takeSign('.')) {
      const part = this.cursor.peek();
      if (part.kind !== 'name') return this.cursor.unexpected(part, expected);
      this.cursor.advance();
      text += `.${part.text}`;
    }
    return { text, at: token.at };
  }
}

function isComparison(text: string): text is CompareOperator {
  return comparisons.has(text);
}
