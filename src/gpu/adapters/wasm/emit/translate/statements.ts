/** Statements, without barriers. */
import { rootOf, visit, visitExpression } from '../../wgsl/index.ts';
import type { Statement, Variable } from '../../wgsl/tree.ts';
import type { OpenLabel, OpenLoop } from '../builder.ts';
import type { Value } from '../value.ts';
import { type Context, single, type Targets } from './context.ts';
import { isPlain } from './expressions.ts';
import { leafCount, zerosOf } from './leaves.ts';
import { factsOf } from './loopFacts.ts';
import { placeOf, store } from './places.ts';
import { conditionOf, Pointers } from './pointers.ts';
import { tripCount } from './unroll.ts';
import { declareValue, declareVariable } from './variables.ts';

type Kind<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

/** Translate statements, of one scope, up to the first that jumps away. */
export function translate(context: Context, statements: readonly Statement[]): void {
  for (const statement of statements) {
    if (!context.builder.reachable) return;
    context.builder.statement++;
    translateOne(context, statement);
  }
}

function translateOne(context: Context, statement: Statement): void {
  const { builder } = context;
  switch (statement.kind) {
    case 'declare':
      declare(context, statement);
      return;
    case 'assign': {
      const place = placeOf(context, statement.to);
      store(context, place, context.evaluate(statement.value));
      return;
    }
    case 'evaluate':
      context.evaluate(statement.value);
      return;
    case 'block':
      scope(context, statement.body);
      return;
    case 'if': {
      const condition = single(context, statement.condition);
      builder.ifElse(
        condition,
        () => scope(context, statement.then),
        () => scope(context, statement.else),
      );
      return;
    }
    case 'loop':
      loop(context, statement);
      return;
    case 'switch':
      switchOn(context, statement);
      return;
    case 'break':
      jump(context, context.targets.end);
      return;
    case 'continue':
      jump(context, context.targets.next);
      return;
    case 'return':
      returnValue(context, statement);
      return;
    case 'barrier':
      throw new Error(`${statement.name} in code that has none`);
    default:
      statement satisfies never;
  }
}

function jump({ builder }: Context, target: OpenLabel | undefined): void {
  if (!target) throw new Error('a jump without a loop');
  builder.branch(target);
}

/** Translate statements whose variables end with them. */
function scope(context: Context, statements: readonly Statement[]): void {
  const { slots } = context.builder;
  const height = slots.length;
  translate(context, statements);
  if (context.builder.slots.length > height) context.builder.slots.length = height;
}

function declare(context: Context, { variable, value }: Kind<'declare'>): void {
  const values = value && context.evaluate(value);
  const reserved = context.reserved.get(variable);
  if (reserved) store(context, reserved, values ?? zerosOf(context.builder, variable.type));
  else if (variable.space === 'value') declareValue(context, variable, values ?? []);
  else declareVariable(context, variable, values);
}

function returnValue(context: Context, { value }: Kind<'return'>): void {
  const { builder, frame } = context;
  if (!frame) throw new Error('a return outside of a function');
  const values = value ? context.evaluate(value) : [];
  for (const [i, leaf] of values.entries()) builder.slots[frame.result + i] = leaf;
  builder.branch(frame.end);
}

function within(context: Context, targets: Targets, body: () => void): void {
  const before = context.targets;
  context.targets = targets;
  body();
  context.targets = before;
}

function loop(context: Context, statement: Kind<'loop'>): void {
  const trips = tripCount(context, statement);
  if (trips === undefined) {
    if (!movingLoop(context, statement)) repeated(context, statement);
    return;
  }
  const { builder } = context;
  builder.block((end) => {
    for (let i = 0; i < trips && builder.reachable; i++) turn(context, statement, end);
  });
}

/** Translate a loop; `begun` is called after its condition. */
function repeated(
  context: Context,
  statement: Kind<'loop'>,
  begun?: (start: OpenLoop, condition: Value) => void,
): void {
  const { builder } = context;
  const assigned = slotsOf(context, factsOf(statement).assigned);
  builder.block((end) => {
    builder.loop(assigned, (start) => {
      if (statement.condition) {
        const condition = single(context, statement.condition);
        begun?.(start, condition);
        builder.ifElse(
          condition,
          () => undefined,
          () => builder.branch(end),
        );
      }
      if (builder.reachable) turn(context, statement, end);
      builder.repeat(start);
    });
  });
}

/** Translate a counted loop in two versions, one with moving pointers, if it is one. */
function movingLoop(context: Context, statement: Kind<'loop'>): boolean {
  const { builder, homes } = context;
  const { counter, isInnermost } = factsOf(statement);
  if (!counter || context.pointers) return false;
  const home = homes.get(counter.variable);
  if (home?.kind !== 'slots' || !isInnermost || !isPlain(counter.step)) return false;
  const initial = builder.value(home.first);
  const step = single(context, counter.step);
  let pointers: Pointers | undefined;
  builder.version(
    () => {
      repeated(context, statement, (start, condition) => {
        const of = conditionOf(condition, builder.value(home.first), start);
        if (of) pointers = new Pointers(builder, start, of, initial, step);
        context.pointers = pointers;
      });
      context.pointers = undefined;
    },
    () => pointers?.finish(),
    () => repeated(context, statement),
  );
  return true;
}

/** One turn of a loop, without its condition. */
function turn(context: Context, statement: Kind<'loop'>, end: OpenLabel): void {
  const { builder } = context;
  const height = builder.slots.length;
  if (factsOf(statement).continues) {
    const reserved = reserveForContinuing(context, statement);
    builder.block((next) => within(context, { end, next }, () => scope(context, statement.body)));
    for (const variable of reserved) context.reserved.delete(variable);
  } else within(context, { end, next: undefined }, () => translate(context, statement.body));
  if (builder.reachable)
    within(context, { end: undefined, next: undefined }, () => translate(context, statement.continuing));
  if (builder.reachable && statement.breakIf) {
    builder.ifElse(single(context, statement.breakIf), () => builder.branch(end));
  }
  if (builder.slots.length > height) builder.slots.length = height;
}

/** Variables of the body that `continuing` uses must be known where a `continue` arrives: they get slots before the body. */
function reserveForContinuing(
  context: Context,
  { body, continuing, breakIf }: Kind<'loop'>,
): readonly Variable[] {
  const used = new Set<Variable>();
  const visitor = { reference: (reference: Parameters<typeof rootOf>[0]) => used.add(rootOf(reference)) };
  visit(continuing, visitor);
  if (breakIf) visitExpression(breakIf, visitor);
  const reserved: Variable[] = [];
  for (const statement of body) {
    if (statement.kind !== 'declare' || !used.has(statement.variable)) continue;
    const { variable } = statement;
    declareVariable(context, variable, undefined);
    context.reserved.set(variable, placeOf(context, { kind: 'variable', variable, type: variable.type }));
    reserved.push(variable);
  }
  return reserved;
}

/** Return the slots of those of the variables that have some. */
function slotsOf({ homes }: Context, variables: Iterable<Variable>): number[] {
  const slots: number[] = [];
  for (const variable of variables) {
    const home = homes.get(variable);
    if (home?.kind !== 'slots') continue;
    for (let i = 0; i < leafCount(variable.type); i++) slots.push(home.first + i);
  }
  return slots;
}

function switchOn(context: Context, { on, cases }: Kind<'switch'>): void {
  const { builder } = context;
  const value = single(context, on);
  builder.block((end) => {
    const { next } = context.targets;
    const run = (body: readonly Statement[]) =>
      within(context, { end, next }, () => {
        scope(context, body);
        builder.branch(end);
      });
    for (const { values, body } of cases) {
      if (values.includes(undefined)) continue;
      builder.ifElse(isAny(context, value, values), () => run(body));
      if (!builder.reachable) return;
    }
    const otherwise = cases.find(({ values }) => values.includes(undefined));
    if (otherwise) run(otherwise.body);
  });
}

function isAny({ builder }: Context, value: Value, candidates: readonly (number | undefined)[]): Value {
  return candidates.reduce(
    (found, candidate) =>
      builder.op('i32.or', found, builder.op('i32.eq', value, builder.i32(candidate ?? 0))),
    builder.i32(0),
  );
}
