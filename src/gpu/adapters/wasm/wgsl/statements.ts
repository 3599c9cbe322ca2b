/**
 * Statements of a function's body (WGSL section 9), and what each does with the flow of control (section 9.7, behavior analysis):
 * a function that returns a value must not reach its end, and a loop must have an end.
 */
import { fail } from './error.ts';
import { check, checkConstant, checkReference, checkType } from './expressions.ts';
import type { Names } from './names.ts';
import { convertConstant, type Operand, toExpression, toExpressionOf, typeOf } from './operand.ts';
import { binary } from './operators.ts';
import { isWritable, rootOf } from './references.ts';
import { Scope } from './scope.ts';
import type {
  AssertionSyntax,
  BlockSyntax,
  CallSyntax,
  CaseSyntax,
  DeclarationSyntax,
  ExpressionSyntax,
  StatementSyntax,
} from './syntax.ts';
import type {
  BinaryOperator,
  Expression,
  Place,
  Reference,
  Statement,
  SwitchCase,
  Type,
  Variable,
} from './tree.ts';
import { BOOL, isConstructible, numeric, typeName } from './types.ts';
import { indicesOf, visitExpression } from './visit.ts';

/** What may happen after a statement. */
interface Behavior {
  readonly next: boolean;
  readonly break: boolean;
  readonly continue: boolean;
  readonly return: boolean;
}

const NOTHING: Behavior = { next: false, break: false, continue: false, return: false };
const NEXT: Behavior = { ...NOTHING, next: true };

interface Checked {
  readonly statements: readonly Statement[];
  readonly behavior: Behavior;
}

/** What surrounds a statement. */
interface Surroundings {
  readonly returns: Type | undefined;
  readonly function: string;
  /** A `break` ends a loop or a switch here. */
  readonly breaks: boolean;
  /** A `continue` has a loop here. */
  readonly continues: boolean;
  /** Inside of `continuing`: no `return`. */
  readonly continuing: boolean;
}

/** Check the body of a function. `names` has its parameters. */
export function checkBody(
  body: BlockSyntax,
  names: Scope,
  name: string,
  returns: Type | undefined,
): readonly Statement[] {
  const around = { returns, function: name, breaks: false, continues: false, continuing: false };
  const { statements, behavior } = checkList(body.body, names, around);
  if (returns && behavior.next) fail(body.at, `${name} does not return a value on every path`);
  return statements;
}

function checkList(list: readonly StatementSyntax[], names: Scope, around: Surroundings): Checked {
  const statements: Statement[] = [];
  let behavior = NEXT;
  for (const syntax of list) {
    const checked = checkStatement(syntax, names, around);
    statements.push(...checked.statements);
    if (behavior.next) behavior = union({ ...behavior, next: false }, checked.behavior);
  }
  return { statements, behavior };
}

const union = (a: Behavior, b: Behavior): Behavior => ({
  next: a.next || b.next,
  break: a.break || b.break,
  continue: a.continue || b.continue,
  return: a.return || b.return,
});

const simple = (...statements: readonly Statement[]): Checked => ({ statements, behavior: NEXT });

function checkStatement(syntax: StatementSyntax, names: Scope, around: Surroundings): Checked {
  switch (syntax.kind) {
    case 'declaration':
      return simple(...declare(syntax, names));
    case 'assign':
      return simple(assign(syntax.to, syntax.operator, check(syntax.value, names), names, syntax.at));
    case 'increment':
      return simple(assign(syntax.to, syntax.by, ONE, names, syntax.at));
    case 'drop':
      return simple(drop(syntax.value, names, syntax.at));
    case 'call statement':
      return simple(callStatement(syntax.call, names));
    case 'assertion':
      checkAssertion(syntax, names);
      return simple();
    case 'block': {
      const { statements, behavior } = checkBlock(syntax, names, around);
      return { statements: [{ kind: 'block', body: statements }], behavior };
    }
    case 'if':
      return checkIf(syntax, names, around);
    case 'for':
      return checkFor(syntax, names, around);
    case 'while': {
      const condition = toExpressionOf(check(syntax.condition, names), BOOL, syntax.condition.at);
      return loop(condition, checkBlock(syntax.body, names, inLoop(around)), [], undefined, syntax.at);
    }
    case 'loop':
      return checkLoop(syntax, names, around);
    case 'switch':
      return checkSwitch(syntax, names, around);
    case 'break':
      if (!around.breaks) fail(syntax.at, 'break stands in no loop and no switch');
      return { statements: [{ kind: 'break' }], behavior: { ...NOTHING, break: true } };
    case 'continue':
      if (!around.continues) fail(syntax.at, 'continue stands in no loop');
      return { statements: [{ kind: 'continue' }], behavior: { ...NOTHING, continue: true } };
    case 'return':
      return checkReturn(syntax, names, around);
    default:
      return syntax satisfies never;
  }
}

const ONE: Operand = { kind: 'constant', type: numeric({ of: 'abstract int', size: 1 }), value: 1n };

const checkBlock = (block: BlockSyntax, names: Scope, around: Surroundings): Checked =>
  checkList(block.body, new Scope(names), around);

/** Check a `let`, `var` or `const`. A constant makes no statement: its value stands where it is used. */
function declare(syntax: DeclarationSyntax, names: Scope): readonly Statement[] {
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
export function toConstant(
  { value, at }: DeclarationSyntax,
  type: Type | undefined,
  names: Names,
): ReturnType<typeof checkConstant> {
  if (!value) fail(at, 'a const has no value');
  const constant = checkConstant(value, names);
  return type ? convertConstant(constant, type, value.at) : constant;
}

function assign(
  target: ExpressionSyntax,
  operator: BinaryOperator | undefined,
  operand: Operand,
  names: Scope,
  at: Place,
): Statement {
  const to = checkReference(target, names);
  expectWritable(to, target.at);
  if (!operator) return { kind: 'assign', to, value: toExpressionOf(operand, to.type, at), at };
  const { reference, declarations } = once(to, at);
  const value = binary(operator, { kind: 'load', from: reference, type: reference.type }, operand, at);
  const statement: Statement = {
    kind: 'assign',
    to: reference,
    value: toExpressionOf(value, reference.type, at),
    at,
  };
  return declarations.length === 0 ? statement : { kind: 'block', body: [...declarations, statement] };
}

function expectWritable(reference: Reference, at: Place): void {
  if (!isConstructible(reference.type))
    fail(at, `a value of type ${typeName(reference.type)} is not assigned`);
  if (isWritable(reference)) return;
  const { name, space } = rootOf(reference);
  fail(at, `${name} is ${space === 'value' ? 'a let or a parameter' : 'read-only'} and is not assigned`);
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

function drop(syntax: ExpressionSyntax, names: Names, at: Place): Statement {
  return { kind: 'evaluate', value: toExpression(check(syntax, names), syntax.at), at };
}

const BARRIERS: ReadonlySet<string> = new Set(['workgroupBarrier', 'storageBarrier']);

function callStatement(call: CallSyntax, names: Scope): Statement {
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

function checkIf(
  syntax: Extract<StatementSyntax, { kind: 'if' }>,
  names: Scope,
  around: Surroundings,
): Checked {
  const condition = toExpressionOf(check(syntax.condition, names), BOOL, syntax.condition.at);
  const { statements: then, behavior } = checkBlock(syntax.then, names, around);
  const otherwise = checkElse(syntax.else, names, around);
  const statement: Statement = {
    kind: 'if',
    condition,
    then,
    else: otherwise.statements,
    at: syntax.at,
  };
  return { statements: [statement], behavior: union(behavior, otherwise.behavior) };
}

function checkElse(syntax: StatementSyntax | undefined, names: Scope, around: Surroundings): Checked {
  if (!syntax) return simple();
  return syntax.kind === 'block' ? checkBlock(syntax, names, around) : checkStatement(syntax, names, around);
}

const inLoop = (around: Surroundings): Surroundings => ({ ...around, breaks: true, continues: true });
const inContinuing = (around: Surroundings): Surroundings => ({
  ...around,
  breaks: false,
  continues: false,
  continuing: true,
});

function checkFor(
  syntax: Extract<StatementSyntax, { kind: 'for' }>,
  names: Scope,
  around: Surroundings,
): Checked {
  const scope = new Scope(names);
  const start = syntax.start ? checkStatement(syntax.start, scope, around).statements : [];
  const condition =
    syntax.condition && toExpressionOf(check(syntax.condition, scope), BOOL, syntax.condition.at);
  const body = checkBlock(syntax.body, scope, inLoop(around));
  const update = syntax.update ? checkStatement(syntax.update, scope, inContinuing(around)).statements : [];
  const checked = loop(condition, body, update, undefined, syntax.at);
  if (start.length === 0) return checked;
  const block: Statement = { kind: 'block', body: [...start, ...checked.statements] };
  return { statements: [block], behavior: checked.behavior };
}

function checkLoop(
  syntax: Extract<StatementSyntax, { kind: 'loop' }>,
  names: Scope,
  around: Surroundings,
): Checked {
  const scope = new Scope(names);
  const body = checkList(syntax.body, scope, inLoop(around));
  const inner = new Scope(scope);
  const continuing = checkList(syntax.continuing?.body ?? [], inner, inContinuing(around));
  const breakIf = syntax.breakIf && toExpressionOf(check(syntax.breakIf, inner), BOOL, syntax.breakIf.at);
  return loop(undefined, body, continuing.statements, breakIf, syntax.at);
}

/** Make a loop. Throws a `WgslError` if nothing ends it. */
function loop(
  condition: Expression | undefined,
  body: Checked,
  continuing: readonly Statement[],
  breakIf: Expression | undefined,
  at: Place,
): Checked {
  const next = condition !== undefined || breakIf !== undefined || body.behavior.break;
  if (!next && !body.behavior.return) fail(at, 'this loop has no end: no condition, break or return');
  return {
    statements: [{ kind: 'loop', condition, body: body.statements, continuing, breakIf, at }],
    behavior: { ...NOTHING, next, return: body.behavior.return },
  };
}

function checkSwitch(
  syntax: Extract<StatementSyntax, { kind: 'switch' }>,
  names: Scope,
  around: Surroundings,
): Checked {
  const { on, type } = switchedOn(syntax, names);
  const seen = new Set<number | undefined>();
  let behavior = NOTHING;
  const cases = syntax.cases.map((clause): SwitchCase => {
    const values = caseValues(clause, type, names, seen);
    const body = checkBlock(clause.body, names, { ...around, breaks: true });
    behavior = union(behavior, body.behavior);
    return { values, body: body.statements };
  });
  if (!seen.has(undefined)) fail(syntax.at, 'this switch has no default');
  behavior = { ...behavior, next: behavior.next || behavior.break, break: false };
  return { statements: [{ kind: 'switch', on, cases, at: syntax.at }], behavior };
}

function switchedOn(
  { on, at }: Extract<StatementSyntax, { kind: 'switch' }>,
  names: Names,
): { readonly on: Expression; readonly type: Type } {
  const expression = toExpression(check(on, names), on.at);
  const type = typeOf(expression, on.at);
  if (type.kind !== 'scalar' || (type.of !== 'i32' && type.of !== 'u32'))
    fail(at, `a switch takes an i32 or u32, found ${typeName(type)}`);
  return { on: expression, type };
}

function caseValues(
  clause: CaseSyntax,
  type: Type,
  names: Names,
  seen: Set<number | undefined>,
): readonly (number | undefined)[] {
  return clause.values.map((syntax) => {
    const value = syntax && Number(convertConstant(checkConstant(syntax, names), type, syntax.at).value);
    if (seen.has(value)) fail(syntax?.at ?? clause.at, `this switch has ${value ?? 'default'} twice`);
    seen.add(value);
    return value;
  });
}

function checkReturn(
  syntax: Extract<StatementSyntax, { kind: 'return' }>,
  names: Scope,
  around: Surroundings,
): Checked {
  const { at } = syntax;
  if (around.continuing) fail(at, 'return stands in continuing');
  if (!around.returns && syntax.value) fail(syntax.value.at, `${around.function} returns no value`);
  if (around.returns && !syntax.value) fail(at, `${around.function} returns a ${typeName(around.returns)}`);
  const value =
    syntax.value && around.returns
      ? toExpressionOf(check(syntax.value, names), around.returns, syntax.value.at)
      : undefined;
  return { statements: [{ kind: 'return', value, at }], behavior: { ...NOTHING, return: true } };
}
