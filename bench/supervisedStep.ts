/** The training step that benchmarks time. */

import { RandomStream } from '../src/base/randomStream.ts';
import { type Packed, packSequences, scorePacked } from '../src/model/score.ts';
import type { Transformer } from '../src/model/transformer.ts';
import { AdamW, backward, capture, mul, type Scalar, sum, type Tensor } from '../src/tensor/index.ts';

/** Enqueue one optimiser step on `batch` random sequences of `length` tokens, all of them scored, and return the loss. */
export function supervisedStep(
  model: Transformer,
  {
    batch,
    length,
    replay = true,
  }: { readonly batch: number; readonly length: number; readonly replay?: boolean },
): () => Tensor {
  const optimizer = new AdamW(model.parameters);
  const random = new RandomStream({ seed: 0, stream: 0 });
  const token = (): number => random.integerBelow(model.config.vocabSize);
  const sequences = Array.from({ length: batch }, () => ({
    tokens: Array.from({ length: length + 1 }, token),
    from: 1,
  }));
  const { arrays, scored } = packSequences(model, sequences, { padded: true });
  const step = capture(
    model.device,
    (packed: Packed<Tensor>, lr: Scalar) => {
      model.parameters.zeroGrad();
      const loss = mul(sum(scorePacked(model, packed).logp), -1 / scored);
      backward(loss);
      optimizer.step(lr);
      return loss;
    },
    { replay },
  );
  return () => step(arrays, 1e-3);
}
