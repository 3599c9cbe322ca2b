/** Causal self-attention: its forward pass, and the same over cached keys and values. */
import { MAX_HEAD } from '../../kernels/attention/index.ts';
import type { ChunkAttention } from '../../kernels/chunk/index.ts';
import { decodeAttention, fillCache } from '../../kernels/decode/index.ts';
import { attention as attend, Tensor } from '../../tensor/index.ts';
import { type ConfigProblem, compose, type Layer, type Weight } from './layer.ts';
import { linear } from './linear.ts';
import type { Pass } from './pass.ts';
import type { Position } from './position.ts';

interface AttentionDeclaration {
  /** Start of the names of its parameters. */
  readonly block: string;
  /** Name of the layer after the heads: `out_proj` unless given. */
  readonly output?: string;
  readonly dModel: number;
  readonly heads: number;
  /** Key-value heads, each for heads/kvHeads query heads in order; as many as heads unless given. */
  readonly kvHeads?: number;
  readonly headDim: number;
  readonly bias: boolean;
  readonly position: Position;
  /** Dropout stream of its output. */
  readonly stream: number;
}

/** A layer between the residual stream (R,d) and itself. */
export interface ResidualLayer extends Layer {
  /** residual + dropout(f(x)) of the normalised stream x. */
  forward(x: Tensor, residual: Tensor, pass: Pass): Tensor;
}

/** Attention between the residual stream and itself. */
export interface AttentionLayer extends ResidualLayer {
  /** The layer as the kernels of a chunk see it. */
  readonly chunk: ChunkAttention<Weight>;
}

/** f(x) = out(softmax(q·kᵀ/√headDim − slope·distance)·v), heads side by side in columns. */
export function attention(declaration: AttentionDeclaration): AttentionLayer {
  const {
    block,
    output = 'out_proj',
    dModel,
    heads,
    kvHeads = heads,
    headDim,
    bias,
    position,
    stream,
  } = declaration;
  const [width, kvWidth] = [heads * headDim, kvHeads * headDim];
  const outputs = {
    [`${block}.q_proj`]: width,
    [`${block}.k_proj`]: kvWidth,
    [`${block}.v_proj`]: kvWidth,
  };
  const qkv = linear({ name: `${block}.qkv`, inputs: dModel, outputs, bias });
  const out = linear({ name: `${block}.${output}`, inputs: width, outputs: dModel, bias });
  const cache = { width: kvWidth };
  const inner = compose(qkv, out);
  return {
    ...inner,
    constants: [position.constantOf(block)],
    caches: [cache],
    problems: [...inner.problems, ...headProblems(heads, headDim)],
    chunk: { qkv: qkv.chunk, out: out.chunk, heads, kvHeads, headDim, position: position.chunk },
    forward: (x, residual, pass) => {
      const turned = position.turn(qkv.forward(x, pass), heads + kvHeads, pass);
      return out.addTo(residual, mixed(turned, pass), stream, pass);
    },
    tuningShapes: (rows) => [
      { kind: 'attention', R: rows.training, heads, kvHeads, headDim, alibi: position.alibi },
      { kind: 'decode', M: rows.decoding, heads, kvHeads, headDim, alibi: position.alibi },
      ...qkv.tuningShapes(rows),
      ...out.tuningShapes(rows, { residual: true }),
    ],
  };

  /** Heads (R, width) of rows [q | k | v]: over the sequences of the pass, or over the caches. */
  function mixed(qkv: Tensor, pass: Pass): Tensor {
    const { device, shape } = qkv;
    const [R = 0] = shape;
    const slopes = position.slopes(pass);
    const kept = pass.cache?.layers.get(cache);
    const size = { heads, kvHeads, headDim, capacity: pass.cache?.capacity ?? 0 };
    if (pass.cache?.kind === 'decode' && kept) {
      const { slots, rows } = pass.cache;
      const heads = Tensor.empty(device, [R, width]);
      const views = { qkv: qkv.view, slopes: slopes?.view, slots, rows, ...kept, out: heads.view };
      decodeAttention(device, { M: R, ...size }, views);
      return heads;
    }
    if (pass.cache?.kind === 'prefill' && kept) {
      const { places, groupSize } = pass.cache;
      fillCache(device, { qkv: qkv.view, places, ...kept }, { R, groupSize, ...size });
    }
    const output = attend(qkv, pass.packing, { heads, kvHeads, ...(slopes ? { slopes } : {}) });
    pass.onAttention?.({ heads, kvHeads, headDim, qkv, slopes, output });
    return output;
  }
}

function headProblems(heads: number, headDim: number): ConfigProblem[] {
  if (headDim % 4 !== 0) {
    const fix = 'the kernels work on groups of four values: choose dModel divisible by 4·nHeads';
    return [{ problem: `heads of ${headDim} values are no multiple of 4`, fix }];
  }
  if (headDim <= MAX_HEAD) return [];
  const fix = `use more heads: nHeads ${leastHeads(heads * headDim)} or more`;
  return [{ problem: `heads of ${headDim} values are above ${MAX_HEAD}`, fix }];
}

/** The fewest heads that the attention kernels take for this width. */
function leastHeads(dModel: number): number {
  let heads = Math.ceil(dModel / MAX_HEAD);
  while (dModel % (4 * heads) !== 0) heads += 1;
  return heads;
}
