import type { Complain, Token } from './lexer.js';

/** Walks over the tokens of an expression. */
export class Cursor {
  private next = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly complain: Complain,
  ) {}

  advance(count = 1): void {
    this.next += count;
  }

  following(): Token | undefined {
    return this.tokens[this.next + 1];
  }

  peek(): Token {
    return this.tokens[this.next] ?? { kind: 'end', text: 'the end', at: this.tokens.at(-1)?.at ?? 0 };
  }

  isSign(text: string): boolean {
    const token = this.peek();
    return token.kind === 'sign' && token.text === text;
  }

  takeSign(text: string): boolean {
    if (!this.isSign(text)) return false;
    this.next += 1;
    return true;
  }

  takeName(text: string): boolean {
    const token = this.peek();
    if (token.kind !== 'name' || token.text !== text) return false;
    this.next += 1;
    return true;
  }

  expectSign(text: string, opened: number): void {
    if (this.takeSign(text)) return;
    const token = this.peek();
    if (token.kind === 'end') this.complain(`a \`${text}\` is missing: it was opened here`, opened);
    this.unexpected(token, `\`${text}\``);
  }

  unexpected(token: Token, expected: string): never {
    const found = token.kind === 'end' ? 'the expression ends' : `there is \`${token.text}\``;
    return this.complain(`${found} where ${expected} belongs`, token.at);
  }
}
