/**
 * Statements of a function's body (WGSL section 9), and what each does with the flow of control (section 9.7, behavior analysis):
 * a function that returns a value must not reach its end, and a loop must have an end.
 */
import { type Behavior, either, NEXT, NOTHING } from './behavior.ts';
import { fail } from './error.ts';
import { check, checkConstant } from './expressions.ts';
import type { Names } from './names.ts';
import { convertConstant, toExpression, toExpressionOf, typeOf } from './operand.ts';
import { Scope } from './scope.ts';
import { assign, callStatement, checkAssertion, declare, drop, increment } from './simpleStatements.ts';
import type { BlockSyntax, CaseSyntax, StatementSyntax } from './syntax/nodes.ts';
import type { Expression, Place, Statement, SwitchCase, Type } from './tree.ts';
import { BOOL, typeName } from './types.ts';

interface Checked {
  readonly statements: readonly Statement[];
  readonly behavior: Behavior;
}

/** The surroundings of a statement. */
interface Surroundings {
  readonly returns: Type | undefined;
  readonly function: string;
  /** A `break` ends a loop or a switch here. */
  readonly breaks: boolean;
  /** The scope of the loop's body that a `continue` here goes to the end of; undefined if there is no loop. */
  readonly loop: Scope | undefined;
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
  const around = { returns, function: name, breaks: false, loop: undefined, continuing: false };
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
    if (behavior.next) behavior = either({ ...behavior, next: false }, checked.behavior);
  }
  return { statements, behavior };
}

const simple = (...statements: readonly Statement[]): Checked => ({ statements, behavior: NEXT });

function checkStatement(syntax: StatementSyntax, names: Scope, around: Surroundings): Checked {
  switch (syntax.kind) {
    case 'declaration':
      return simple(...declare(syntax, names));
    case 'assign':
      return simple(assign(syntax, names));
    case 'increment':
      return simple(increment(syntax.to, syntax.by, names, syntax.at));
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
      return loop(
        condition,
        checkLoopBody(syntax.body.body, new Scope(names), around),
        [],
        undefined,
        syntax.at,
      );
    }
    case 'loop':
      return checkLoop(syntax, names, around);
    case 'switch':
      return checkSwitch(syntax, names, around);
    case 'break':
      if (!around.breaks) fail(syntax.at, 'break stands in no loop and no switch');
      return { statements: [{ kind: 'break' }], behavior: { ...NOTHING, break: true } };
    case 'continue':
      if (!around.loop) fail(syntax.at, 'continue stands in no loop');
      around.loop.markContinue();
      return { statements: [{ kind: 'continue' }], behavior: { ...NOTHING, continue: true } };
    case 'return':
      return checkReturn(syntax, names, around);
    default:
      return syntax satisfies never;
  }
}

const checkBlock = (block: BlockSyntax, names: Scope, around: Surroundings): Checked =>
  checkList(block.body, new Scope(names), around);

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
  return { statements: [statement], behavior: either(behavior, otherwise.behavior) };
}

function checkElse(syntax: StatementSyntax | undefined, names: Scope, around: Surroundings): Checked {
  if (!syntax) return simple();
  return syntax.kind === 'block' ? checkBlock(syntax, names, around) : checkStatement(syntax, names, around);
}

/** Check the body of a loop. */
const checkLoopBody = (body: readonly StatementSyntax[], scope: Scope, around: Surroundings): Checked =>
  checkList(body, scope, { ...around, breaks: true, loop: scope });

const inContinuing = (around: Surroundings): Surroundings => ({
  ...around,
  breaks: false,
  loop: undefined,
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
  const body = checkLoopBody(syntax.body.body, new Scope(scope), around);
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
  const body = checkLoopBody(syntax.body, scope, around);
  scope.hideSkipped();
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
    behavior = either(behavior, body.behavior);
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
