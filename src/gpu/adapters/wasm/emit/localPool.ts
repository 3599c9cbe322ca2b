/** Gives locals to values, and takes them back after the last use. */
import type { FunctionGraph } from './control.ts';
import type { ValueType } from './instructions.ts';
import type { Schedule } from './schedule.ts';
import type { Value } from './value.ts';

export class LocalPool {
  /** Types of the locals after the parameters of the function. */
  readonly types: ValueType[] = [];
  readonly #parameters: number;
  /** The local of a value, by its id; −1: none yet. */
  readonly #locals: Int32Array;
  /** Uses that are not written yet, by id. */
  readonly #remaining: Int32Array;
  /** Number of loops around the definition, by id. */
  readonly #depths: Int32Array;
  readonly #free: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], v128: [] };
  /** For each open loop, locals that its end sets free: of values from before it, which its next turn uses again. */
  readonly #loops: { readonly type: ValueType; readonly local: number }[][] = [];

  constructor({ parameters, size }: FunctionGraph, { uses }: Schedule) {
    this.#parameters = parameters.length;
    this.#locals = new Int32Array(size).fill(-1);
    this.#remaining = uses.slice();
    this.#depths = new Int32Array(size);
    for (const [number, { id }] of parameters.entries()) {
      this.#locals[id] = number;
      this.#remaining[id] = Number.MAX_SAFE_INTEGER;
    }
  }

  has({ id }: Value): boolean {
    return (this.#locals[id] ?? -1) >= 0;
  }

  /** Return the local of a value. */
  peek({ id, op }: Value): number {
    const local = this.#locals[id] ?? -1;
    if (local < 0) throw new Error(`a value of ${op} has no local`);
    return local;
  }

  /** Give a value a local, and return it. */
  define(value: Value): number {
    const { id, type } = value;
    if (!type) throw new Error('a store has no value');
    const local = this.#free[type].pop() ?? this.#parameters + this.types.push(type) - 1;
    this.#locals[id] = local;
    this.#depths[id] = this.#loops.length;
    return local;
  }

  /** Give those of the values that are used locals. */
  defineAll(values: readonly Value[]): void {
    for (const value of values) if ((this.#remaining[value.id] ?? 0) > 0) this.define(value);
  }

  /** Note one use of a value, and return its local. */
  use(value: Value): number {
    const { id, type } = value;
    const local = this.peek(value);
    const remaining = (this.#remaining[id] ?? 0) - 1;
    this.#remaining[id] = remaining;
    if (remaining === 0 && type) {
      const loop = this.#loops[this.#depths[id] ?? 0];
      if (loop) loop.push({ type, local });
      else this.#free[type].push(local);
    }
    return local;
  }

  enterLoop(): void {
    this.#loops.push([]);
  }

  leaveLoop(): void {
    for (const { type, local } of this.#loops.pop() ?? []) this.#free[type].push(local);
  }
}
