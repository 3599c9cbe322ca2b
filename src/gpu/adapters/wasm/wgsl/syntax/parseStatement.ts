/** The statements of the grammar (WGSL section 9). */
import { fail } from '../error.ts';
import type { BinaryOperator } from '../tree.ts';
import type {
  AttributeSyntax,
  BlockSyntax,
  CaseSyntax,
  DeclarationSyntax,
  ExpressionSyntax,
  StatementSyntax,
} from './nodes.ts';
import { parseExpression, parseName, parseTemplate, parseUnary } from './parseExpression.ts';
import type { TokenReader } from './tokenReader.ts';

const COMPOUND: ReadonlyMap<string, BinaryOperator> = new Map<string, BinaryOperator>([
  ['+=', '+'],
  ['-=', '-'],
  ['*=', '*'],
  ['/=', '/'],
  ['%=', '%'],
  ['&=', '&'],
  ['|=', '|'],
  ['^=', '^'],
  ['<<=', '<<'],
  ['>>=', '>>'],
]);

/** Parse `{ … }`. */
export function parseBlock(tokens: TokenReader): BlockSyntax {
  const at = tokens.expect('{');
  const body = tokens.nested(() => parseStatements(tokens));
  tokens.expect('}');
  return { kind: 'block', body, at };
}

/** Parse a `let`, `var` or `const`, without the semicolon. */
export function parseVariable(
  tokens: TokenReader,
  attributes: readonly AttributeSyntax[],
): DeclarationSyntax {
  const keyword = tokens.take().text;
  if (keyword !== 'let' && keyword !== 'var' && keyword !== 'const')
    throw new RangeError(`${keyword} declares no variable`);
  const template = keyword === 'var' ? parseTemplate(tokens) : undefined;
  const at = tokens.next;
  const name = tokens.name('the name of a variable');
  const type = tokens.skip(':') ? parseName(tokens) : undefined;
  const value = tokens.skip('=') ? parseExpression(tokens) : undefined;
  if (keyword !== 'var' && !value) fail(at, `${keyword} ${name} has no value`);
  return { kind: 'declaration', keyword, template, name, type, value, attributes, at };
}

/** Parse statements up to `}` or `continuing`. */
function parseStatements(tokens: TokenReader): readonly StatementSyntax[] {
  const body: StatementSyntax[] = [];
  while (!tokens.sees('}') && !tokens.sees('continuing')) {
    if (!tokens.skip(';')) body.push(parseStatement(tokens));
  }
  return body;
}

function parseStatement(tokens: TokenReader): StatementSyntax {
  const at = tokens.next;
  switch (at.kind === 'name' ? at.text : '') {
    case 'if':
      return parseIf(tokens);
    case 'for':
      return parseFor(tokens);
    case 'while': {
      tokens.take();
      const condition = parseExpression(tokens);
      return { kind: 'while', condition, body: parseBlock(tokens), at };
    }
    case 'loop':
      return parseLoop(tokens);
    case 'switch':
      return parseSwitch(tokens);
    case 'discard':
      return fail(at, 'discard belongs to fragment shaders');
  }
  if (at.text === '{') return parseBlock(tokens);
  if (at.text === '@') fail(at, 'an attribute on a statement is not supported');
  const statement = parseSimple(tokens);
  tokens.expect(';');
  return statement;
}

/** Parse a statement that a semicolon ends. */
function parseSimple(tokens: TokenReader): StatementSyntax {
  const at = tokens.next;
  switch (at.kind === 'name' ? at.text : '') {
    case 'let':
    case 'var':
    case 'const':
      return parseVariable(tokens, []);
    case 'break':
      tokens.take();
      if (tokens.sees('if'))
        fail(at, 'break if stands only at the end of continuing; write if (…) { break; }');
      return { kind: 'break', at };
    case 'continue':
      tokens.take();
      return { kind: 'continue', at };
    case 'return':
      tokens.take();
      return { kind: 'return', value: tokens.sees(';') ? undefined : parseExpression(tokens), at };
    case 'const_assert':
      tokens.take();
      return { kind: 'assertion', condition: parseExpression(tokens), at };
  }
  return parseUpdate(tokens);
}

/** Parse an assignment, an increment or a call. */
function parseUpdate(tokens: TokenReader): StatementSyntax {
  const at = tokens.next;
  if (tokens.skip('_')) {
    tokens.expect('=');
    return { kind: 'drop', value: parseExpression(tokens), at };
  }
  const to: ExpressionSyntax = parseUnary(tokens);
  const symbol = tokens.next.text;
  if (symbol === '++' || symbol === '--') {
    tokens.take();
    return { kind: 'increment', to, by: symbol === '++' ? '+' : '-', at };
  }
  if (tokens.skip('='))
    return { kind: 'assign', to, operator: undefined, value: parseExpression(tokens), at };
  const operator = COMPOUND.get(symbol);
  if (operator) {
    tokens.take();
    return { kind: 'assign', to, operator, value: parseExpression(tokens), at };
  }
  if (to.kind === 'call') return { kind: 'call statement', call: to, at };
  return tokens.unexpected('an assignment');
}

function parseIf(tokens: TokenReader): StatementSyntax {
  const at = tokens.expect('if');
  const condition = parseExpression(tokens);
  const then = parseBlock(tokens);
  if (!tokens.skip('else')) return { kind: 'if', condition, then, else: undefined, at };
  return { kind: 'if', condition, then, else: tokens.sees('if') ? parseIf(tokens) : parseBlock(tokens), at };
}

function parseFor(tokens: TokenReader): StatementSyntax {
  const at = tokens.expect('for');
  tokens.expect('(');
  const start = tokens.sees(';') ? undefined : parseForStart(tokens);
  tokens.expect(';');
  const condition = tokens.sees(';') ? undefined : parseExpression(tokens);
  tokens.expect(';');
  const update = tokens.sees(')') ? undefined : parseUpdate(tokens);
  tokens.expect(')');
  return { kind: 'for', start, condition, update, body: parseBlock(tokens), at };
}

const parseForStart = (tokens: TokenReader): StatementSyntax =>
  tokens.sees('var') || tokens.sees('let') || tokens.sees('const')
    ? parseVariable(tokens, [])
    : parseUpdate(tokens);

function parseLoop(tokens: TokenReader): StatementSyntax {
  const at = tokens.expect('loop');
  tokens.expect('{');
  const body = parseStatements(tokens);
  let continuing: BlockSyntax | undefined;
  let breakIf: ExpressionSyntax | undefined;
  if (tokens.sees('continuing')) {
    const start = tokens.take();
    tokens.expect('{');
    const statements: StatementSyntax[] = [];
    while (!tokens.sees('}') && !breakIf) {
      if (tokens.skip(';')) continue;
      breakIf = parseBreakIf(tokens);
      if (!breakIf) statements.push(parseStatement(tokens));
    }
    tokens.expect('}');
    continuing = { kind: 'block', body: statements, at: start };
  }
  tokens.expect('}');
  return { kind: 'loop', body, continuing, breakIf, at };
}

/** Parse `break if …;`, if it comes next. */
function parseBreakIf(tokens: TokenReader): ExpressionSyntax | undefined {
  if (!tokens.sees('break')) return undefined;
  const at = tokens.take();
  if (!tokens.skip('if')) fail(at, 'break stands in continuing, where only break if may');
  const condition = parseExpression(tokens);
  tokens.expect(';');
  return condition;
}

function parseSwitch(tokens: TokenReader): StatementSyntax {
  const at = tokens.expect('switch');
  const on = parseExpression(tokens);
  tokens.expect('{');
  const cases: CaseSyntax[] = [];
  while (!tokens.skip('}')) cases.push(parseCase(tokens));
  return { kind: 'switch', on, cases, at };
}

function parseCase(tokens: TokenReader): CaseSyntax {
  const at = tokens.next;
  const values: (ExpressionSyntax | undefined)[] = [];
  if (tokens.skip('default')) values.push(undefined);
  else {
    tokens.expect('case');
    values.push(parseSelector(tokens));
    while (tokens.skip(',') && !tokens.sees('{') && !tokens.sees(':')) values.push(parseSelector(tokens));
  }
  tokens.skip(':');
  return { values, body: parseBlock(tokens), at };
}

/** Parse a value of a case; undefined for `default`. */
const parseSelector = (tokens: TokenReader): ExpressionSyntax | undefined =>
  tokens.skip('default') ? undefined : parseExpression(tokens);
