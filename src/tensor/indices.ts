/**
 * Checks of indices: one behaviour for every op that has some. Indices that came from the host are checked at once, in
 * every replay of a captured step too; those that an op made within a range, such as places of `argmax`, are known to
 * lie in it. Whatever else the GPU made is checked there, and reported at the next read of what depends on it.
 */
import { MathformerError } from '../base/errors.ts';
import type { IntegerBounds } from '../gpu/buffers.ts';
import { checkIndices } from '../kernels/checkIndices.ts';
import { type DType, showShape, type Tensor } from './tensor.ts';

/** What indices point into. */
export interface IndexTarget {
  /** Places there are: indices from 0 to size − 1 exist. */
  readonly size: number;
  /** An index that stands for none, besides. */
  readonly ignored?: number;
}

/** @throws MathformerError naming op, index and size, now or when what depends on the index is read. */
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
  // What a recording makes is checked in it; what it is given may change from replay to replay.
  if (view.buffer.owner) device.onRun(check);
  else check();
}

/** The integer of a word. */
const asRead = (word: number, dtype: DType): number => (dtype === 'i32' ? word | 0 : word >>> 0);

/** An end of the bounds that is outside; 'unknown' if it is the ignored index, which may hide others. */
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

/** Notes that the integers an op made lie between two numbers. */
export function makeWithin(y: Tensor, low: number, high: number): Tensor {
  y.view.buffer.bounds = { low, high };
  return y;
}
