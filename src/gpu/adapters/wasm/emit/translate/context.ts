/** State that the parts of the translation share. */
import type { Expression, ScalarType, ShaderFunction, Type, Variable, VectorType } from '../../wgsl/tree.ts';
import type { Builder, OpenLabel } from '../builder.ts';
import type { Value } from '../value.ts';
import type { Pointers } from './pointers.ts';

/** The place of a variable. */
export type Home =
  /** A `let` or a parameter: its leaves. */
  | { readonly kind: 'values'; readonly values: readonly Value[] }
  /** A `var` whose leaves are slots of the builder, from `first` on. */
  | { readonly kind: 'slots'; readonly first: number }
  | MemoryHome;

export interface MemoryHome {
  readonly kind: 'memory';
  readonly address: Value;
  readonly offset: number;
  /** Bytes of the binding: of storage variables. */
  readonly bytes: Value | undefined;
  /** False if the kernel never writes it: reading is then pure. */
  readonly writable: boolean;
}

/** The place of a reference. */
export type Place = MemoryPlace | LeavesPlace | ComponentPlace;

export interface MemoryPlace {
  readonly kind: 'memory';
  readonly home: MemoryHome;
  readonly address: Value;
  readonly offset: number;
  readonly type: Type;
}

/** Leaves of a variable that is not in memory. */
export interface LeavesPlace {
  readonly kind: 'leaves';
  readonly variable: Variable;
  readonly first: number;
  readonly type: Type;
}

/** A component of a vector that is not in memory. */
export interface ComponentPlace {
  readonly kind: 'component';
  readonly vector: LeavesPlace;
  readonly vectorType: VectorType;
  readonly index: Value;
  readonly type: ScalarType;
}

/** Thrown where a variable that was to be kept in locals is indexed at run time: translation begins again, with it in memory. */
export class NeedsMemory {
  readonly variable: Variable;

  constructor(variable: Variable) {
    this.variable = variable;
  }
}

/** A function whose body is being translated: what `return` does. */
export interface Frame {
  readonly end: OpenLabel;
  /** Slots of the result: the first one. */
  readonly result: number;
}

/** Targets of `break` and `continue`. */
export interface Targets {
  readonly end: OpenLabel | undefined;
  readonly next: OpenLabel | undefined;
}

export interface Context {
  readonly builder: Builder;
  readonly homes: Map<Variable, Home>;
  /** Variables of functions that are in memory. */
  readonly inMemory: ReadonlySet<Variable>;
  /** Variables of a loop's body that have their place from before it. */
  readonly reserved: Map<Variable, Place>;
  /** Of the counted loop that is being translated: moves pointers along. */
  pointers: Pointers | undefined;
  frame: Frame | undefined;
  targets: Targets;
  /** Return the leaves of an expression's value. */
  evaluate(expression: Expression): readonly Value[];
  /** Call a function of the shader, and return the leaves of its result. */
  call(callee: ShaderFunction, values: readonly (readonly Value[])[]): readonly Value[];
  /** Return scratch memory for a value of this type: for a variable always the same. */
  reserve(type: Type, variable?: Variable): MemoryHome;
}

/** Return the only leaf of a scalar or vector expression. */
export function single(context: Context, expression: Expression): Value {
  const [value] = context.evaluate(expression);
  if (!value) throw new Error(`an expression of kind ${expression.kind} has no value`);
  return value;
}
