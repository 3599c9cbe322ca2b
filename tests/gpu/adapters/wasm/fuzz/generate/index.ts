/** Makes random programs. */

import {
  type BuiltinValue,
  type Expression,
  type Program,
  type ScalarName,
  type Statement,
  type Triple,
  U32,
  type Variable,
  value,
} from '../program.ts';
import type { Choices } from './choices.ts';
import { inputs, outputs, ownVariables, workgroupArrays } from './declarations.ts';
import { expression } from './expressions.ts';
import { procedure } from './functions.ts';
import { phasedProcedure, phases } from './phases.ts';
import { literal, ownElement, read } from './references.ts';
import { type Maker, Scope, type World } from './scope.ts';
import { statements } from './statements.ts';

/** The kind of a program. */
export interface Kind {
  /** True for a program whose invocations meet at barriers. */
  readonly barriers: boolean;
  /** False for a program of integers and booleans alone, whose results no adapter may round. */
  readonly floats: boolean;
  /** True for a program whose indices are in range. */
  readonly inRange?: boolean;
}

const TRIPLE = value('u32', 3);

/** Builtin values as parameters of the entry point. */
const BUILTINS: readonly (readonly [BuiltinValue, Variable])[] = [
  ['workgroup_id', { name: 'group', type: TRIPLE, space: 'parameter' }],
  ['num_workgroups', { name: 'groups', type: TRIPLE, space: 'parameter' }],
  ['local_invocation_index', { name: 'lane', type: U32, space: 'parameter' }],
  ['local_invocation_id', { name: 'local', type: TRIPLE, space: 'parameter' }],
  ['global_invocation_id', { name: 'at', type: TRIPLE, space: 'parameter' }],
];
const UNIFORM: readonly string[] = ['group', 'groups'];

const SIZES: readonly Triple[] = [
  [1, 1, 1],
  [1, 1, 1],
  [2, 1, 1],
  [3, 1, 1],
  [2, 2, 1],
  [1, 2, 2],
  [4, 1, 1],
];
const PHASED_SIZES: readonly Triple[] = [
  [2, 1, 1],
  [4, 1, 1],
  [5, 1, 1],
  [2, 3, 1],
  [8, 1, 1],
  [2, 2, 2],
];
const COUNTS: readonly Triple[] = [
  [1, 1, 1],
  [1, 1, 1],
  [2, 1, 1],
  [3, 1, 1],
  [2, 2, 1],
  [1, 2, 2],
];

const product = (of: Triple): number => of.reduce((a, b) => a * b);

/** Make a program. */
export function generate(choices: Choices, { barriers, floats, inRange = false }: Kind): Program {
  const scalars: ScalarName[] = floats ? ['f32', 'f32', 'f32', 'i32', 'u32', 'bool'] : ['i32', 'u32', 'bool'];
  const world: World = { choices, scalars, shared: new Map(), functions: [], inRange, names: 0 };
  const workgroupSize = choices.pick(barriers ? PHASED_SIZES : SIZES);
  const workgroups = choices.pick(COUNTS);
  const size = product(workgroupSize);
  const nowhere: Maker = { returns: undefined, returnsEarly: false, impure: false };
  const module = new Scope(world, nowhere, [new Map()], { loop: false, switch: false, continues: false });

  const own = ownVariables(module);
  const first = choices.integer(0, 2);
  const bound = [...inputs(module, first)];
  bound.push(...outputs(module, first + bound.length, size * product(workgroups)));
  const shared = workgroupArrays(module, barriers ? choices.integer(1, 3) : choices.integer(0, 1), size);
  for (let i = choices.integer(0, 3); i > 0; i--) procedure(module);
  if (barriers) for (let i = choices.integer(0, 2); i > 0; i--) phasedProcedure(module);

  const main = mainBody(module, size, barriers);
  return {
    variables: [...own, ...bound.map(({ variable }) => variable), ...shared],
    functions: world.functions,
    builtins: new Map(BUILTINS),
    main,
    workgroupSize,
    workgroups,
    data: new Map(bound.map(({ variable: { binding = 0 }, bytes }) => [binding, bytes])),
  };
}

function mainBody(module: Scope, size: number, barriers: boolean): Statement[] {
  const { world, choices } = module;
  const [group, groups, lane] = BUILTINS.map(([, variable]) => variable);
  const self: Variable = { name: 'mine', type: U32, space: 'let' };
  const maker: Maker = { returns: undefined, returnsEarly: !barriers, self, lane, impure: false };
  const scope = new Scope(world, maker, module.frames, {
    loop: false,
    switch: false,
    continues: false,
  }).inner();
  for (const [, variable] of BUILTINS)
    scope.declare({ variable, kept: true, uniform: UNIFORM.includes(variable.name) });
  scope.declare({ variable: self, kept: true });
  const start: Statement = { kind: 'declare', variable: self, value: numberOf(group, groups, lane, size) };
  const body = barriers
    ? phases(scope, choices.integer(2, 4), 2)
    : statements(scope, choices.integer(2, 8), 3);
  // After the last barrier nobody writes workgroup memory.
  if (barriers)
    for (const [{ space }, shared] of world.shared) if (space === 'workgroup') shared.reads = 'all';
  return [start, ...body, ...results(scope)];
}

/** Return the number of an invocation in the dispatch. */
function numberOf(group: Variable, groups: Variable, lane: Variable, size: number): Expression {
  const part = (of: Variable, component: number): Expression => ({
    kind: 'swizzle',
    of: read(of),
    components: [component],
    type: U32,
  });
  const of = (operator: '+' | '*', left: Expression, right: Expression): Expression => ({
    kind: 'binary',
    operator,
    left,
    right,
    type: U32,
  });
  const rows = of('+', part(group, 1), of('*', part(group, 2), part(groups, 1)));
  const number = of('+', part(group, 0), of('*', rows, part(groups, 0)));
  return of('+', of('*', number, literal(size)), read(lane));
}

/** Write to the invocation's elements of each output. */
function results(scope: Scope): Statement[] {
  const { world, choices, maker } = scope;
  return [...world.shared].flatMap(([variable, { slots }]): Statement[] => {
    const { type, space } = variable;
    if (space !== 'read_write' || type.kind !== 'array' || !maker.self) return [];
    const to = ownElement(variable, type.of, maker.self, slots, literal(choices.integer(0, slots - 1)));
    return [{ kind: 'assign', to, value: expression(scope, type.of, { depth: 3, pure: true }) }];
  });
}
