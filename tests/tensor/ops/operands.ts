/** Operands of all dtypes that ops without arithmetic must accept. */
import fc from 'fast-check';
import { sizeOf } from '../../oracle/array.ts';
import { integers } from '../../oracle/random.ts';
import { type Operand, random } from '../againstOracle.ts';

/** Return values of any 32-bit dtype; mostly f32, as only f32 has a gradient. */
export function anyDtype(shape: readonly number[]): fc.Arbitrary<Operand> {
  const count = sizeOf(shape);
  return fc
    .tuple(fc.constantFrom('f32', 'f32', 'f32', 'i32', 'u32', 'bool'), fc.nat())
    .map(([dtype, seed]) => {
      if (dtype === 'f32') return random(shape, seed);
      const numbers = integers(seed, count, 1000);
      if (dtype === 'i32') return { values: Int32Array.from(numbers, (n) => n - 500), shape };
      if (dtype === 'u32') return { values: Uint32Array.from(numbers), shape };
      return { values: numbers.map((n) => n % 2 === 1), shape };
    });
}

/** Return values of an index tensor: u32 or i32, from 0 to limit − 1. */
export function indices(shape: readonly number[], limit: number): fc.Arbitrary<Operand> {
  return fc.tuple(fc.boolean(), fc.nat()).map(([signed, seed]) => {
    const numbers = integers(seed, sizeOf(shape), limit);
    return { values: signed ? Int32Array.from(numbers) : Uint32Array.from(numbers), shape };
  });
}

/** Return float32 values in random order, a tenth apart, so that no finite difference changes their order. */
export function distinct(shape: readonly number[], seed: number): Operand {
  const order = integers(seed, sizeOf(shape), 1e9).map((n, i) => [n, i] as const);
  const values = new Float32Array(order.length);
  order
    .sort(([a], [b]) => a - b)
    .forEach(([, i], place) => {
      values[i] = (place - order.length / 2) / 10;
    });
  return { values, shape };
}
