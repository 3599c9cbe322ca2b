/** Matrix products and the layers made of them: linear, layer normalisation, cross-entropy. */
import { Array64, array, sizeOf } from './array64.ts';
import { add, div, maskedFill, mul, neg, silu, sqrt, sub } from './elementwise.ts';
import { broadcastIndex, broadcastShapes, coordinates } from './indexing.ts';
import { cat, gather, indexSelect, reshape, slice, transpose } from './movement.ts';
import { logSoftmax, max, mean, softmax, sum } from './reduce.ts';

/** (…,M,K)·(…,K,N) → (…,M,N); leading axes broadcast. */
export function matmul(a: Array64, b: Array64): Array64 {
  const [m, k] = a.shape.slice(-2);
  const [inner, n] = b.shape.slice(-2);
  if (a.rank < 2 || b.rank < 2 || k !== inner) {
    throw new RangeError(`matmul: shapes [${a.shape}] and [${b.shape}] do not multiply`);
  }
  const [leadA, leadB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const lead = broadcastShapes(leadA, leadB);
  const matrixA = broadcastIndex(leadA, lead);
  const matrixB = broadcastIndex(leadB, lead);
  const out = new Float64Array(matrixA.length * m * n);
  const gradA = (gradOutput: Float64Array): Float64Array => {
    const grad = new Float64Array(a.size);
    forEachProduct((i, ia, ib) => {
      grad[ia] += gradOutput[i] * b.data[ib];
    });
    return grad;
  };
  const gradB = (gradOutput: Float64Array): Float64Array => {
    const grad = new Float64Array(b.size);
    forEachProduct((i, ia, ib) => {
      grad[ib] += gradOutput[i] * a.data[ia];
    });
    return grad;
  };
  /** Visits every scalar product: offsets in the output, in a and in b. */
  function forEachProduct(visit: (out: number, inA: number, inB: number) => void): void {
    for (let matrix = 0; matrix < matrixA.length; matrix++) {
      for (let row = 0; row < m; row++) {
        for (let p = 0; p < k; p++) {
          const inA = (matrixA[matrix] * m + row) * k + p;
          const inB = (matrixB[matrix] * k + p) * n;
          const to = (matrix * m + row) * n;
          for (let column = 0; column < n; column++) visit(to + column, inA, inB + column);
        }
      }
    }
  }
  forEachProduct((i, ia, ib) => {
    out[i] += a.data[ia] * b.data[ib];
  });
  return new Array64(out, [...lead, m, n], false, [
    { of: a, vjp: gradA },
    { of: b, vjp: gradB },
  ]);
}

/**
 * Einstein summation, one term after the other: for every value of every index, the product of the operands there is
 * added to the output there. Without '->' the output has the indices named once, sorted. Axes of size 1 stretch.
 */
export function einsum(equation: string, operands: readonly Array64[]): Array64 {
  const [left, right] = equation.replaceAll(' ', '').split('->');
  const names = left.split(',').map((name) => [...name]);
  const all = [...new Set(names.flat())];
  const once = all.filter((index) => names.flat().filter((other) => other === index).length === 1);
  const outputName = right === undefined ? once.sort() : [...right];
  const sizes = all.map((index) =>
    names
      .flatMap((name, i) => name.flatMap((own, axis) => (own === index ? [operands[i].shape[axis]] : [])))
      .reduce((known, size) => (known === 1 ? size : known), 1),
  );
  /** Return the offset in an operand (or the output) for these values of all indices. */
  const place = (name: readonly string[], shape: readonly number[], at: readonly number[]): number =>
    name.reduce((offset, index, axis) => {
      const position = shape[axis] === 1 ? 0 : at[all.indexOf(index)];
      return offset * shape[axis] + position;
    }, 0);
  const shape = outputName.map((index) => sizes[all.indexOf(index)]);
  const visit = (each: (out: number, places: readonly number[]) => void): void => {
    for (const at of coordinates(sizes)) {
      each(
        place(outputName, shape, at),
        operands.map((operand, i) => place(names[i], operand.shape, at)),
      );
    }
  };
  const product = (places: readonly number[], except?: number): number =>
    operands.reduce((total, { data }, i) => (i === except ? total : total * data[places[i]]), 1);
  const out = new Float64Array(sizeOf(shape));
  visit((at, places) => {
    out[at] += product(places);
  });
  const parents = operands.map((of, i) => ({
    of,
    vjp: (gradOutput: Float64Array): Float64Array => {
      const grad = new Float64Array(of.size);
      visit((at, places) => {
        grad[places[i]] += gradOutput[at] * product(places, i);
      });
      return grad;
    },
  }));
  return new Array64(out, shape, false, parents);
}

/** x (…,in) · weightᵀ + bias, weight (out,in) as PyTorch stores it. x needs rank ≥ 2. */
export function linear(x: Array64, weight: Array64, bias?: Array64): Array64 {
  const product = matmul(x, transpose(weight));
  return bias === undefined ? product : add(product, bias);
}

/** Over the last axis, with the biased variance: (x − mean)/√(var + eps)·weight + bias. */
export function layerNorm(x: Array64, weight?: Array64, bias?: Array64, eps = 1e-5): Array64 {
  const centred = sub(x, mean(x, -1, true));
  const variance = mean(mul(centred, centred), -1, true);
  const normalised = div(centred, sqrt(add(variance, eps)));
  const scaled = weight === undefined ? normalised : mul(normalised, weight);
  return bias === undefined ? scaled : add(scaled, bias);
}

/** Over the last axis: x/√(mean(x²) + eps)·weight. */
export function rmsNorm(x: Array64, weight?: Array64, eps = 2 ** -23): Array64 {
  const normalised = div(x, sqrt(add(mean(mul(x, x), -1, true), eps)));
  return weight === undefined ? normalised : mul(normalised, weight);
}

/** silu(gate)·up of x (…,2f), rows [gate | up]. */
export function swiglu(x: Array64): Array64 {
  const f = x.shape[x.rank - 1] / 2;
  return mul(silu(slice(x, -1, 0, f)), slice(x, -1, f));
}

export interface RopeOptions {
  /** Of each row. */
  readonly positions: readonly number[];
  readonly headDim: number;
  /** Heads that turn; the others stay. */
  readonly heads: number;
  readonly theta: number;
}

/** x·cos + (−x[headDim/2:], x[:headDim/2])·sin of every head of x (R, n·headDim), as transformers' llama. */
export function rope(x: Array64, { positions, headDim, heads, theta }: RopeOptions): Array64 {
  const [R, columns] = x.shape;
  const half = headDim / 2;
  const apart = reshape(x, [R, columns / headDim, headDim]);
  const rotatedHalf = cat([neg(slice(apart, -1, half)), slice(apart, -1, 0, half)], -1);
  const table = (of: (angle: number) => number, still: number): Array64 => {
    const values = positions.flatMap((position) =>
      Array.from({ length: columns }, (_, column) => {
        const angle = position * theta ** ((-2 * (column % half)) / headDim);
        return column < heads * headDim ? of(angle) : still;
      }),
    );
    return array(values, apart.shape);
  };
  const turned = add(mul(apart, table(Math.cos, 1)), mul(rotatedHalf, table(Math.sin, 0)));
  return reshape(turned, [R, columns]);
}

/** Mean of −log softmax(logits (N,V))[target] over targets other than `ignoreIndex`; NaN when none is left. */
export function crossEntropy(logits: Array64, targets: ArrayLike<number>, ignoreIndex?: number): Array64 {
  const rows = Array.from(targets, (_, i) => i).filter((i) => targets[i] !== ignoreIndex);
  const chosen = { data: rows.map((i) => targets[i]), shape: [rows.length, 1] };
  return neg(mean(gather(logSoftmax(indexSelect(logits, 0, rows)), -1, chosen)));
}

export interface CrossEntropyOptions {
  readonly reduction?: 'mean' | 'sum' | 'none';
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
  /** Weight of each class. */
  readonly weight?: ArrayLike<number>;
}

/**
 * F.cross_entropy of rows: −Σ q·log p, q being the class's weight times (1 − smoothing) at the target plus smoothing/V
 * everywhere. The mean divides by the weights of the targets.
 */
export function crossEntropyLoss(
  logits: Array64,
  targets: ArrayLike<number>,
  { reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0, weight }: CrossEntropyOptions = {},
): Array64 {
  const [rows, classes] = logits.shape;
  const wanted = new Float64Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    if (targets[row] === ignoreIndex) continue;
    wanted.fill(labelSmoothing / classes, row * classes, (row + 1) * classes);
    wanted[row * classes + targets[row]] += 1 - labelSmoothing;
    for (let v = 0; v < classes; v++) wanted[row * classes + v] *= weight?.[v] ?? 1;
  }
  const losses = neg(sum(mul(logSoftmax(logits), new Array64(wanted, logits.shape)), 1));
  if (reduction === 'none') return losses;
  const kept = Array.from(targets).filter((target) => target !== ignoreIndex);
  const total = kept.reduce((all, target) => all + (weight?.[target] ?? 1), 0);
  return reduction === 'sum' ? sum(losses) : div(sum(losses), total);
}

/** F.nll_loss of rows of log-probabilities. */
export function nllLoss(
  x: Array64,
  targets: ArrayLike<number>,
  { reduction = 'mean', ignoreIndex = -100, weight }: CrossEntropyOptions = {},
): Array64 {
  const [rows, classes] = x.shape;
  const wanted = new Float64Array(rows * classes);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    if (targets[row] === ignoreIndex) continue;
    const own = weight?.[targets[row]] ?? 1;
    wanted[row * classes + targets[row]] = own;
    total += own;
  }
  const losses = neg(sum(mul(x, new Array64(wanted, x.shape)), 1));
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : div(sum(losses), total);
}

export interface AttentionOptions {
  readonly causal?: boolean;
  /** 1 where a key is seen, 0 where not; broadcast to (…,T,S). */
  readonly visible?: Array64;
  /** Added to the scores. */
  readonly bias?: Array64;
  /** (H): slope·|i − j| is subtracted from a head's scores. */
  readonly slopes?: ArrayLike<number>;
  readonly scale?: number;
}

/** softmax(q·kᵀ·scale + bias)·v; a query that sees nothing gets zeros. q (…,H,T,D), k (…,H,S,D), v (…,H,S,E). */
export function attention(q: Array64, k: Array64, v: Array64, options: AttentionOptions = {}): Array64 {
  const [T, D] = q.shape.slice(-2);
  const [S] = k.shape.slice(-2);
  const { causal, visible, bias, slopes, scale = 1 / Math.sqrt(D) } = options;
  const grid = Array.from({ length: T * S }, (_, at) => [Math.floor(at / S), at % S]);
  let scores = mul(matmul(q, transpose(k)), scale);
  if (slopes) {
    const distances = Array.from(slopes).flatMap((slope) => grid.map(([i, j]) => -slope * Math.abs(i - j)));
    scores = add(scores, array(distances, [slopes.length, T, S]));
  }
  if (bias) scores = add(scores, bias);
  const future = grid.map(([i, j]) => Number(causal === true && j > i));
  const hidden = add(array(future, [T, S]), sub(1, visible ?? 1));
  const top = max(maskedFill(scores.detach(), hidden, Number.NEGATIVE_INFINITY), -1, true);
  const blind = array(
    top.data.map((x) => Number(x === Number.NEGATIVE_INFINITY)),
    top.shape,
  );
  const safe = maskedFill(maskedFill(scores, hidden, Number.NEGATIVE_INFINITY), blind, 0);
  return matmul(maskedFill(softmax(safe), blind, 0), v);
}
