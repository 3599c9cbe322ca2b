/** Walks of the tree that several of its readers need. */
import type { Expression, Reference, Statement } from './tree.ts';

/** Return the expressions that are operands of `expression`, in the order of their evaluation. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'load':
      return indicesOf(expression.from);
    case 'arrayLength':
      return indicesOf(expression.of);
    case 'element':
      return [expression.of, expression.index];
    case 'field':
    case 'swizzle':
    case 'unary':
    case 'splat':
    case 'convert':
    case 'bitcast':
      return [expression.of];
    case 'binary':
    case 'logical':
      return [expression.left, expression.right];
    case 'construct':
      return expression.parts;
    case 'builtin':
    case 'call':
      return expression.arguments;
    case 'atomic':
      return [...indicesOf(expression.on), ...expression.arguments];
    default:
      return expression satisfies never;
  }
}

/** Return the indices in a reference, in the order of their evaluation. */
export function indicesOf(reference: Reference): readonly Expression[] {
  switch (reference.kind) {
    case 'variable':
      return [];
    case 'index':
      return [...indicesOf(reference.base), reference.index];
    case 'member':
    case 'component':
      return indicesOf(reference.base);
    default:
      return reference satisfies never;
  }
}

/** Return the reference that an expression reads, writes or measures, if it is such an expression. */
export function referenceIn(expression: Expression): Reference | undefined {
  switch (expression.kind) {
    case 'load':
      return expression.from;
    case 'atomic':
      return expression.on;
    case 'arrayLength':
      return expression.of;
    default:
      return undefined;
  }
}

/** Return the expressions of a statement itself, in the order of their evaluation, without those of statements in it. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case 'declare':
    case 'return':
      return statement.value ? [statement.value] : [];
    case 'assign':
      return [...indicesOf(statement.to), statement.value];
    case 'evaluate':
      return [statement.value];
    case 'if':
      return [statement.condition];
    case 'loop':
      return [statement.condition, statement.breakIf].filter((expression) => expression !== undefined);
    case 'switch':
      return [statement.on];
    case 'block':
    case 'break':
    case 'continue':
    case 'barrier':
      return [];
    default:
      return statement satisfies never;
  }
}

/** Return the lists of statements that a statement contains. */
export function bodiesOf(statement: Statement): readonly (readonly Statement[])[] {
  switch (statement.kind) {
    case 'block':
      return [statement.body];
    case 'if':
      return [statement.then, statement.else];
    case 'loop':
      return [statement.body, statement.continuing];
    case 'switch':
      return statement.cases.map(({ body }) => body);
    default:
      return [];
  }
}

/** Functions that a walk calls, each before what the visited contains. */
export interface Visitor {
  readonly statement?: (statement: Statement) => void;
  readonly expression?: (expression: Expression) => void;
  /** Is called with each whole reference, not with its bases. */
  readonly reference?: (reference: Reference) => void;
}

/** Visit statements and all that they contain. */
export function visit(statements: readonly Statement[], visitor: Visitor): void {
  for (const statement of statements) {
    visitor.statement?.(statement);
    if (statement.kind === 'assign') visitor.reference?.(statement.to);
    for (const expression of expressionsOf(statement)) visitExpression(expression, visitor);
    for (const body of bodiesOf(statement)) visit(body, visitor);
  }
}

/** Visit an expression and its operands. */
export function visitExpression(expression: Expression, visitor: Visitor): void {
  visitor.expression?.(expression);
  const reference = referenceIn(expression);
  if (reference) visitor.reference?.(reference);
  for (const operand of operandsOf(expression)) visitExpression(operand, visitor);
}
