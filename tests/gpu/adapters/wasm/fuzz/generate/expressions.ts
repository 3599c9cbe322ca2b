/** Random expressions of a type. */

import { hasValidConstants } from '../expressions.ts';
import {
  type Abstract,
  type ArrayType,
  BOOL,
  type BuiltinName,
  type Comparison,
  type Expression,
  isConstant,
  type ScalarName,
  type Size,
  type StructType,
  sameType,
  type Type,
  U32,
  type ValueType,
  value,
} from '../program.ts';
import type { Weighted } from './choices.ts';
import { literalValue } from './literals.ts';
import { literal, reference } from './references.ts';
import type { Scope } from './scope.ts';

/** Demands on an expression. */
export interface Need {
  /** Levels of operators. */
  readonly depth: number;
  /** True if it may change nothing. */
  readonly pure?: boolean;
  /** True if it has to be the same in all invocations of a workgroup. */
  readonly uniform?: boolean;
  /** True if it has to be a constant expression. */
  readonly constant?: boolean;
}

type Make = () => Expression | undefined;

const deeper = (need: Need): Need => ({ ...need, depth: need.depth - 1 });

/** Make an expression of any type. */
export function expression(scope: Scope, type: Type, need: Need): Expression {
  if (type.kind === 'value') return typed(scope, type, need);
  return (scope.choices.bool(0.7) && readOf(scope, type, need)) || aggregate(scope, type, need);
}

function aggregate(scope: Scope, type: ArrayType | StructType, need: Need): Expression {
  const types = type.kind === 'struct' ? type.members.map((member) => member.type) : elementTypes(type);
  const zero = scope.choices.bool(0.15);
  return {
    kind: 'construct',
    parts: zero ? [] : types.map((part) => expression(scope, part, deeper(need))),
    type,
  };
}

const elementTypes = ({ of, length = 0 }: ArrayType): Type[] => Array.from({ length }, () => of);

/** Make an expression of a scalar or vector type. Constants in it are ones that WGSL accepts. */
export function typed(scope: Scope, type: ValueType, need: Need): Expression {
  const made = (need.depth <= 0 ? leaf : inner)(scope, type, need);
  return hasValidConstants(made) ? made : leaf(scope, type, need);
}

function leaf(scope: Scope, type: ValueType, need: Need): Expression {
  return (scope.choices.bool(0.75) && readOf(scope, type, need)) || literalOf(scope, type);
}

function literalOf(scope: Scope, type: ValueType): Expression {
  const { choices } = scope;
  if (type.size === 1) {
    if (type.of !== 'bool' && choices.bool(0.1)) {
      const made: Expression = { kind: 'abstract', of: abstract(scope, type.of, 2), type };
      if (hasValidConstants(made)) return made;
    }
    return { kind: 'literal', value: literalValue(type.of, choices), type };
  }
  const count = choices.pick([0, 1, type.size, type.size]);
  const parts = choices.list(count, () => literalOf(scope, value(type.of)));
  return { kind: 'construct', parts, type };
}

function abstract(scope: Scope, of: ScalarName, depth: number): Abstract {
  const { choices } = scope;
  if (depth > 0 && choices.bool(0.6)) {
    const operator = choices.pick(['+', '-', '*', '/'] as const);
    const operand = (): Abstract => abstract(scope, of, depth - 1);
    return { kind: 'operation', operator, left: operand(), right: operand() };
  }
  const float = of === 'f32' && choices.bool(0.7);
  const kind = float ? 'float' : 'integer';
  return { kind, value: float ? choices.integer(0, 4000) / 100 : choices.integer(0, 1000) };
}

/** Read a variable, or a part of one. */
function readOf(scope: Scope, type: Type, need: Need): Expression | undefined {
  const { uniform = false, constant = false } = need;
  const from = reference(scope, (part) => sameType(part, type), {
    writes: false,
    uniform,
    // Indices of indices come to an end.
    index: (of) =>
      need.depth < 0
        ? literal(0, of)
        : typed(scope, of, { ...need, depth: Math.min(need.depth - 1, 1), pure: true }),
    ...(constant ? { among: ({ variable }) => variable.space === 'const' } : {}),
  });
  return from && { kind: 'read', from, type };
}

function inner(scope: Scope, type: ValueType, need: Need): Expression {
  const make = scope.choices.weighted<Make>([
    [3, () => leaf(scope, type, need)],
    [1, () => select(scope, type, need)],
    [need.uniform || need.constant ? 0 : 2, () => callOf(scope, type, need)],
    ...(type.of === 'bool' ? conditions(scope, type, need) : numbers(scope, type, need)),
    ...(type.size === 1 ? scalars(scope, type, need) : vectors(scope, type, need)),
  ]);
  return make() ?? leaf(scope, type, need);
}

function conditions(scope: Scope, type: ValueType, need: Need): Weighted<Make>[] {
  const { choices } = scope;
  const condition = (of = type): Expression => typed(scope, of, deeper(need));
  const sized = (name: 'any' | 'all'): Expression => ({
    kind: 'builtin',
    name,
    arguments: [condition(value('bool', choices.pick([1, 2, 3, 4] as const)))],
    type,
  });
  return [
    [5, () => comparison(scope, type, need)],
    [1, () => ({ kind: 'unary', operator: '!', of: condition(), type })],
    [
      2,
      () => ({
        kind: 'binary',
        operator: choices.pick(['&', '|']),
        left: condition(),
        right: condition(),
        type,
      }),
    ],
    [
      type.size === 1 ? 3 : 0,
      () => ({
        kind: 'logical',
        operator: choices.pick(['&&', '||']),
        left: condition(),
        right: condition(),
        type,
      }),
    ],
    [type.size === 1 ? 1 : 0, () => sized(choices.pick(['any', 'all']))],
    [1, () => conversion(scope, type, need)],
  ];
}

function comparison(scope: Scope, type: ValueType, need: Need): Expression {
  const { choices, world } = scope;
  const of = choices.pick(world.scalars);
  const operators: readonly Comparison[] = of === 'bool' ? ['==', '!='] : ['==', '!=', '<', '<=', '>', '>='];
  const operand = (): Expression => typed(scope, value(of, type.size), deeper(need));
  return { kind: 'binary', operator: choices.pick(operators), left: operand(), right: operand(), type };
}

function numbers(scope: Scope, type: ValueType, need: Need): Weighted<Make>[] {
  const { choices } = scope;
  const operand = (of = type): Expression => typed(scope, of, deeper(need));
  const integer = type.of !== 'f32';
  return [
    [8, () => arithmetic(scope, type, need)],
    [
      1,
      () => ({
        kind: 'unary',
        operator: integer && (type.of === 'u32' || choices.bool()) ? '~' : '-',
        of: operand(),
        type,
      }),
    ],
    [
      integer ? 3 : 0,
      () => ({
        kind: 'binary',
        operator: choices.pick(['&', '|', '^']),
        left: operand(),
        right: operand(),
        type,
      }),
    ],
    [
      integer ? 2 : 0,
      () => ({
        kind: 'binary',
        operator: choices.pick(['<<', '>>']),
        left: operand(),
        right: operand(value('u32', type.size)),
        type,
      }),
    ],
    [3, () => builtinOf(scope, type, need)],
    [2, () => conversion(scope, type, need)],
    [1, () => bits(scope, type, need)],
  ];
}

/** Arithmetic of two values of the type, or of a scalar beside a vector on either side. */
function arithmetic(scope: Scope, type: ValueType, need: Need): Expression {
  const { choices } = scope;
  const scalar = value(type.of);
  const [left, right] = choices.weighted([
    [2, [type, type]],
    [1, [scalar, type]],
    [1, [type, scalar]],
  ]);
  const operator = choices.weighted([
    [3, '+' as const],
    [3, '-' as const],
    [3, '*' as const],
    [2, '/' as const],
    [2, '%' as const],
  ]);
  const operand = (of: ValueType): Expression => typed(scope, of, deeper(need));
  return { kind: 'binary', operator, left: operand(left), right: operand(right), type };
}

const BUILTINS: Readonly<Record<'f32' | 'i32' | 'u32', readonly (readonly [BuiltinName, number])[]>> = {
  f32: [
    ...([
      ['abs', 1],
      ['ceil', 1],
      ['floor', 1],
      ['trunc', 1],
      ['round', 1],
      ['fract', 1],
      ['sqrt', 1],
    ] as const),
    ...([
      ['min', 2],
      ['max', 2],
      ['clamp', 3],
    ] as const),
  ],
  i32: [
    ...([
      ['abs', 1],
      ['sign', 1],
      ['min', 2],
      ['max', 2],
      ['clamp', 3],
      ['countOneBits', 1],
    ] as const),
    ...([
      ['countLeadingZeros', 1],
      ['countTrailingZeros', 1],
      ['reverseBits', 1],
    ] as const),
  ],
  u32: [
    ...([
      ['abs', 1],
      ['min', 2],
      ['max', 2],
      ['clamp', 3],
      ['countOneBits', 1],
    ] as const),
    ...([
      ['countLeadingZeros', 1],
      ['countTrailingZeros', 1],
      ['reverseBits', 1],
    ] as const),
  ],
};

/** Builtins that the compiler evaluates in constants. */
const IN_CONSTANTS: readonly BuiltinName[] = [
  ...(['abs', 'ceil', 'clamp', 'floor', 'fract', 'max', 'min', 'round', 'sqrt', 'trunc'] as const),
];

function builtinOf(scope: Scope, type: ValueType, need: Need): Expression | undefined {
  if (type.of === 'bool') return undefined;
  const known = BUILTINS[type.of].filter(([name]) => !need.constant || IN_CONSTANTS.includes(name));
  const [name, count] = scope.choices.pick(known);
  const list = scope.choices.list(count, () => typed(scope, type, deeper(need)));
  return { kind: 'builtin', name, arguments: list, type };
}

function conversion(scope: Scope, type: ValueType, need: Need): Expression {
  const from = scope.choices.pick(scope.world.scalars);
  return { kind: 'convert', of: typed(scope, value(from, type.size), deeper(need)), type };
}

/** The bits of a value as another type. Bits of a NaN are anything: 0 takes its place. */
function bits(scope: Scope, type: ValueType, need: Need): Expression {
  const from = scope.choices.pick(scope.world.scalars.filter((name) => name !== 'bool'));
  const source = value(from, type.size);
  if (from !== 'f32' || type.of === 'f32')
    return { kind: 'bitcast', of: typed(scope, source, deeper(need)), type };
  const number = typed(scope, source, { ...need, depth: Math.min(need.depth - 1, 1), pure: true });
  const undefinedPart: Expression = {
    kind: 'binary',
    operator: '!=',
    left: number,
    right: number,
    type: value('bool', type.size),
  };
  const zero: Expression = { kind: 'construct', parts: [], type: source };
  const of: Expression = {
    kind: 'builtin',
    name: 'select',
    arguments: [number, zero, undefinedPart],
    type: source,
  };
  return { kind: 'bitcast', of, type };
}

function select(scope: Scope, type: ValueType, need: Need): Expression {
  const sized = scope.choices.bool() ? value('bool', type.size) : BOOL;
  const of = (wanted: ValueType): Expression => typed(scope, wanted, deeper(need));
  return { kind: 'builtin', name: 'select', arguments: [of(type), of(type), of(sized)], type };
}

function callOf(scope: Scope, type: ValueType, need: Need): Expression | undefined {
  const fitting = scope.world.functions.filter(
    ({ returns, impure, barriers }) =>
      returns !== undefined && sameType(returns, type) && !barriers && !(impure && need.pure),
  );
  if (fitting.length === 0) return undefined;
  const called = scope.choices.pick(fitting);
  scope.maker.impure ||= called.impure;
  const list = called.parameters.map((parameter) => expression(scope, parameter.type, deeper(need)));
  return { kind: 'call', function: called, arguments: list, type };
}

const SIZES = [2, 3, 4] as const;

function scalars(scope: Scope, type: ValueType, need: Need): Weighted<Make>[] {
  const { choices } = scope;
  const vector = (): Expression => typed(scope, value(type.of, choices.pick(SIZES)), deeper(need));
  return [
    [2, () => swizzle(scope, type, need)],
    [
      1,
      () => {
        const of = vector();
        return { kind: 'element', of, index: elementIndex(scope, of, need), type };
      },
    ],
    [
      type.of === 'bool' || need.constant ? 0 : 1,
      () => {
        const size = choices.pick(SIZES);
        const operand = (): Expression => typed(scope, value(type.of, size), deeper(need));
        return { kind: 'builtin', name: 'dot', arguments: [operand(), operand()], type };
      },
    ],
    [type.of === 'u32' && !need.constant ? 1 : 0, () => arrayLength(scope, need)],
  ];
}

function elementIndex(scope: Scope, of: Expression, need: Need): Expression {
  const { choices, world } = scope;
  const size = of.type.kind === 'value' ? of.type.size : 1;
  const type = world.inRange || choices.bool() ? U32 : value('i32');
  const made = typed(scope, type, { ...need, depth: Math.min(need.depth - 1, 1) });
  if (isConstant(made)) return literal(choices.integer(0, size - 1), type);
  return world.inRange ? { kind: 'binary', operator: '%', left: made, right: literal(size), type } : made;
}

function arrayLength(scope: Scope, need: Need): Expression | undefined {
  const of = reference(scope, (type) => type.kind === 'array' && type.length === undefined, {
    writes: false,
    uniform: need.uniform ?? false,
    whole: true,
    index: () => literal(0),
  });
  return of && { kind: 'arrayLength', of, type: U32 };
}

function swizzle(scope: Scope, type: ValueType, need: Need): Expression {
  const { choices } = scope;
  const size: Size = choices.pick(SIZES);
  const components = choices.list(type.size, () => choices.integer(0, size - 1));
  return { kind: 'swizzle', of: typed(scope, value(type.of, size), deeper(need)), components, type };
}

function vectors(scope: Scope, type: ValueType, need: Need): Weighted<Make>[] {
  return [
    [4, () => construct(scope, type, need)],
    [2, () => swizzle(scope, type, need)],
  ];
}

/** Make a vector of one scalar, or of scalars and smaller vectors. */
function construct(scope: Scope, type: ValueType, need: Need): Expression {
  const { choices } = scope;
  const parts: Expression[] = [];
  if (choices.bool(0.25)) parts.push(typed(scope, value(type.of), deeper(need)));
  else {
    let left: number = type.size;
    while (left > 0) {
      const size = choices.pick(([1, 1, 1, 2, 3] as const).filter((of) => of <= left && of < type.size));
      parts.push(typed(scope, value(type.of, size), deeper(need)));
      left -= size;
    }
  }
  return { kind: 'construct', parts, type };
}
