/**
 * Values of the emitter's intermediate form: static single assignment in a graph. A pure value has no place: the scheduler finds
 * one. Pinned values (parameters of labels, loads from memory that the kernel writes, atomics, stores) stay in their segment.
 */
import type { AtomicName, Instruction, LoadName, StoreName, ValueType } from './instructions.ts';

/** A loop of the kernel, for its depth. */
export class Loop {
  readonly parent: Loop | undefined;
  readonly depth: number;

  constructor(parent: Loop | undefined) {
    this.parent = parent;
    this.depth = (parent?.depth ?? 0) + 1;
  }
}

/** A straight stretch of code, a node of the dominator tree. */
export class Segment {
  readonly dominator: Segment | undefined;
  /** Number of dominators. */
  readonly depth: number;
  /** The innermost loop around it. */
  readonly loop: Loop | undefined;

  constructor(dominator: Segment | undefined, loop: Loop | undefined) {
    this.dominator = dominator;
    this.depth = dominator ? dominator.depth + 1 : 0;
    this.loop = loop;
  }

  get loopDepth(): number {
    return this.loop?.depth ?? 0;
  }

  isWithin(loop: Loop): boolean {
    for (let around = this.loop; around; around = around.parent) if (around === loop) return true;
    return false;
  }
}

/** Return the deepest segment that dominates both. */
export function commonDominator(a: Segment, b: Segment): Segment {
  let [x, y]: [Segment | undefined, Segment | undefined] = [a, b];
  while (x !== y) {
    if (!x || !y) throw new Error('two segments of one function have no common dominator');
    if (x.depth > y.depth) x = x.dominator;
    else if (y.depth > x.depth) y = y.dominator;
    else {
      x = x.dominator;
      y = y.dominator;
    }
  }
  if (!x) throw new Error('two segments of one function have no common dominator');
  return x;
}

/**
 * The operation that computes a value: an instruction, or one of these that become several.
 *
 * - `i32.const`, `i64.const`: the immediate is the number. `f32.const`: its bits. `v128.const`: four i32 in a text.
 * - `shuffle`: lanes of 32 bits of two vectors; the immediate holds four numbers of 0 to 7, three bits each, the lowest first.
 * - `select`: inputs: value if true, value if false, condition.
 * - `i32.min_u`, …: the second operand where the comparison holds.
 * - `clamp`: an index and the largest one in range: `i32.min_u`, but known to be without effect where the index is in range.
 * - `call`: a pure function of the module; the immediate is its number.
 * - `parameter`: of a label, or of the function.
 */
export type Op =
  | Instruction
  | LoadName
  | StoreName
  | AtomicName
  | 'i32.const'
  | 'i64.const'
  | 'f32.const'
  | 'v128.const'
  | 'shuffle'
  | 'select'
  | 'i32.min_s'
  | 'i32.min_u'
  | 'i32.max_s'
  | 'i32.max_u'
  | 'clamp'
  | 'call'
  | 'parameter'
  | 'memory.fill';

export type Immediate = number | string;

export class Value {
  /** Ascending in the order of creation: inputs are below their users. */
  readonly id: number;
  readonly op: Op;
  /** Undefined for stores. */
  readonly type: ValueType | undefined;
  readonly inputs: readonly Value[];
  readonly immediate: Immediate;
  /** The first segment in which all inputs are known; the segment itself, of a pinned value. */
  readonly early: Segment;
  readonly pinned: boolean;
  /** Number of the statement that it comes from: the order of statements is kept. */
  readonly statement: number;
  /** The segment whose code first asked for it. */
  readonly asked: Segment;
  /** The largest that an i32 can be, as an unsigned number, once it is known. */
  bound: number | undefined;

  constructor(
    id: number,
    op: Op,
    type: ValueType | undefined,
    inputs: readonly Value[],
    immediate: Immediate,
    early: Segment,
    pinned: boolean,
    statement: number,
    asked: Segment,
  ) {
    this.id = id;
    this.op = op;
    this.type = type;
    this.inputs = inputs;
    this.immediate = immediate;
    this.early = early;
    this.pinned = pinned;
    this.statement = statement;
    this.asked = asked;
  }
}

/** Return the number of an i32 constant. */
export const constantOf = (value: Value): number | undefined =>
  value.op === 'i32.const' ? Number(value.immediate) : undefined;

/** Return the four lanes of a `v128.const`. */
export const lanesOf = (vector: Value): number[] => String(vector.immediate).split(',').map(Number);
