/** Statements without control flow: declarations, assignments, calls (WGSL sections 7, 9.2, 9.3 and 9.5). */
import { fail } from './error.ts';
import { check, checkConstant, checkReference, checkType } from './expressions.ts';
import type { Names } from './names.ts';
import { type Constant, convertConstant, type Operand, toExpression, toExpressionOf } from './operand.ts';
import { binary } from './operators.ts';
import { isWritable, rootOf } from './references.ts';
import type { Scope } from './scope.ts';
import type {
  AssertionSyntax,
  CallSyntax,
  DeclarationSyntax,
  ExpressionSyntax,
  StatementSyntax,
} from './syntax/nodes.ts';
import type { BinaryOperator, Expression, Place, Reference, Statement, Type, Variable } from './tree.ts';
import { BOOL, isConstructible, numeric, typeName } from './types.ts';
import { indicesOf, visitExpression } from './visit.ts';

/** Check a `let`, `var` or `const`. A constant makes no statement: its value stands where it is used. */
export function declare(syntax: DeclarationSyntax, names: Scope): readonly Statement[] {
  const { keyword, name, at } = syntax;
  if (syntax.template && syntax.template.length > 0) checkFunctionSpace(syntax.template, at);
  const type = syntax.type && checkType(syntax.type, names);
  if (keyword === 'const') {
    const value = toConstant(syntax, type, names);
    names.declare(name, { kind: 'constant', constant: value }, at);
    return [];
  }
  const value = syntax.value && initialValue(syntax.value, type, names);
  const found = type ?? value?.type ?? fail(at, `${keyword} ${name} has neither a type nor a value`);
  if (!isConstructible(found)) fail(at, `${keyword} ${name} cannot be of type ${typeName(found)}`);
  const variable: Variable = { name, type: found, space: keyword === 'let' ? 'value' : 'function' };
  names.declare(name, { kind: 'variable', variable }, at);
  return [{ kind: 'declare', variable, value, at }];
}

function checkFunctionSpace(template: readonly ExpressionSyntax[], at: Place): void {
  const [space, ...others] = template;
  if (space?.kind !== 'name' || space.name !== 'function' || others.length > 0)
    fail(
      at,
      'a variable of a function is in the address space function; declare others outside of functions',
    );
}

function initialValue(syntax: ExpressionSyntax, type: Type | undefined, names: Names): Expression {
  const operand = check(syntax, names);
  return type ? toExpressionOf(operand, type, syntax.at) : toExpression(operand, syntax.at);
}

/** Check the value of a `const`. */
export function toConstant({ value, at }: DeclarationSyntax, type: Type | undefined, names: Names): Constant {
  if (!value) fail(at, 'a const has no value');
  const constant = checkConstant(value, names);
  return type ? convertConstant(constant, type, value.at) : constant;
}

/** Check `a = b`, or `a += b` with its operator. */
export function assign(syntax: Extract<StatementSyntax, { kind: 'assign' }>, names: Scope): Statement {
  const { to: target, operator, value, at } = syntax;
  const operand = check(value, names);
  if (operator) return update(target, operator, operand, names, at);
  const to = writableReference(target, names);
  return { kind: 'assign', to, value: toExpressionOf(operand, to.type, value.at), at };
}

/** Return `a = a operator b`. */
function update(
  target: ExpressionSyntax,
  operator: BinaryOperator,
  operand: Operand,
  names: Scope,
  at: Place,
): Statement {
  const { reference: to, declarations } = once(writableReference(target, names), at);
  const sum = binary(operator, { kind: 'load', from: to, type: to.type }, operand, at);
  const statement: Statement = { kind: 'assign', to, value: toExpressionOf(sum, to.type, at), at };
  return declarations.length === 0 ? statement : { kind: 'block', body: [...declarations, statement] };
}

const ONE: Operand = { kind: 'constant', type: numeric({ of: 'abstract int', size: 1 }), value: 1n };

/** Check `a++` or `a--`. */
export function increment(target: ExpressionSyntax, by: '+' | '-', names: Scope, at: Place): Statement {
  const { type } = checkReference(target, names);
  if (type.kind !== 'scalar' || (type.of !== 'i32' && type.of !== 'u32'))
    fail(at, `${by}${by} takes an i32 or u32, found ${typeName(type)}; write ${by}= 1`);
  return update(target, by, ONE, names, at);
}

/** Return what an expression refers to. Throws a `WgslError` if the shader may not write it. */
function writableReference(target: ExpressionSyntax, names: Scope): Reference {
  const reference = checkReference(target, names);
  if (!isConstructible(reference.type))
    fail(target.at, `a value of type ${typeName(reference.type)} is not assigned`);
  if (isWritable(reference)) return reference;
  const { name, space } = rootOf(reference);
  return fail(
    target.at,
    `${name} is ${space === 'value' ? 'a let or a parameter' : 'read-only'} and is not assigned`,
  );
}

/** Return a reference that is evaluated once though used twice: indices that call functions become variables. */
function once(
  reference: Reference,
  at: Place,
): { readonly reference: Reference; readonly declarations: readonly Statement[] } {
  if (!indicesOf(reference).some(hasEffects)) return { reference, declarations: [] };
  const declarations: Statement[] = [];
  const replace = (part: Reference): Reference => {
    if (part.kind === 'variable') return part;
    const base = replace(part.base);
    if (part.kind !== 'index') return { ...part, base };
    const type = part.index.type ?? fail(at, 'this index has no value');
    const variable: Variable = { name: 'index', type, space: 'value' };
    declarations.push({ kind: 'declare', variable, value: part.index, at });
    return { ...part, base, index: { kind: 'load', from: { kind: 'variable', variable, type }, type } };
  };
  return { reference: replace(reference), declarations };
}

function hasEffects(expression: Expression): boolean {
  let effects = false;
  visitExpression(expression, {
    expression: ({ kind }) => {
      effects ||= kind === 'call' || kind === 'atomic';
    },
  });
  return effects;
}

/** Check `_ = value`. */
export function drop(syntax: ExpressionSyntax, names: Names, at: Place): Statement {
  return { kind: 'evaluate', value: toExpression(check(syntax, names), syntax.at), at };
}

const BARRIERS: ReadonlySet<string> = new Set(['workgroupBarrier', 'storageBarrier']);

/** Check a call that stands alone. */
export function callStatement(call: CallSyntax, names: Scope): Statement {
  const { callee, at } = call;
  if (BARRIERS.has(callee.name) && !names.find(callee.name, at)) {
    if (call.arguments.length > 0) fail(at, `${callee.name} takes no values`);
    return { kind: 'barrier', name: callee.name, at };
  }
  const value = check(call, names);
  if (value.kind !== 'atomic' && !isUserCall(value, callee.name))
    fail(at, `the value of ${callee.name} is not used; write _ = ${callee.name}(…)`);
  return { kind: 'evaluate', value, at };
}

/** Return true if a call is of the function that it names: not of one that stands for a builtin. */
const isUserCall = (value: Operand, name: string): value is Expression =>
  value.kind === 'call' && value.function.name === name;

/** Check a `const_assert`. */
export function checkAssertion({ condition, at }: AssertionSyntax, names: Names): void {
  const constant = checkConstant(condition, names);
  if (constant.type !== BOOL) fail(condition.at, 'const_assert takes a bool');
  if (constant.value !== true) fail(at, 'const_assert fails');
}
