/** Smaller programs: candidates that differ from a program by one edit. Not all of them are valid. */

import { zeroOf } from './layout.ts';
import type { Case, Expression, Program, Reference, Statement, Type } from './program.ts';

/** Yields every version of a list with one item left out, or edited. */
function* listEdits<T>(list: readonly T[], edits: (item: T) => Iterable<T>): Generator<T[]> {
  for (let i = 0; i < list.length; i++) yield [...list.slice(0, i), ...list.slice(i + 1)];
  yield* itemEdits(list, edits);
}

/** Yields every version of a list with one item edited. */
function* itemEdits<T>(list: readonly T[], edits: (item: T) => Iterable<T>): Generator<T[]> {
  for (let i = 0; i < list.length; i++)
    for (const edited of edits(list[i])) yield [...list.slice(0, i), edited, ...list.slice(i + 1)];
}

/** Yields versions of an object with one property edited. */
function* edit<T, K extends keyof T>(of: T, key: K, edits: Iterable<T[K]>): Generator<T> {
  for (const edited of edits) yield { ...of, [key]: edited };
}

/** Yields versions of a list of statements: without one, with one replaced by its parts, or with one edited. */
function* bodies(body: readonly Statement[]): Generator<readonly Statement[]> {
  if (body.length > 2) {
    const half = Math.ceil(body.length / 2);
    yield body.slice(half);
    yield body.slice(0, half);
  }
  for (let i = 0; i < body.length; i++)
    for (const parts of partsOf(body[i])) yield [...body.slice(0, i), ...parts, ...body.slice(i + 1)];
  yield* listEdits(body, statements);
}

function partsOf(statement: Statement): (readonly Statement[])[] {
  switch (statement.kind) {
    case 'block':
    case 'while':
    case 'loop':
      return [statement.body];
    case 'if':
      return [statement.yes, statement.no];
    case 'for':
      return [[statement.first, ...statement.body]];
    case 'switch':
      return statement.cases.map(({ body }) => body);
    default:
      return [];
  }
}

function* statements(of: Statement): Generator<Statement> {
  switch (of.kind) {
    case 'declare':
      // The value of a constant also stands in its variable.
      if (of.value && of.variable.space !== 'const') yield* edit(of, 'value', expressions(of.value));
      return;
    case 'assign':
    case 'compound':
      yield* edit(of, 'value', expressions(of.value));
      yield* edit(of, 'to', references(of.to));
      return;
    case 'step':
      yield* edit(of, 'to', references(of.to));
      return;
    case 'drop':
      yield* edit(of, 'value', expressions(of.value));
      return;
    case 'call':
      yield* edit(of, 'arguments', itemEdits(of.arguments, expressions));
      return;
    case 'block':
      yield* edit(of, 'body', bodies(of.body));
      return;
    case 'if':
      yield* edit(of, 'yes', bodies(of.yes));
      yield* edit(of, 'no', bodies(of.no));
      yield* edit(of, 'condition', expressions(of.condition));
      return;
    case 'for':
      yield* edit(of, 'body', bodies(of.body));
      yield* edit(of, 'condition', expressions(of.condition));
      return;
    case 'while':
      yield* edit(of, 'body', bodies(of.body));
      yield* edit(of, 'condition', expressions(of.condition));
      return;
    case 'loop':
      yield* edit(of, 'body', bodies(of.body));
      yield* edit(of, 'continuing', bodies(of.continuing));
      if (of.breakIf) yield* edit(of, 'breakIf', expressions(of.breakIf));
      return;
    case 'switch':
      yield* edit(of, 'cases', listEdits(of.cases, cases));
      yield* edit(of, 'on', expressions(of.on));
      return;
    case 'return':
      if (of.value) yield* edit(of, 'value', expressions(of.value));
      return;
    default:
  }
}

function* cases(of: Case): Generator<Case> {
  yield* edit(of, 'body', bodies(of.body));
}

/** Return the expressions directly inside of one. */
function inside(of: Expression): readonly Expression[] {
  switch (of.kind) {
    case 'unary':
    case 'convert':
    case 'bitcast':
    case 'swizzle':
      return [of.of];
    case 'element':
      return [of.of, of.index];
    case 'binary':
    case 'logical':
      return [of.left, of.right];
    case 'builtin':
    case 'call':
      return of.arguments;
    case 'construct':
      return of.parts;
    default:
      return [];
  }
}

const same = (a: Type, b: Type): boolean =>
  a.kind === 'value' && b.kind === 'value' && a.of === b.of && a.size === b.size;

/** Yields simpler expressions of the same type: a part of it, zero or one, or one with a simpler part. */
function* expressions(of: Expression): Generator<Expression> {
  if (of.kind === 'literal' || (of.kind === 'construct' && of.parts.length === 0)) return;
  for (const part of inside(of)) if (same(part.type, of.type)) yield part;
  yield* constants(of.type);
  switch (of.kind) {
    case 'read':
      yield* edit(of, 'from', references(of.from));
      return;
    case 'unary':
    case 'convert':
    case 'bitcast':
    case 'swizzle':
      yield* edit(of, 'of', expressions(of.of));
      return;
    case 'element':
      yield* edit(of, 'of', expressions(of.of));
      yield* edit(of, 'index', expressions(of.index));
      return;
    case 'binary':
    case 'logical':
      yield* edit(of, 'left', expressions(of.left));
      yield* edit(of, 'right', expressions(of.right));
      return;
    case 'builtin':
    case 'call':
      yield* edit(of, 'arguments', itemEdits(of.arguments, expressions));
      return;
    case 'construct':
      yield* edit(of, 'parts', itemEdits(of.parts, expressions));
      return;
    default:
  }
}

function* constants(type: Type): Generator<Expression> {
  if (type.kind !== 'value') return;
  if (type.size > 1) {
    yield { kind: 'construct', parts: [], type };
    return;
  }
  const zero = zeroOf(type);
  if (typeof zero === 'object') return;
  yield { kind: 'literal', value: zero, type };
  yield { kind: 'literal', value: type.of === 'bool' ? true : 1, type };
}

function* references(of: Reference): Generator<Reference> {
  if (of.kind === 'variable') return;
  yield* edit(of, 'base', references(of.base));
  if (of.kind === 'index') yield* edit(of, 'index', expressions(of.index));
}

/** Yields programs that are smaller by one edit, larger cuts first. */
export function* shrink(program: Program): Generator<Program> {
  yield* edit(program, 'main', bodies(program.main));
  const { workgroups, workgroupSize } = program;
  if (workgroups.some((count) => count > 1)) yield { ...program, workgroups: [1, 1, 1] };
  if (workgroupSize.some((size) => size > 1)) yield { ...program, workgroupSize: [1, 1, 1] };
  yield* edit(program, 'variables', leftOut(program.variables));
  yield* edit(program, 'functions', leftOut(program.functions));
  yield* edit(
    program,
    'functions',
    itemEdits(program.functions, (called) => edit(called, 'body', bodies(called.body))),
  );
}

function* leftOut<T>(list: readonly T[]): Generator<T[]> {
  for (let i = 0; i < list.length; i++) yield [...list.slice(0, i), ...list.slice(i + 1)];
}
