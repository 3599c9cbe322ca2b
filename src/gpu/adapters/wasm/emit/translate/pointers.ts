/**
 * Accesses of a counted loop whose index moves by the same amount in each turn. The first and the last index are computed before the
 * loop, in 64 bits, so that nothing wraps unseen; if all are in range, a version of the loop runs that neither clamps indices nor
 * multiplies: each such access has a pointer that moves along.
 */
import type { Builder, OpenLoop } from '../builder.ts';
import { splitSum } from '../integerRules.ts';
import type { Op, Value } from '../value.ts';

/** The condition of a loop on its counter. */
export interface Condition {
  readonly counter: Value;
  /** The counter is below it, or not above it. */
  readonly limit: Value;
  readonly strict: boolean;
  readonly signed: boolean;
}

/** A value that is `start` in the first turn and changes by `rate` when the counter changes by 1. */
interface Affine {
  readonly start: Value;
  readonly rate: Value;
}

interface Pointer {
  readonly parameter: Value;
  readonly initial: Value;
  readonly next: Value;
}

/** Indices that move together: `start` + c for `least` ≤ c ≤ `most`, in the first turn, and what none may exceed. */
interface Range {
  readonly moves: Affine;
  readonly last: Value;
  least: number;
  most: number;
}

/** The place of an element. */
export interface Address {
  readonly address: Value;
  readonly offset: number;
}

/** Offsets of instructions below this leave the address without them positive: bindings begin above it. */
const MOST_OFFSET = 65536;

const COMPARISONS: Readonly<
  Partial<Record<Op, { counterFirst: boolean; strict: boolean; signed: boolean }>>
> = {
  'i32.lt_u': { counterFirst: true, strict: true, signed: false },
  'i32.lt_s': { counterFirst: true, strict: true, signed: true },
  'i32.le_u': { counterFirst: true, strict: false, signed: false },
  'i32.le_s': { counterFirst: true, strict: false, signed: true },
  'i32.gt_u': { counterFirst: false, strict: true, signed: false },
  'i32.gt_s': { counterFirst: false, strict: true, signed: true },
  'i32.ge_u': { counterFirst: false, strict: false, signed: false },
  'i32.ge_s': { counterFirst: false, strict: false, signed: true },
};

/** Return the counter and limit of a condition, if the limit stays the same in the loop. */
export function conditionOf(
  { op, inputs }: Value,
  counter: Value,
  { loop }: OpenLoop,
): Condition | undefined {
  const comparison = COMPARISONS[op];
  if (!comparison) return undefined;
  const { counterFirst, strict, signed } = comparison;
  const [first, limit] = counterFirst ? inputs : [...inputs].reverse();
  if (first !== counter || !limit || limit.early.isWithin(loop)) return undefined;
  return { counter, limit, strict, signed };
}

export class Pointers {
  readonly #builder: Builder;
  readonly #label: OpenLoop;
  readonly #condition: Condition;
  readonly #start: Value;
  readonly #step: Value;
  readonly #affine = new Map<Value, Affine | undefined>();
  readonly #pointers = new Map<string, Pointer>();
  readonly #ranges = new Map<string, Range>();

  /** @param start the counter before the loop; @param step what is added to it in each turn. */
  constructor(builder: Builder, label: OpenLoop, condition: Condition, start: Value, step: Value) {
    this.#builder = builder;
    this.#label = label;
    this.#condition = condition;
    this.#start = start;
    this.#step = step;
  }

  /** Return the address of element `index` of an array at `base`, if its index moves evenly. */
  element(base: Value, index: Value, last: Value, stride: number): Address | undefined {
    const builder = this.#builder;
    const [rest, constant] = splitSum(index);
    if (!this.#isFixed(base) || !this.#isFixed(last) || this.#isFixed(rest)) return undefined;
    const moves = this.#affineOf(rest);
    if (!moves) return undefined;
    this.#require(moves, last, constant);
    const pointer = this.#pointerOf(base, moves, stride);
    const offset = constant * stride;
    if (offset >= 0 && offset < MOST_OFFSET) return { address: pointer, offset };
    return { address: builder.op('i32.add', pointer, builder.i32(offset)), offset: 0 };
  }

  /** End the loop. Return the condition under which no index is out of range; undefined if there is nothing to gain. */
  finish(): Value | undefined {
    const { branches, entry, slots, parameters } = this.#label;
    const counter = parameters.indexOf(this.#condition.counter);
    if (this.#pointers.size === 0 || counter < 0 || counter >= slots.length) return undefined;
    const next = this.#builder.op('i32.add', this.#condition.counter, this.#step);
    if (this.#step.early.isWithin(this.#label.loop)) return undefined;
    if (branches.some((branch) => branch.arguments[counter] !== next)) return undefined;
    for (const { initial, next: moved } of this.#pointers.values()) {
      entry.arguments.push(initial);
      for (const branch of branches) branch.arguments.push(moved);
    }
    return this.#inRange();
  }

  #isFixed(value: Value): boolean {
    return !value.early.isWithin(this.#label.loop);
  }

  #affineOf(value: Value): Affine | undefined {
    const known = this.#affine.get(value);
    if (known || this.#affine.has(value)) return known;
    const affine = this.#findAffine(value);
    this.#affine.set(value, affine);
    return affine;
  }

  #findAffine(value: Value): Affine | undefined {
    const builder = this.#builder;
    if (this.#isFixed(value)) return { start: value, rate: builder.i32(0) };
    if (value === this.#condition.counter) return { start: this.#start, rate: builder.i32(1) };
    const { op } = value;
    const [left, right] = value.inputs;
    if (!left || !right) return undefined;
    const [a, b] = [this.#affineOf(left), this.#affineOf(right)];
    if (!a || !b) return undefined;
    switch (op) {
      case 'i32.add':
      case 'i32.sub':
        return { start: builder.op(op, a.start, b.start), rate: builder.op(op, a.rate, b.rate) };
      case 'i32.mul':
        if (this.#isFixed(right)) {
          return { start: builder.op(op, a.start, right), rate: builder.op(op, a.rate, right) };
        }
        if (this.#isFixed(left))
          return { start: builder.op(op, left, b.start), rate: builder.op(op, left, b.rate) };
        return undefined;
      case 'i32.shl':
        if (!this.#isFixed(right)) return undefined;
        return { start: builder.op(op, a.start, right), rate: builder.op(op, a.rate, right) };
      default:
        return undefined;
    }
  }

  #require(moves: Affine, last: Value, constant: number): void {
    const key = `${moves.start.id} ${moves.rate.id} ${last.id}`;
    const range = this.#ranges.get(key);
    if (!range) {
      this.#ranges.set(key, { moves, last, least: constant, most: constant });
      return;
    }
    range.least = Math.min(range.least, constant);
    range.most = Math.max(range.most, constant);
  }

  #pointerOf(base: Value, { start, rate }: Affine, stride: number): Value {
    const builder = this.#builder;
    const key = `${base.id} ${start.id} ${rate.id} ${stride}`;
    let pointer = this.#pointers.get(key);
    if (!pointer) {
      const parameter = builder.parameter('i32', this.#label.segment);
      this.#label.parameters.push(parameter);
      const initial = builder.op('i32.add', base, builder.op('i32.mul', start, builder.i32(stride)));
      const moved = builder.op('i32.mul', builder.op('i32.mul', rate, this.#step), builder.i32(stride));
      pointer = { parameter, initial, next: builder.op('i32.add', parameter, moved) };
      this.#pointers.set(key, pointer);
    }
    return pointer.parameter;
  }

  #inRange(): Value {
    const builder = this.#builder;
    const { limit, strict, signed } = this.#condition;
    const suffix = signed ? 's' : 'u';
    const enters = builder.op(strict ? `i32.lt_${suffix}` : `i32.le_${suffix}`, this.#start, limit);
    const distance = builder.op(
      'i32.sub',
      builder.op('i32.sub', limit, builder.i32(strict ? 1 : 0)),
      this.#start,
    );
    // Some step is needed: with 0 the loop has no last turn.
    const step = builder.op('i32.or', this.#step, builder.op('i32.eqz', this.#step));
    const turns = this.#wide(builder.op('i32.div_u', distance, step));
    let holds = builder.op('i32.and', enters, this.#ends());
    for (const { moves, last, least, most } of this.#ranges.values()) {
      const first = this.#wide(builder.op('i32.add', moves.start, builder.i32(least)));
      const perTurn = builder.op('i64.extend_i32_s', builder.op('i32.mul', moves.rate, this.#step));
      // What moves up is lowest in the first turn.
      const rises = perTurn.op === 'i64.const' && Number(perTurn.immediate) >= 0;
      const travelled = builder.op('i64.add', first, builder.op('i64.mul', perTurn, turns));
      const bound = this.#wide(last);
      const span = builder.i64(most - least);
      for (const end of rises ? [travelled] : [first, travelled]) {
        const highest = builder.op('i64.add', end, span);
        holds = builder.op('i32.and', holds, builder.op('i64.le_u', highest, bound));
        if (most > least && !rises) holds = builder.op('i32.and', holds, builder.op('i64.le_u', end, bound));
      }
    }
    return holds;
  }

  /** The counter does not wrap past its limit: then the loop would go on. */
  #ends(): Value {
    const builder = this.#builder;
    const { limit, strict, signed } = this.#condition;
    const extend = signed ? 'i64.extend_i32_s' : 'i64.extend_i32_u';
    const reached = builder.op('i64.add', builder.op(extend, limit), builder.op(extend, this.#step));
    const most = builder.i64((signed ? 2 ** 31 : 2 ** 32) - (strict ? 0 : 1));
    const isPositive = builder.op(signed ? 'i32.gt_s' : 'i32.ne', this.#step, builder.i32(0));
    return builder.op('i32.and', isPositive, builder.op('i64.le_u', reached, most));
  }

  #wide(value: Value): Value {
    return this.#builder.op('i64.extend_i32_u', value);
  }
}
