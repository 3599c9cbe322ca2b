/**
 * Checks of indices, the same for every op. Indices from the host are checked at once, also in every replay. Indices that an
 * op made within a known range, such as those of `argmax`, need no check. All others are checked on the GPU; an error is
 * reported at the next read of a dependent tensor.
 */
import { MathformerError } from '../base/errors.ts';
import type { IntegerBounds } from '../gpu/buffers.ts';
import { checkIndices } from '../kernels/checkIndices.ts';
import { type DType, showShape, type Tensor } from './tensor.ts';

/** The range of valid indices. */
export interface IndexTarget {
  /** Indices from 0 to size − 1 are valid. */
  readonly size: number;
  /** An additional valid index, which stands for no position. */
  readonly ignored?: number;
}

/** @throws MathformerError naming op, index and size, at once or when a dependent tensor is read. */
export function expectIndices(op: string, name: string, index: Tensor, given: IndexTarget): void {
  const { device, view, size, dtype } = index;
  const target = given.ignored === undefined ? given : { ...given, ignored: asRead(given.ignored, dtype) };
  if (size === 0) return;
  const described = `${name} ${showShape(index.shape)}`;
  const refuse = (value: number): MathformerError => outside(op, described, value, target.size);
  const check = (): void => {
    const bounds = index.bounds ?? view.buffer.bounds;
    const odd = bounds && firstOutside(bounds, target);
    if (typeof odd === 'number') throw refuse(odd);
    if (bounds && odd === undefined) return;
    const describe = (word: number) => refuse(asRead(word, dtype));
    const key = JSON.stringify([op, described, index.dtype, target]);
    checkIndices(device, view, { count: size, ...target }, { key, describe });
  };
  // Indices made inside a recording are checked in it. Indices given to it may change, so every replay checks them.
  if (view.buffer.owner) device.onRun(check);
  else check();
}

/** Return a 32-bit word as an integer of its dtype. */
const asRead = (word: number, dtype: DType): number => (dtype === 'i32' ? word | 0 : word >>> 0);

/** Return a bound that is out of range, if any; 'unknown' if it is the ignored index, which may hide other values. */
function firstOutside(
  { low, high }: IntegerBounds,
  { size, ignored }: IndexTarget,
): number | 'unknown' | undefined {
  const ends = [low, high].filter((end) => end < 0 || end >= size);
  return ends.find((end) => end !== ignored) ?? (ends.length > 0 ? 'unknown' : undefined);
}

function outside(op: string, name: string, index: number, size: number): MathformerError {
  return new MathformerError(`${op}: ${name} has the index ${index}, outside of the size ${size}`, {
    code: 'INDEX_OUT_OF_RANGE',
    where: op,
    fix: size === 0 ? 'nothing can be taken from an empty axis' : `give indices from 0 to ${size - 1}`,
  });
}

/** Record that the integers of a result lie between two numbers, both included. */
export function makeWithin(y: Tensor, low: number, high: number): Tensor {
  y.view.buffer.bounds = { low, high };
  return y;
}
