/**
 * A parser of WGSL, by recursive descent: source to syntax tree. Its functions follow the grammar of the WGSL specification,
 * sections 4 to 11, without what the adapter cannot run: `override`, entry points of pipelines other than compute, `discard`.
 */
import { fail } from '../error.ts';
import type {
  AssertionSyntax,
  AttributeSyntax,
  ExtensionSyntax,
  FunctionSyntax,
  ModuleDeclarationSyntax,
  ModuleSyntax,
  ParameterSyntax,
  StructSyntax,
} from './nodes.ts';
import { parseExpression, parseName } from './parseExpression.ts';
import { parseBlock, parseVariable } from './parseStatement.ts';
import { TokenReader } from './tokenReader.ts';

/** Parse a source. Throws a `WgslError` at the first token that the grammar does not allow. */
export function parse(source: string): ModuleSyntax {
  const tokens = new TokenReader(source);
  const enabled = parseDirectives(tokens);
  const declarations: ModuleDeclarationSyntax[] = [];
  const assertions: AssertionSyntax[] = [];
  while (tokens.next.kind !== 'end') {
    if (tokens.skip(';')) continue;
    if (tokens.sees('const_assert')) assertions.push(parseAssertion(tokens));
    else declarations.push(parseDeclaration(tokens));
  }
  return { enabled, declarations, assertions };
}

/** Parse the directives at the start; return the names after `enable`. */
function parseDirectives(tokens: TokenReader): readonly ExtensionSyntax[] {
  const enabled: ExtensionSyntax[] = [];
  while (true) {
    if (tokens.skip('enable')) {
      enabled.push(parseExtension(tokens));
      if (tokens.skip(',')) enabled.push(...tokens.listUntil(';', () => parseExtension(tokens)));
      else tokens.expect(';');
    } else if (tokens.skip('requires')) tokens.listUntil(';', () => tokens.name('a language feature'));
    else if (tokens.skip('diagnostic')) {
      tokens.expect('(');
      tokens.listUntil(')', () => parseExpression(tokens));
      tokens.expect(';');
    } else return enabled;
  }
}

function parseExtension(tokens: TokenReader): ExtensionSyntax {
  const at = tokens.next;
  return { name: tokens.name('an extension'), at };
}

function parseAssertion(tokens: TokenReader): AssertionSyntax {
  const at = tokens.take();
  const condition = parseExpression(tokens);
  tokens.expect(';');
  return { kind: 'assertion', condition, at };
}

function parseDeclaration(tokens: TokenReader): ModuleDeclarationSyntax {
  const attributes = parseAttributes(tokens);
  if (tokens.sees('fn')) return parseFunction(tokens, attributes);
  if (tokens.sees('var') || tokens.sees('const')) {
    const variable = parseVariable(tokens, attributes);
    tokens.expect(';');
    return variable;
  }
  if (tokens.sees('override'))
    fail(tokens.next, 'override is not supported; write const, with the value in the source');
  const [attribute] = attributes;
  if (attribute) fail(attribute.at, `@${attribute.name} stands before no function or variable`);
  if (tokens.sees('struct')) return parseStruct(tokens);
  if (tokens.skip('alias')) {
    const at = tokens.next;
    const name = tokens.name('the name of a type');
    tokens.expect('=');
    const type = parseName(tokens);
    tokens.expect(';');
    return { kind: 'alias', name, type, at };
  }
  if (['enable', 'requires', 'diagnostic'].includes(tokens.next.text))
    fail(tokens.next, `${tokens.next.text} stands after a declaration; move it to the start`);
  return tokens.unexpected('a declaration: fn, var, const, struct or alias');
}

function parseAttributes(tokens: TokenReader): readonly AttributeSyntax[] {
  const attributes: AttributeSyntax[] = [];
  while (tokens.sees('@')) {
    const at = tokens.take();
    const name = tokens.word('the name of an attribute');
    const values = tokens.skip('(') ? tokens.listUntil(')', () => parseExpression(tokens)) : [];
    attributes.push({ name, arguments: values, at });
  }
  return attributes;
}

function parseFunction(tokens: TokenReader, attributes: readonly AttributeSyntax[]): FunctionSyntax {
  tokens.expect('fn');
  const at = tokens.next;
  const name = tokens.name('the name of a function');
  tokens.expect('(');
  const parameters = tokens.listUntil(')', () => parseParameter(tokens));
  let returns: FunctionSyntax['returns'];
  if (tokens.skip('->')) {
    const [attribute] = parseAttributes(tokens);
    if (attribute) fail(attribute.at, `@${attribute.name} on a returned value is not supported`);
    returns = parseName(tokens);
  }
  return { kind: 'function', name, parameters, returns, body: parseBlock(tokens), attributes, at };
}

function parseParameter(tokens: TokenReader): ParameterSyntax {
  const attributes = parseAttributes(tokens);
  const at = tokens.next;
  const name = tokens.name('a name');
  tokens.expect(':');
  return { name, type: parseName(tokens), attributes, at };
}

function parseStruct(tokens: TokenReader): StructSyntax {
  tokens.expect('struct');
  const at = tokens.next;
  const name = tokens.name('the name of a struct');
  tokens.expect('{');
  const members = tokens.listUntil('}', () => parseParameter(tokens));
  if (members.length === 0) fail(at, `struct ${name} has no member`);
  return { kind: 'struct', name, members, at };
}
