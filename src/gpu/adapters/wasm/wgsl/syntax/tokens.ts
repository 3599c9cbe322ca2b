/**
 * Tokens of WGSL source.
 *
 * `<` and `>` around a template list are told from comparisons here, as WGSL section 3.9 (template list discovery) defines:
 * only the tokens say which is which, so `>>` of `array<vec4<f32>>` is never a shift.
 */
import { fail } from '../error.ts';
import type { Place } from '../tree.ts';

export type TokenKind = 'name' | 'number' | 'symbol' | 'template start' | 'template end' | 'end';

export interface Token extends Place {
  readonly kind: TokenKind;
  readonly text: string;
}

const BLANK = /[\s\u0085\u200e\u200f]+/y;
const NAME = /[\p{ID_Start}_][\p{ID_Continue}]*/uy;
const NUMBER =
  /0[xX](?:[\da-fA-F]+\.?[\da-fA-F]*|\.[\da-fA-F]+)(?:[pP][+-]?\d+[fh]?|[iu])?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?/y;
const SYMBOL = /->|<<=|>>=|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||\+\+|--|[-+*/%&|^~!<>=(){}[\];:,.@]/y;
const ASSIGNMENTS = new Set(['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']);
const LINE_BREAK = /[\n\v\f\r\u0085\u2028\u2029]/g;

/** A `<` after a name, and the number of open brackets where it stands. */
interface Candidate {
  readonly token: number;
  readonly depth: number;
}

/** Return the tokens of `source`. The last one is of kind `end`. Throws a `WgslError` on a character that begins no token. */
export function tokenize(source: string): readonly Token[] {
  return new Tokenizer(source).tokenize();
}

class Tokenizer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  readonly #candidates: Candidate[] = [];
  #depth = 0;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(source: string) {
    this.#source = source;
  }

  tokenize(): readonly Token[] {
    while (true) {
      this.#skipBlanks();
      if (this.#offset === this.#source.length) break;
      this.#token();
    }
    this.#add('end', '');
    return this.#tokens;
  }

  get #at(): Place {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  /** Return what `pattern` matches at the present offset, or undefined. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.#source)?.[0];
  }

  #add(kind: TokenKind, text: string): void {
    this.#tokens.push({ kind, text, line: this.#line, column: this.#offset - this.#lineStart + 1 });
    this.#offset += text.length;
  }

  #skipBlanks(): void {
    while (this.#offset < this.#source.length) {
      const start = this.#offset;
      const blank = this.#match(BLANK);
      if (blank !== undefined) this.#offset += blank.length;
      else if (this.#source.startsWith('//', start)) this.#skipLineComment();
      else if (this.#source.startsWith('/*', start)) this.#skipBlockComment();
      else return;
      this.#countLines(start);
    }
  }

  #skipLineComment(): void {
    LINE_BREAK.lastIndex = this.#offset;
    this.#offset = LINE_BREAK.exec(this.#source)?.index ?? this.#source.length;
  }

  /** Skip a block comment; comments nest. */
  #skipBlockComment(): void {
    const at = this.#at;
    let open = 0;
    do {
      if (this.#offset >= this.#source.length) fail(at, 'this comment has no end; close it with */');
      const two = this.#source.substring(this.#offset, this.#offset + 2);
      if (two === '/*') open++;
      if (two === '*/') open--;
      this.#offset += two === '/*' || two === '*/' ? 2 : 1;
    } while (open > 0);
  }

  /** Count the line breaks between `start` and the present offset. A carriage return and a line feed are one. */
  #countLines(start: number): void {
    LINE_BREAK.lastIndex = 0;
    const text = this.#source.substring(start, this.#offset);
    for (let found = LINE_BREAK.exec(text); found; found = LINE_BREAK.exec(text)) {
      if (found[0] === '\r' && this.#source[start + found.index + 1] === '\n') continue;
      this.#line++;
      this.#lineStart = start + found.index + 1;
    }
  }

  #token(): void {
    const name = this.#match(NAME);
    const number = name === undefined ? this.#match(NUMBER) : undefined;
    if (name !== undefined) this.#add('name', name);
    else if (number !== undefined) this.#number(number);
    else {
      const symbol = this.#match(SYMBOL);
      if (symbol === undefined) fail(this.#at, `no token begins with ${this.#source[this.#offset]}`);
      this.#symbol(symbol);
    }
  }

  #number(text: string): void {
    const next = this.#source[this.#offset + text.length] ?? '';
    if (/[\p{ID_Continue}]/u.test(next)) fail(this.#at, `${text}${next} is not a number`);
    this.#add('number', text);
  }

  #symbol(text: string): void {
    const last = this.#candidates.at(-1);
    if (text.startsWith('>') && last?.depth === this.#depth) {
      const start = this.#tokens[last.token];
      if (start) this.#tokens[last.token] = { ...start, kind: 'template start' };
      this.#candidates.pop();
      this.#add('template end', '>');
      return;
    }
    if (text === '<' && this.#tokens.at(-1)?.kind === 'name')
      this.#candidates.push({ token: this.#tokens.length, depth: this.#depth });
    this.#nest(text);
    this.#add('symbol', text);
  }

  /** Drop the candidates that `text` ends: brackets do, `&&`, `||`, and all that no expression contains. */
  #nest(text: string): void {
    if (text === '(' || text === '[') this.#depth++;
    else if (text === ')' || text === ']') {
      this.#dropCandidates();
      this.#depth = Math.max(0, this.#depth - 1);
    } else if (text === '&&' || text === '||') this.#dropCandidates();
    else if (text === ';' || text === '{' || text === ':' || ASSIGNMENTS.has(text)) {
      this.#depth = 0;
      this.#candidates.length = 0;
    }
  }

  #dropCandidates(): void {
    for (
      let last = this.#candidates.at(-1);
      last && last.depth >= this.#depth;
      last = this.#candidates.at(-1)
    )
      this.#candidates.pop();
  }
}
