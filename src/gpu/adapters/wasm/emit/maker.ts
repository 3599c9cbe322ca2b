/** Functions by which rules of simplification make values. */
import type { ValueType } from './instructions.ts';
import type { Immediate, Op, Value } from './value.ts';

export interface Maker {
  i32(value: number): Value;
  i64(value: number): Value;
  f32OfBits(bits: number): Value;
  vector(lanes: readonly number[]): Value;
  /** Return the value of an operation in its simplest form. */
  make(op: Op, type: ValueType | undefined, inputs: readonly Value[], immediate?: Immediate): Value;
  /** Return the value of an operation as it is. */
  intern(op: Op, type: ValueType | undefined, inputs: readonly Value[], immediate: Immediate): Value;
}

/** Returns a simpler value than the operation; undefined if it knows none. */
export type Rule = (maker: Maker, a: Value, b: Value, op: Op) => Value | undefined;
