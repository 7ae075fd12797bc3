import { checkArguments } from './arguments.js';
import { type Complain, complainAbout, type Source, type Token, tokenize } from './lexer.js';
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
  return { expression: new Parser(tokens, complain).whole(), end };
}

class Parser {
  private next = 0;
  private nesting = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly complain: Complain,
  ) {}

  whole(): Expression {
    const expression = this.choice();
    const token = this.peek();
    if (token.kind !== 'end') this.unexpected(token, 'an operator, a filter or the end');
    return expression;
  }

  private choice(): Expression {
    this.nesting += 1;
    if (this.nesting > maxNesting)
      this.complain('the expression is nested too deeply', this.peek().at, undefined, 'limit');
    let then = this.either();
    const at = this.peek().at;
    if (this.takeName('if')) {
      const condition = this.either();
      then = this.takeName('else')
        ? { kind: 'choice', condition, then, otherwise: this.choice(), at }
        : { kind: 'choice', condition, then, at };
    }
    this.nesting -= 1;
    return then;
  }

  private either(): Expression {
    let left = this.both();
    for (let at = this.peek().at; this.takeName('or'); at = this.peek().at) {
      left = { kind: 'logic', operator: 'or', left, right: this.both(), at };
    }
    return left;
  }

  private both(): Expression {
    let left = this.negation();
    for (let at = this.peek().at; this.takeName('and'); at = this.peek().at) {
      left = { kind: 'logic', operator: 'and', left, right: this.negation(), at };
    }
    return left;
  }

  private negation(): Expression {
    let count = 0;
    const at = this.peek().at;
    while (this.takeName('not')) count += 1;
    const operand = this.comparison();
    if (count === 0) return operand;
    const once: Expression = { kind: 'unary', operator: 'not', operand, at };
    return count % 2 === 1 ? once : { kind: 'unary', operator: 'not', operand: once, at };
  }

  private comparison(): Expression {
    const left = this.sum();
    const at = this.peek().at;
    const operator = this.comparisonOperator();
    if (operator === undefined) return left;
    const right = this.sum();
    const after = this.peek().at;
    if (this.comparisonOperator() !== undefined) {
      this.complain('comparisons cannot be chained', after, 'join them: `a < b and b < c`');
    }
    return { kind: 'binary', operator, left, right, at };
  }

  private comparisonOperator(): CompareOperator | undefined {
    const token = this.peek();
    if (token.kind === 'sign' && isComparison(token.text)) {
      this.next += 1;
      return token.text;
    }
    if (this.takeSign('=')) return this.complain('`=` does not compare', token.at, 'write `==`');
    if (this.takeName('in')) return 'in';
    const following = this.tokens[this.next + 1];
    if (token.kind === 'name' && token.text === 'not' && following?.kind === 'name' && following.text === 'in') {
      this.next += 2;
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
      const token = this.peek();
      const operator = token.kind === 'sign' ? operators.find((one) => one === token.text) : undefined;
      if (operator === undefined) return left;
      this.next += 1;
      left = { kind: 'binary', operator, left, right: operand(), at: token.at };
    }
  }

  private signed(): Expression {
    return this.filtered(this.postfixed(this.unsigned()));
  }

  private unsigned(): Expression {
    const token = this.peek();
    for (const operator of ['-', '+'] as const) {
      if (!this.takeSign(operator)) continue;
      if (this.peek().kind === 'sign' && ['-', '+'].includes(this.peek().text)) this.unexpected(this.peek(), 'a value');
      return { kind: 'unary', operator, operand: this.postfixed(this.primary()), at: token.at };
    }
    return this.primary();
  }

  private postfixed(of: Expression): Expression {
    let value = of;
    for (;;) {
      const token = this.peek();
      if (this.takeSign('.')) {
        const name = this.peek();
        if (name.kind !== 'name' && !(name.kind === 'number' && /^[0-9]+$/.test(name.text))) {
          this.unexpected(name, 'a name behind the dot');
        }
        this.next += 1;
        value =
          name.kind === 'number'
            ? { kind: 'index', of: value, index: { kind: 'literal', value: name.value, at: name.at }, at: token.at }
            : { kind: 'attribute', of: value, name: name.text, at: name.at };
      } else if (this.takeSign('[')) {
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
    const from = this.isSign(':') ? undefined : this.choice();
    if (!this.takeSign(':')) {
      this.expectSign(']', at);
      if (from === undefined) return this.unexpected(this.peek(), 'an index');
      return { kind: 'index', of, index: from, at };
    }
    const to = this.isSign(']') ? undefined : this.choice();
    this.expectSign(']', at);
    return { kind: 'slice', of, ...(from && { from }), ...(to && { to }), at };
  }

  private filtered(of: Expression): Expression {
    let value = of;
    for (;;) {
      if (this.takeSign('|')) {
        const name = this.dottedName('the name of a filter');
        const args = this.isSign('(') ? this.args() : { positional: [], named: [] };
        checkArguments('filter', name, args, this.complain);
        value = { kind: 'filter', of: value, name: name.text, ...args, at: name.at };
      } else if (this.takeName('is')) {
        value = this.test(value);
      } else {
        return value;
      }
    }
  }

  private test(of: Expression): Expression {
    const negated = this.takeName('not');
    const token = this.peek();
    const name = token.kind === 'name' && token.text === 'in' ? token : undefined;
    if (name) this.next += 1;
    const { text, at } = name ?? this.dottedName('the name of a test');
    const single = (testArity(text)?.max ?? 0) > 0 && !this.isSign('(');
    const args = single
      ? { positional: [this.postfixed(this.unsigned())], named: [] }
      : this.isSign('(')
        ? this.args()
        : { positional: [], named: [] };
    checkArguments('test', { text, at }, args, this.complain);
    return { kind: 'test', of, name: text, negated, ...args, at };
  }

  private args(): Arguments {
    const at = this.peek().at;
    this.expectSign('(', at);
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    while (!this.isSign(')')) {
      const token = this.peek();
      const following = this.tokens[this.next + 1];
      if (token.kind === 'name' && following?.kind === 'sign' && following.text === '=') {
        this.next += 2;
        named.push([token.text, this.choice()]);
      } else {
        if (named.length > 0) this.complain('an argument without a name cannot follow one with a name', token.at);
        positional.push(this.choice());
      }
      if (!this.takeSign(',')) break;
    }
    this.expectSign(')', at);
    return { positional, named };
  }

  private primary(): Expression {
    const token = this.peek();
    this.next += 1;
    if (token.kind === 'number') return { kind: 'literal', value: token.value, at: token.at };
    if (token.kind === 'string') {
      let text = token.text;
      for (let more = this.peek(); more.kind === 'string'; more = this.peek()) {
        text += more.text;
        this.next += 1;
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
      this.expectSign(')', token.at);
      return inner;
    }
    if (token.kind === 'sign' && token.text === '[') return this.list(token.at);
    if (token.kind === 'sign' && token.text === '{') return this.map(token.at);
    this.next -= 1;
    return this.unexpected(token, 'a value');
  }

  private list(at: number): Expression {
    const items: Expression[] = [];
    while (!this.isSign(']')) {
      items.push(this.choice());
      if (!this.takeSign(',')) break;
    }
    this.expectSign(']', at);
    return { kind: 'list', items, at };
  }

  private map(at: number): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.isSign('}')) {
      const key = this.choice();
      if (!this.takeSign(':')) this.unexpected(this.peek(), '`:` and a value');
      entries.push([key, this.choice()]);
      if (!this.takeSign(',')) break;
    }
    this.expectSign('}', at);
    return { kind: 'map', entries, at };
  }

  private dottedName(expected: string): { text: string; at: number } {
    const token = this.peek();
    if (token.kind !== 'name') return this.unexpected(token, expected);
    this.next += 1;
    let text = token.text;
    while (this.takeSign('.')) {
      const part = this.peek();
      if (part.kind !== 'name') return this.unexpected(part, expected);
      this.next += 1;
      text += `.${part.text}`;
    }
    return { text, at: token.at };
  }

  private peek(): Token {
    return this.tokens[this.next] ?? { kind: 'end', text: 'the end', at: this.tokens.at(-1)?.at ?? 0 };
  }

  private isSign(text: string): boolean {
    const token = this.peek();
    return token.kind === 'sign' && token.text === text;
  }

  private takeSign(text: string): boolean {
    if (!this.isSign(text)) return false;
    this.next += 1;
    return true;
  }

  private takeName(text: string): boolean {
    const token = this.peek();
    if (token.kind !== 'name' || token.text !== text) return false;
    this.next += 1;
    return true;
  }

  private expectSign(text: string, opened: number): void {
    if (this.takeSign(text)) return;
    const token = this.peek();
    if (token.kind === 'end') this.complain(`a \`${text}\` is missing: it was opened here`, opened);
    this.unexpected(token, `\`${text}\``);
  }

  private unexpected(token: Token, expected: string): never {
    const found = token.kind === 'end' ? 'the expression ends' : `there is \`${token.text}\``;
    return this.complain(`${found} where ${expected} belongs`, token.at);
  }
}

function isComparison(text: string): text is CompareOperator {
  return comparisons.has(text);
}
