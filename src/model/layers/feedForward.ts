/** Dense feed-forward layers. */

import type { ChunkFeedForward } from '../../kernels/chunk/index.ts';
import { swiglu } from '../../tensor/index.ts';
import type { ResidualLayer } from './attention.ts';
import { compose, type Weight } from './layer.ts';
import { linear } from './linear.ts';

/** Sizes and names of a feed-forward layer. */
export interface FeedForwardDeclaration {
  /** Start of the names of its parameters. */
  readonly block: string;
  readonly dModel: number;
  readonly dFF: number;
  readonly bias: boolean;
  /** Dropout stream of its output. */
  readonly stream: number;
}

/** A feed-forward layer between the residual stream and itself. */
export interface FeedForwardLayer extends ResidualLayer {
  /** The layer as the kernels of a chunk see it; a layer without has its tokens computed by its forward pass. */
  readonly chunk?: ChunkFeedForward<Weight>;
}

/** f(x) = W₂·GELU(W₁·x), with the exact GELU. */
export function geluFeedForward({
  block,
  dModel,
  dFF,
  bias,
  stream,
}: FeedForwardDeclaration): FeedForwardLayer {
  const up = linear({ name: `${block}.linear1`, inputs: dModel, outputs: dFF, bias });
  const down = linear({ name: `${block}.linear2`, inputs: dFF, outputs: dModel, bias });
  return {
    ...compose(up, down),
    chunk: { up: up.chunk, down: down.chunk, activation: 'gelu' },
    forward: (x, residual, pass) =>
      down.addTo(residual, up.forward(x, pass, { activation: 'gelu' }), stream, pass),
    tuningShapes: (rows) => [
      ...up.tuningShapes(rows, { gelu: true }),
      ...down.tuningShapes(rows, { residual: true, afterGelu: true }),
    ],
  };
}

/** f(x) = W_down·(silu(W_gate·x) ⊙ W_up·x) (Shazeer, 2002.05202). */
export function swigluFeedForward({
  block,
  dModel,
  dFF,
  bias,
  stream,
}: FeedForwardDeclaration): FeedForwardLayer {
  const outputs = { [`${block}.gate_proj`]: dFF, [`${block}.up_proj`]: dFF };
  const gateAndUp = linear({ name: `${block}.gate_up`, inputs: dModel, outputs, bias });
  const down = linear({ name: `${block}.down_proj`, inputs: dFF, outputs: dModel, bias });
  return {
    ...compose(gateAndUp, down),
    chunk: { up: gateAndUp.chunk, down: down.chunk, activation: 'swiglu' },
    forward: (x, residual, pass) => down.addTo(residual, swiglu(gateAndUp.forward(x, pass)), stream, pass),
    tuningShapes: (rows) => [...gateAndUp.tuningShapes(rows), ...down.tuningShapes(rows, { residual: true })],
  };
}
