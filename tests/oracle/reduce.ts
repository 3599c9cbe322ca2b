/** Reductions over axes, and the softmax family built on them. */
import { Array64, type Shape, sizeOf, zeros } from './array64.ts';
import { add, div, exp, log, mul, neg, sqrt, sub } from './elementwise.ts';
import { broadcastIndex, normalizeAxis } from './indexing.ts';
import { reshape } from './movement.ts';

/** Axes to reduce: one, several, or undefined for all. */
export type Axes = number | readonly number[] | undefined;

interface Reduction {
  /** The input's shape with 1 at every reduced axis. */
  readonly kept: Shape;
  /** The same without those axes. */
  readonly dropped: Shape;
  /** Elements that fall into one output. */
  readonly count: number;
  /** For each input element, its output's offset. */
  readonly target: Int32Array;
}

function plan(a: Array64, axes: Axes): Reduction {
  const list = axes === undefined ? a.shape.map((_, i) => i) : typeof axes === 'number' ? [axes] : axes;
  const reduced = new Set(list.map((axis) => normalizeAxis(axis, a.rank)));
  const kept = a.shape.map((dim, i) => (reduced.has(i) ? 1 : dim));
  const dropped = a.shape.filter((_, i) => !reduced.has(i));
  const count = sizeOf(a.shape.filter((_, i) => reduced.has(i)));
  return { kept, dropped, count, target: broadcastIndex(kept, a.shape) };
}

export function sum(a: Array64, axes?: Axes, keepDims = false): Array64 {
  const { kept, dropped, target } = plan(a, axes);
  const out = new Float64Array(sizeOf(kept));
  for (let k = 0; k < a.size; k++) out[target[k]] += a.data[k];
  const vjp = (gradOutput: Float64Array) => Float64Array.from(target, (position) => gradOutput[position]);
  return new Array64(out, keepDims ? kept : dropped, false, [{ of: a, vjp }]);
}

/** NaN over nothing, as in PyTorch. */
export function mean(a: Array64, axes?: Axes, keepDims = false): Array64 {
  return div(sum(a, axes, keepDims), plan(a, axes).count);
}

/** The largest element; like torch.amax, elements that tie for it share the gradient evenly. NaN wins. */
export function max(a: Array64, axes?: Axes, keepDims = false): Array64 {
  const { kept, dropped, count, target } = plan(a, axes);
  if (count === 0 && sizeOf(kept) > 0) throw new RangeError(`max: nothing to reduce in shape [${a.shape}]`);
  const out = new Float64Array(sizeOf(kept)).fill(Number.NEGATIVE_INFINITY);
  for (let k = 0; k < a.size; k++) out[target[k]] = Math.max(out[target[k]], a.data[k]);
  const vjp = (gradOutput: Float64Array): Float64Array => {
    const ties = new Float64Array(out.length);
    for (let k = 0; k < a.size; k++) if (a.data[k] === out[target[k]]) ties[target[k]] += 1;
    return Float64Array.from(target, (position, k) =>
      a.data[k] === out[position] ? gradOutput[position] / ties[position] : 0,
    );
  };
  return new Array64(out, keepDims ? kept : dropped, false, [{ of: a, vjp }]);
}

/** The smallest element: the largest of the negatives. */
export function min(a: Array64, axes?: Axes, keepDims = false): Array64 {
  return neg(max(neg(a), axes, keepDims));
}

/** Each factor's gradient is the product of all others, multiplied out. */
export function prod(a: Array64, axes?: Axes, keepDims = false): Array64 {
  const { kept, dropped, target } = plan(a, axes);
  const out = new Float64Array(sizeOf(kept)).fill(1);
  for (let k = 0; k < a.size; k++) out[target[k]] *= a.data[k];
  const vjp = (gradOutput: Float64Array): Float64Array =>
    Float64Array.from(target, (position, k) => {
      let others = 1;
      for (let j = 0; j < a.size; j++) if (target[j] === position && j !== k) others *= a.data[j];
      return gradOutput[position] * others;
    });
  return new Array64(out, keepDims ? kept : dropped, false, [{ of: a, vjp }]);
}

/** Σ (x − mean)² / (n − correction). */
export function variance(a: Array64, axes?: Axes, keepDims = false, correction = 1): Array64 {
  const deviations = sub(a, mean(a, axes, true));
  const divisor = Math.max(0, plan(a, axes).count - correction);
  return div(sum(mul(deviations, deviations), axes, keepDims), divisor);
}

export function std(a: Array64, axes?: Axes, keepDims = false, correction = 1): Array64 {
  return sqrt(variance(a, axes, keepDims, correction));
}

/** √Σ x². */
export function norm(a: Array64, axes?: Axes, keepDims = false): Array64 {
  return sqrt(sum(mul(a, a), axes, keepDims));
}

/** The place of the largest element along one axis (or of all, in row-major order): the first of several; NaN wins. */
export function argmax(a: Array64, axis?: number, keepDims = false): Array64 {
  const { kept, dropped, target } = plan(a, axis);
  const best = new Float64Array(sizeOf(kept)).fill(Number.NaN);
  const out = new Float64Array(sizeOf(kept));
  const seen = new Float64Array(sizeOf(kept));
  for (let k = 0; k < a.size; k++) {
    const [at, x] = [target[k], a.data[k]];
    const place = seen[at]++;
    const better = place === 0 || (!Number.isNaN(best[at]) && (Number.isNaN(x) || x > best[at]));
    if (better) [best[at], out[at]] = [x, place];
  }
  return new Array64(out, keepDims ? kept : dropped);
}

export function argmin(a: Array64, axis?: number, keepDims = false): Array64 {
  return argmax(neg(a.detach()), axis, keepDims);
}

/** The row maximum as a constant; 0 where a row holds nothing finite, so that −∞ − −∞ never arises. */
function shiftOf(a: Array64, axis: Axes): Array64 {
  if (a.size === 0) return zeros(plan(a, axis).kept);
  const top = max(a.detach(), axis, true);
  return new Array64(
    top.data.map((x) => (Number.isFinite(x) ? x : 0)),
    top.shape,
  );
}

/** log Σ exp along one axis or several. −∞ for a row of −∞. */
export function logSumExp(a: Array64, axis: Axes = -1, keepDims = false): Array64 {
  const shift = shiftOf(a, axis);
  const kept = add(log(sum(exp(sub(a, shift)), axis, true)), shift);
  return keepDims ? kept : reshape(kept, plan(a, axis).dropped);
}

/** NaN for a row of −∞, as in PyTorch. */
export function softmax(a: Array64, axis = -1): Array64 {
  const weights = exp(sub(a, shiftOf(a, axis)));
  return div(weights, sum(weights, axis, true));
}

export function logSoftmax(a: Array64, axis = -1): Array64 {
  return sub(a, logSumExp(a, axis, true));
}
