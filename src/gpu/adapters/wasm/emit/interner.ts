/** Makes values, each only once: two values of the same operation and the same inputs are one value. */
import { bitsOf } from './bits.ts';
import {
  ATOMICS,
  type AtomicName,
  LOADS,
  type LoadName,
  type StoreName,
  type ValueType,
} from './instructions.ts';
import { type Immediate, type Op, Segment, Value } from './value.ts';

export class Interner {
  readonly root = new Segment(undefined, undefined);
  /** The segment that code is being made for. */
  segment: Segment = this.root;
  /** Number of the statement that is being translated. */
  statement = 0;
  #size = 0;
  readonly #table = new Map<number, Value[]>();

  get size(): number {
    return this.#size;
  }

  /** Return the next number in the order of values and items. */
  order(): number {
    return this.#size++;
  }

  i32(value: number): Value {
    return this.intern('i32.const', 'i32', [], value | 0);
  }

  i64(value: number): Value {
    return this.intern('i64.const', 'i64', [], value);
  }

  f32(value: number): Value {
    return this.intern('f32.const', 'f32', [], bitsOf(value));
  }

  f32OfBits(bits: number): Value {
    return this.intern('f32.const', 'f32', [], bits | 0);
  }

  /** A constant vector of four lanes of 32 bits. */
  vector(lanes: readonly number[]): Value {
    return this.intern('v128.const', 'v128', [], lanes.map((lane) => lane | 0).join());
  }

  call(number: number, result: ValueType, inputs: readonly Value[]): Value {
    return this.intern('call', result, inputs, number);
  }

  parameter(type: ValueType | undefined, segment: Segment): Value {
    return this.#create('parameter', type, [], 0, segment, true);
  }

  /** A value that stays where it is: a store, an atomic operation, a load from memory that the kernel writes. */
  pinned(
    op: LoadName | StoreName | AtomicName | 'memory.fill',
    inputs: readonly Value[],
    offset: number,
    segment: Segment,
  ): Value {
    const type =
      op in LOADS ? LOADS[op as LoadName][1] : op in ATOMICS && op !== 'i32.atomic.store' ? 'i32' : undefined;
    return this.#create(op, type, inputs, offset, segment, true);
  }

  /** The value itself if it is new, else the one that is equal. Does not simplify. */
  intern(op: Op, type: ValueType | undefined, inputs: readonly Value[], immediate: Immediate): Value {
    const hash = hashOf(op, inputs, immediate);
    const bucket = this.#table.get(hash);
    if (!bucket) {
      const value = this.#create(op, type, inputs, immediate, this.#earliest(inputs), false);
      this.#table.set(hash, [value]);
      return value;
    }
    const known = bucket.find((other) => isSame(other, op, inputs, immediate));
    if (known) return known;
    const value = this.#create(op, type, inputs, immediate, this.#earliest(inputs), false);
    bucket.push(value);
    return value;
  }

  /** The deepest segment among those of the inputs: all of them dominate the place that asks. */
  #earliest(inputs: readonly Value[]): Segment {
    let early = this.root;
    for (const { early: other } of inputs) if (other.depth > early.depth) early = other;
    return early;
  }

  #create(
    op: Op,
    type: ValueType | undefined,
    inputs: readonly Value[],
    immediate: Immediate,
    early: Segment,
    pinned: boolean,
  ): Value {
    return new Value(this.order(), op, type, inputs, immediate, early, pinned, this.statement, this.segment);
  }
}

function hashOf(op: Op, inputs: readonly Value[], immediate: Immediate): number {
  let hash = op.length * 31 + op.charCodeAt(op.length - 1) + 977 * op.charCodeAt(op.length >> 1);
  if (typeof immediate === 'number') hash = Math.imul(hash, 31) + immediate;
  else for (let i = 0; i < immediate.length; i++) hash = (Math.imul(hash, 31) + immediate.charCodeAt(i)) | 0;
  for (const { id } of inputs) hash = (Math.imul(hash, 0x01000193) ^ id) | 0;
  return hash | 0;
}

function isSame(value: Value, op: Op, inputs: readonly Value[], immediate: Immediate): boolean {
  if (value.op !== op || value.immediate !== immediate || value.inputs.length !== inputs.length) return false;
  for (let i = 0; i < inputs.length; i++) if (value.inputs[i] !== inputs[i]) return false;
  return true;
}
