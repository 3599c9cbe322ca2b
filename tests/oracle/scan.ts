/** Running sums and products along one axis. */
import { Array64 } from './array64.ts';
import { normalizeAxis, stridesOf } from './indexing.ts';

/** For every element, the offsets of the elements up to and including it along the axis, in order. */
function upTo(a: Array64, axis: number): number[][] {
  const along = normalizeAxis(axis, a.rank);
  const [stride, length] = [stridesOf(a.shape)[along], a.shape[along]];
  return Array.from({ length: a.size }, (_, k) => {
    const place = Math.floor(k / stride) % length;
    return Array.from({ length: place + 1 }, (_, i) => k - (place - i) * stride);
  });
}

export function cumsum(a: Array64, axis = -1): Array64 {
  const before = upTo(a, axis);
  const out = Float64Array.from(before, (offsets) => offsets.reduce((sum, at) => sum + a.data[at], 0));
  const vjp = (gradOutput: Float64Array): Float64Array => {
    const gradInput = new Float64Array(a.size);
    before.forEach((offsets, k) => {
      for (const at of offsets) gradInput[at] += gradOutput[k];
    });
    return gradInput;
  };
  return new Array64(out, a.shape, false, [{ of: a, vjp }]);
}

/** Each factor's gradient from a product is the product of the others, multiplied out. */
export function cumprod(a: Array64, axis = -1): Array64 {
  const before = upTo(a, axis);
  const product = (offsets: readonly number[]): number =>
    offsets.reduce((total, at) => total * a.data[at], 1);
  const vjp = (gradOutput: Float64Array): Float64Array => {
    const gradInput = new Float64Array(a.size);
    before.forEach((offsets, k) => {
      for (const at of offsets)
        gradInput[at] += gradOutput[k] * product(offsets.filter((other) => other !== at));
    });
    return gradInput;
  };
  return new Array64(Float64Array.from(before, product), a.shape, false, [{ of: a, vjp }]);
}
