/** Makes simplified values: what the translation of a shader is written with. */
import { packLanes } from './bits.ts';
import { INSTRUCTIONS, type Instruction, LOADS, type LoadName, type ValueType } from './instructions.ts';
import { Interner } from './interner.ts';
import type { Maker } from './maker.ts';
import { simplify } from './simplify.ts';
import type { Immediate, Op, Value } from './value.ts';

export class Graph extends Interner implements Maker {
  /** The value of an operation in its simplest form. */
  make(op: Op, type: ValueType | undefined, inputs: readonly Value[], immediate: Immediate = 0): Value {
    return simplify(this, op, inputs, immediate) ?? this.intern(op, type, inputs, immediate);
  }

  /** An instruction without an address, simplified. */
  op(op: Instruction, ...inputs: Value[]): Value {
    const result = INSTRUCTIONS.get(op)?.result;
    return this.make(op, result, inputs, 0);
  }

  /** A lane of a vector. */
  lane(type: 'i32' | 'f32', vector: Value, lane: number): Value {
    return this.make(`${type}x4.extract_lane`, type, [vector], lane);
  }

  replaceLane(type: 'i32' | 'f32', vector: Value, lane: number, value: Value): Value {
    return this.make(`${type}x4.replace_lane`, 'v128', [vector, value], lane);
  }

  /** Four lanes of 32 bits of two vectors: 0 to 3 are of `a`, 4 to 7 of `b`. */
  shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
    return this.make('shuffle', 'v128', [a, b], packLanes(lanes));
  }

  select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
    return this.make('select', whenTrue.type, [whenTrue, whenFalse, condition], 0);
  }

  extremum(op: 'i32.min_s' | 'i32.min_u' | 'i32.max_s' | 'i32.max_u', a: Value, b: Value): Value {
    return this.make(op, 'i32', [a, b], 0);
  }

  /** The index, or `last` if it is above. */
  clamp(index: Value, last: Value): Value {
    return this.make('clamp', 'i32', [index, last], 0);
  }

  /** A load from memory that the kernel does not write. */
  load(op: LoadName, address: Value, offset = 0): Value {
    return this.make(op, LOADS[op][1], [address], offset);
  }
}
