/**
 * Attention with separate q, k and v, like PyTorch's `F.scaled_dot_product_attention`. Causal self-attention uses the fused
 * kernels, which never store the T×T scores. All other cases use matrix products and a softmax.
 */
import { boolean, expectOptions, instanceOf, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { attentionFits } from '../../kernels/attention/index.ts';
import { type Axis, move, moveInto } from '../../kernels/movement.ts';
import { rectangularTiles } from '../../kernels/rectangularTiles.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, FLOATS } from '../operands.ts';
import { showShape, showShapes, sizeOf, Tensor } from '../tensor.ts';
import { attention } from './attention.ts';
import { greaterEqual, notEqual, where } from './comparison.ts';
import { arange } from './creation.ts';
import { abs, add, mul, neg, sub } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { expand, permute, transpose } from './movement.ts';
import type { RowTiles } from './packing.ts';
import { any } from './reduce.ts';
import { reshape } from './reshape.ts';
import { softmax } from './softmax.ts';

/** Options of `scaledDotProductAttention`. */
export interface ScaledDotProductAttentionOptions {
  /** True if query i sees only keys 0 … i. Default: false. */
  readonly causal?: boolean;
  /** Broadcast to (…,T,S). bool: true for keys that a query sees; f32: added to the scores. */
  readonly mask?: Tensor;
  /** (H), constants: slope·|i − j| is subtracted from the scores of a head (Press et al., 2108.12409). */
  readonly alibiSlopes?: Tensor;
  /** Factor of q·k. Default: 1/√D. */
  readonly scale?: number;
  /**
   * Let k and v have fewer heads than q, a divisor of H: head h of k and v serves the next H/heads heads of q (grouped
   * queries, Ainslie et al., 2305.13245).
   */
  readonly enableGqa?: boolean;
}

const OPTIONS: OptionKinds<ScaledDotProductAttentionOptions> = {
  causal: boolean,
  mask: instanceOf(Tensor),
  alibiSlopes: instanceOf(Tensor),
  scale: real(),
  enableGqa: boolean,
};

/**
 * softmax(q·kᵀ·scale + bias)·v for q (…,H,T,D), k (…,H,S,D) and v (…,H,S,E) → (…,H,T,E). Leading axes broadcast. A query
 * whose keys are all masked gets zeros.
 * @throws ShapeError if the shapes disagree.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: ScaledDotProductAttentionOptions = {},
): Tensor {
  checkShapes(q, k, v, options);
  const [keys, values] = options.enableGqa ? [forHeads(k, q), forHeads(v, q)] : [k, v];
  const alike = [keys, values].every(({ shape }) => showShape(shape) === showShape(q.shape));
  const fits = options.causal && !options.mask && alike && attentionFits(q.device, q.shape.at(-1) as number);
  return fits && q.size > 0 ? fused(q, keys, values, options) : composed(q, keys, values, options);
}

/** Repeats each head of x (…,heads,S,D) for the heads of q (…,H,T,D) that it serves: (…,H,S,D). */
function forHeads(x: Tensor, q: Tensor): Tensor {
  const [heads, S, D] = x.shape.slice(-3) as [number, number, number];
  const H = q.shape.at(-3) as number;
  if (heads === H) return x;
  const lead = sizeOf(x.shape.slice(0, -3));
  const groups = reshape(x, [lead * heads, 1, S * D]);
  const repeated = expand(groups, [lead * heads, H / heads, S * D]);
  return reshape(repeated, [...x.shape.slice(0, -3), H, S, D]);
}

function checkShapes(q: Tensor, k: Tensor, v: Tensor, options: ScaledDotProductAttentionOptions): void {
  expectOptions('scaledDotProductAttention', options, OPTIONS);
  const { mask, alibiSlopes: slopes } = options;
  expectOperands('scaledDotProductAttention', {
    q: [q, FLOATS],
    k: [k, FLOATS],
    v: [v, FLOATS],
    mask: [mask, ['bool', 'f32']],
    alibiSlopes: [slopes, FLOATS],
  });
  const enough = [q, k, v].every(({ shape }) => shape.length >= 2);
  if (!enough || q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    const fix = 'give q (…,T,D), k (…,S,D) and v (…,S,E)';
    throw new ShapeError('scaledDotProductAttention', showShapes({ q, k, v }), fix);
  }
  checkHeads(q, [k, v], options);
  if (slopes && (slopes.shape.length !== 1 || slopes.size !== q.shape.at(-3))) {
    throw new ShapeError(
      'scaledDotProductAttention',
      `alibiSlopes ${showShape(slopes.shape)} for q ${showShape(q.shape)}`,
      'give one slope for each head of q (…,H,T,D)',
    );
  }
}

/** Check that k and v have the heads of q, or one for all; with `enableGqa` any divisor of their number. */
function checkHeads(
  q: Tensor,
  others: readonly Tensor[],
  { enableGqa = false }: ScaledDotProductAttentionOptions,
): void {
  const headsOf = ({ shape }: Tensor): number => shape.at(-3) ?? 1;
  const H = headsOf(q);
  const serves = (x: Tensor): boolean => {
    const heads = headsOf(x);
    if (enableGqa) return [q, x].every(({ shape }) => shape.length >= 3) && heads > 0 && H % heads === 0;
    return heads === H || heads === 1 || H === 1;
  };
  if (others.every(serves)) return;
  throw new ShapeError(
    'scaledDotProductAttention',
    `${others.map(headsOf).join(' and ')} heads of keys and values for ${H} of queries`,
    enableGqa
      ? 'give q (…,H,T,D), and k and v with a number of heads that divides H'
      : 'give as many heads, or pass enableGqa: true if each serves several heads of queries',
  );
}

/** Pack the heads for the fused kernels. Without slopes, each head can count as a separate sequence. */
function fused(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { alibiSlopes, scale }: ScaledDotProductAttentionOptions,
): Tensor {
  const { device, shape } = q;
  const [T, D] = shape.slice(-2) as [number, number];
  const heads = alibiSlopes?.size ?? 1;
  const sequences = sizeOf(shape) / (heads * T * D);
  const size = { sequences, heads, T, D };
  // The kernels scale by 1/√D: any other scale is applied to the queries.
  const queries = scale === undefined ? q : mul(q, scale * Math.sqrt(D));
  const tiles: RowTiles = {
    rows: sequences * T,
    tiles: (_, rows) => {
      const made = Tensor.empty(device, [sequences * Math.ceil(T / rows), 4], 'u32');
      rectangularTiles(device, made.view, { sequences, length: T, rows });
      return made;
    },
  };
  const out = attention(pack([queries, k, v], size), tiles, {
    heads,
    ...(alibiSlopes ? { slopes: alibiSlopes } : {}),
  });
  const apart = heads === 1 ? out : permute(reshape(out, [sequences, T, heads, D]), [0, 2, 1, 3]);
  return reshape(apart, shape);
}

interface Size {
  readonly sequences: number;
  readonly heads: number;
  readonly T: number;
  readonly D: number;
}

/** Pack q, k and v, each (sequences,heads,T,D), to rows of (sequences·T, 3·heads·D). */
function pack(parts: readonly [Tensor, Tensor, Tensor], { sequences, heads, T, D }: Size): Tensor {
  const { device } = parts[0];
  const width = heads * D;
  const walk = (part: number): Axis[] => [
    { count: sequences, stride: T * 3 * width },
    { count: heads, stride: D },
    { count: T, stride: 3 * width },
    { count: 1, stride: width, start: part },
    { count: D, stride: 1 },
  ];
  const packed = Tensor.empty(device, [sequences * T, 3 * width]);
  parts.forEach((x, part) => {
    moveInto(device, x.view, packed.view, walk(part));
  });
  differentiable('scaledDotProductAttention', parts, packed, (dPacked) => {
    return parts.map((x, part) => {
      if (!x.requiresGrad) return undefined;
      const dx = Tensor.empty(device, x.shape);
      move(device, dPacked.view, dx.view, walk(part));
      return dx;
    });
  });
  return packed;
}

function composed(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { causal, mask, alibiSlopes, scale }: ScaledDotProductAttentionOptions,
): Tensor {
  const { device } = q;
  const [T, D] = q.shape.slice(-2) as [number, number];
  const S = k.shape.at(-2) as number;
  const rows = reshape(arange(device, T), [T, 1]);
  const columns = arange(device, S);
  let scores = matmul(mul(q, scale ?? 1 / Math.sqrt(D)), transpose(k));
  if (alibiSlopes) {
    const slopes = reshape(alibiSlopes.detach(), [alibiSlopes.size, 1, 1]);
    scores = add(scores, mul(neg(slopes), abs(sub(rows, columns))));
  }
  if (causal) scores = where(greaterEqual(rows, columns), scores, Number.NEGATIVE_INFINITY);
  if (!mask) return matmul(softmax(scores), v);
  const masked = mask.dtype === 'bool' ? where(mask, scores, Number.NEGATIVE_INFINITY) : add(scores, mask);
  // The softmax of a row of −∞ is NaN: such rows are replaced.
  const seen = any(notEqual(masked, Number.NEGATIVE_INFINITY), { axes: [-1], keepDims: true });
  return matmul(where(seen, softmax(where(seen, masked, 0)), 0), v);
}
