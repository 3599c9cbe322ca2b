/** Trees as text, for tests: `(+ x 2:f32)`. */

import type { ExpressionSyntax, NameSyntax } from '../../../../../src/gpu/adapters/wasm/wgsl/syntax/nodes.ts';
import { parseExpression } from '../../../../../src/gpu/adapters/wasm/wgsl/syntax/parseExpression.ts';
import { TokenReader } from '../../../../../src/gpu/adapters/wasm/wgsl/syntax/tokenReader.ts';
import type { Expression, Reference, Statement } from '../../../../../src/gpu/adapters/wasm/wgsl/tree.ts';
import { typeName } from '../../../../../src/gpu/adapters/wasm/wgsl/types.ts';

/** Parse an expression and print its syntax tree. Throws if text follows it. */
export function printParsed(source: string): string {
  const tokens = new TokenReader(source);
  const syntax = parseExpression(tokens);
  if (tokens.next.kind !== 'end') throw new Error(`${tokens.next.text} follows the expression`);
  return printSyntax(syntax);
}

export function printSyntax(syntax: ExpressionSyntax): string {
  switch (syntax.kind) {
    case 'number':
      return `${syntax.value}${syntax.suffix}`;
    case 'boolean':
      return `${syntax.value}`;
    case 'name':
      return printName(syntax);
    case 'call':
      return `(call ${[syntax.callee, ...syntax.arguments].map(printSyntax).join(' ')})`;
    case 'index':
      return `([] ${printSyntax(syntax.of)} ${printSyntax(syntax.index)})`;
    case 'member':
      return `(.${syntax.name} ${printSyntax(syntax.of)})`;
    case 'unary':
      return `(${syntax.operator} ${printSyntax(syntax.of)})`;
    case 'binary':
      return `(${syntax.operator} ${printSyntax(syntax.left)} ${printSyntax(syntax.right)})`;
  }
}

const printName = ({ name, template }: NameSyntax): string =>
  template ? `${name}<${template.map(printSyntax).join(' ')}>` : name;

/** Print an expression of the typed tree. Literals have their types. */
export function printExpression(expression: Expression): string {
  const list = (head: string, parts: readonly Expression[]): string =>
    `(${[head, ...parts.map(printExpression)].join(' ')})`;
  const typed = expression.type ? typeName(expression.type) : 'nothing';
  switch (expression.kind) {
    case 'literal':
      return `${Object.is(expression.value, -0) ? '-0' : expression.value}:${typed}`;
    case 'load':
      return printReference(expression.from);
    case 'element':
      return list('element', [expression.of, expression.index]);
    case 'field':
      return list(`field${expression.member}`, [expression.of]);
    case 'swizzle':
      return list(`swizzle${expression.components.join('')}`, [expression.of]);
    case 'unary':
      return list(expression.operator, [expression.of]);
    case 'binary':
    case 'logical':
      return list(expression.operator, [expression.left, expression.right]);
    case 'splat':
      return list(`splat:${typed}`, [expression.of]);
    case 'construct':
      return list(`new:${typed}`, expression.parts);
    case 'convert':
      return list(`to:${typed}`, [expression.of]);
    case 'bitcast':
      return list(`bits:${typed}`, [expression.of]);
    case 'builtin':
      return list(`${expression.name}:${typed}`, expression.arguments);
    case 'atomic':
      return `(${[expression.name, printReference(expression.on), ...expression.arguments.map(printExpression)].join(' ')})`;
    case 'arrayLength':
      return `(arrayLength ${printReference(expression.of)})`;
    case 'call':
      return list(`call:${typed} ${expression.function.name}`, expression.arguments);
  }
}

export function printReference(reference: Reference): string {
  switch (reference.kind) {
    case 'variable':
      return reference.variable.name;
    case 'index':
      return `${printReference(reference.base)}[${printExpression(reference.index)}]`;
    case 'member':
      return `${printReference(reference.base)}.m${reference.member}`;
    case 'component':
      return `${printReference(reference.base)}.${'xyzw'[reference.component]}`;
  }
}

/** Print statements on one line. */
export const printStatements = (statements: readonly Statement[]): string =>
  statements.map(printStatement).join('; ');

function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'declare': {
      const { variable, value } = statement;
      const keyword = variable.space === 'value' ? 'let' : 'var';
      return `${keyword} ${variable.name}:${typeName(variable.type)}${value ? ` = ${printExpression(value)}` : ''}`;
    }
    case 'assign':
      return `${printReference(statement.to)} = ${printExpression(statement.value)}`;
    case 'evaluate':
      return printExpression(statement.value);
    case 'block':
      return `{ ${printStatements(statement.body)} }`;
    case 'if':
      return `if ${printExpression(statement.condition)} { ${printStatements(statement.then)} } { ${printStatements(statement.else)} }`;
    case 'loop': {
      const { condition, body, continuing, breakIf } = statement;
      return [
        `loop${condition ? ` while ${printExpression(condition)}` : ''} { ${printStatements(body)} }`,
        continuing.length > 0 ? ` { ${printStatements(continuing)} }` : '',
        breakIf ? ` until ${printExpression(breakIf)}` : '',
      ].join('');
    }
    case 'switch': {
      const cases = statement.cases.map(
        ({ values, body }) => ` ${values.map((value) => value ?? 'default')}: { ${printStatements(body)} }`,
      );
      return `switch ${printExpression(statement.on)}${cases.join('')}`;
    }
    case 'return':
      return statement.value ? `return ${printExpression(statement.value)}` : 'return';
    case 'barrier':
      return statement.name;
    default:
      return statement.kind;
  }
}
