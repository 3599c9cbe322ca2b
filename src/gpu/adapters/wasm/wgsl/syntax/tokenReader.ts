/** A reader of tokens, for the parser. */
import { fail } from '../error.ts';
import { isReserved } from './reserved.ts';
import { type Token, tokenize } from './tokens.ts';

/** Most expressions and statements that may stand in each other. A parser that calls itself needs a limit. */
const MAX_DEPTH = 500;

export class TokenReader {
  readonly #tokens: Token[];
  #position = 0;
  #depth = 0;
  /** The token that comes next. Behind the source it is of kind `end`. */
  next: Token;

  constructor(source: string) {
    this.#tokens = [...tokenize(source)];
    this.next = this.#at(0);
  }

  #at(position: number): Token {
    const token = this.#tokens[Math.min(position, this.#tokens.length - 1)];
    if (!token) throw new RangeError('a list of tokens ends with one of kind end');
    return token;
  }

  /** Return the next token and go past it. */
  take(): Token {
    const token = this.next;
    this.#position++;
    this.next = this.#at(this.#position);
    return token;
  }

  /** Call a function that parses what may contain the like. Throws a `WgslError` if too much stands in each other. */
  nested<T>(parse: () => T): T {
    if (this.#depth === MAX_DEPTH)
      fail(this.next, `more than ${MAX_DEPTH} expressions or blocks stand in each other`);
    this.#depth++;
    const parsed = parse();
    this.#depth--;
    return parsed;
  }

  /** Return true if the next token is this keyword or symbol. */
  sees(text: string): boolean {
    return this.next.text === text && this.next.kind !== 'end';
  }

  /** Go past the next token if it is this keyword or symbol; return true then. */
  skip(text: string): boolean {
    const seen = this.sees(text);
    if (seen) this.take();
    return seen;
  }

  /** Take a `--` that comes next for two minus signs: it is a decrement only at the end of a statement (WGSL section 3.1). */
  splitDecrement(): void {
    if (!this.sees('--')) return;
    const { line, column } = this.next;
    this.next = { kind: 'symbol', text: '-', line, column };
    this.#tokens.splice(this.#position, 1, this.next, { ...this.next, column: column + 1 });
  }

  /** Go past this keyword or symbol. Throws a `WgslError` if another token comes next. */
  expect(text: string): Token {
    return this.sees(text) ? this.take() : this.unexpected(text);
  }

  /** Take an identifier that is not reserved. `what` describes it in the error. */
  name(what: string): string {
    const { kind, text } = this.next;
    if (kind !== 'name') return this.unexpected(what);
    if (isReserved(text)) fail(this.next, `${text} is a reserved word of WGSL; take another name`);
    if (text === '_' || text.startsWith('__'))
      fail(this.next, `${text} is not a name; names do not begin with two underscores`);
    return this.take().text;
  }

  /** Take an identifier or a keyword. */
  word(what: string): string {
    return this.next.kind === 'name' ? this.take().text : this.unexpected(what);
  }

  /** Take items with commas between them up to the symbol `close`, and `close`. A comma may stand before it. */
  listUntil<T>(close: string, item: () => T): readonly T[] {
    return this.#list(() => this.skip(close), close, item);
  }

  /** Go past a template list, if one comes next, and return its items, at least one. */
  templateList<T>(item: () => T): readonly T[] | undefined {
    if (this.next.kind !== 'template start') return undefined;
    this.take();
    const first = item();
    this.skip(',');
    return [first, ...this.#list(() => this.#skipTemplateEnd(), '>', item)];
  }

  #skipTemplateEnd(): boolean {
    const ends = this.next.kind === 'template end';
    if (ends) this.take();
    return ends;
  }

  #list<T>(ends: () => boolean, close: string, item: () => T): readonly T[] {
    const items: T[] = [];
    while (!ends()) {
      items.push(item());
      if (this.skip(',')) continue;
      if (ends()) break;
      this.unexpected(`, or ${close}`);
    }
    return items;
  }

  /** Throw a `WgslError`: another token was expected. */
  unexpected(expected: string): never {
    const found = this.next.kind === 'end' ? 'the end of the source' : this.next.text;
    return fail(this.next, `expected ${expected}, found ${found}`);
  }
}
