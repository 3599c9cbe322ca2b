/** Causal self-attention: its forward pass, and the same over cached keys and values. */
import { MAX_HEAD } from '../../kernels/attention/index.ts';
import { decodeAttention, fillCache } from '../../kernels/decode.ts';
import { attention as attend, Tensor } from '../../tensor/index.ts';
import { type ConfigProblem, compose, type Layer } from './layer.ts';
import { linear } from './linear.ts';
import type { Pass } from './pass.ts';
import type { Alibi } from './position.ts';

interface AttentionDeclaration {
  /** Start of the names of its parameters. */
  readonly block: string;
  readonly dModel: number;
  readonly heads: number;
  readonly bias: boolean;
  readonly position: Alibi;
  /** Dropout stream of its output. */
  readonly stream: number;
}

/** A layer between the residual stream (R,d) and itself. */
export interface ResidualLayer extends Layer {
  /** residual + dropout(f(x)) of the normalised stream x. */
  forward(x: Tensor, residual: Tensor, pass: Pass): Tensor;
}

/** f(x) = out(softmax(q·kᵀ/√headDim − slope·distance)·v), heads side by side in columns. */
export function attention({
  block,
  dModel,
  heads,
  bias,
  position,
  stream,
}: AttentionDeclaration): ResidualLayer {
  const projection = (name: string) => [`${block}.${name}`, dModel] as const;
  const outputs = Object.fromEntries(['q_proj', 'k_proj', 'v_proj'].map(projection));
  const qkv = linear({ name: `${block}.qkv`, inputs: dModel, outputs, bias });
  const out = linear({ name: `${block}.out_proj`, inputs: dModel, outputs: dModel, bias });
  const slopes = { name: `${block}.alibi_slopes`, values: position.slopes };
  const cache = { width: dModel };
  const headDim = dModel / heads;

  /** Heads (R,d) of q, k and v (R,3d): over the sequences of the pass, or over the caches. */
  function headsOf(qkv: Tensor, pass: Pass): Tensor {
    const {
      device,
      shape: [R = 0],
    } = qkv;
    const kept = pass.cache?.layers.get(cache);
    const size = { heads, headDim, capacity: pass.cache?.capacity ?? 0 };
    if (pass.cache?.kind === 'decode' && kept) {
      const { slots, rows } = pass.cache;
      const mixed = Tensor.empty(device, [R, dModel]);
      const views = {
        qkv: qkv.view,
        slopes: pass.constant(slopes).view,
        slots,
        rows,
        ...kept,
        out: mixed.view,
      };
      decodeAttention(device, { M: R, ...size }, views);
      return mixed;
    }
    if (pass.cache?.kind === 'prefill' && kept) {
      const { places, groupSize } = pass.cache;
      fillCache(device, { qkv: qkv.view, places, ...kept }, { R, groupSize, ...size });
    }
    return attend(qkv, pass.packing, { slopes: pass.constant(slopes) });
  }

  const inner = compose(qkv, out);
  return {
    ...inner,
    constants: [slopes],
    caches: [cache],
    problems: [...inner.problems, ...headProblems(heads, headDim)],
    forward: (x, residual, pass) => out.addTo(residual, headsOf(qkv.forward(x, pass), pass), stream, pass),
    tuningShapes: (rows) => [
      { kind: 'attention', R: rows.training, heads, headDim, alibi: true },
      ...qkv.tuningShapes(rows),
      ...out.tuningShapes(rows, { residual: true }),
    ],
  };
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
