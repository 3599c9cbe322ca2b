/** What the tuner tunes for a model: every product of its training steps and of its decoding. */

import type { AnyTuningCase } from '../gpu/tuner.ts';
import { nextPowerOfTwo } from '../gpu/variants.ts';
import { attentionCases, outerCase, productCase } from '../kernels/tuningCases.ts';
import type { ModelConfig } from './config.ts';

/** The number of rows a model works on at once. */
export interface TuningRows {
  /** Tokens of a training step's forward pass. */
  readonly training: number;
  /** Sequences that are decoded together. */
  readonly decoding: number;
}

interface LinearShape {
  readonly bias?: boolean;
  readonly gelu?: boolean;
  readonly residual?: boolean;
  /** Whether its input also goes elsewhere, so that the gradient of the input is added to another. */
  readonly shared?: boolean;
}

/** The cases of a model; the same shape may come more than once. */
export function tuningCases(config: ModelConfig, { training, decoding }: TuningRows): AnyTuningCase[] {
  const { dModel: d, nHeads, dFF: f, vocabSize: V, bias, numExperts: E, activeExperts } = config;
  const cases: AnyTuningCase[] = attentionCases(training, {
    heads: nHeads,
    headDim: d / nHeads,
    alibi: true,
  });
  const linear = (N: number, K: number, { shared = false, ...epilogue }: LinearShape = {}) => {
    const forward = { N, K, bias, ...epilogue };
    for (const M of [training, decoding]) cases.push(productCase({ M, ...forward }));
    // The gradient of the input, and that of the weight.
    cases.push(
      productCase({ M: training, N: K, K: N, residual: shared }),
      outerCase({ R: training, M: N, N: K }),
    );
  };
  linear(3 * d, d);
  linear(d, d, { residual: true });
  if (E === 0) {
    linear(f, d, { gelu: true });
    linear(d, f, { residual: true });
  } else {
    linear(E, d, { bias: false, shared: true });
    for (const tokens of [training, decoding]) {
      const M = nextPowerOfTwo(tokens * activeExperts);
      cases.push(
        productCase({ M, N: f, K: d, bias, gelu: true, groups: E }),
        productCase({ M, N: d, K: f, bias, groups: E }),
      );
    }
    const slots = nextPowerOfTwo(training * activeExperts);
    cases.push(
      productCase({ M: slots, N: f, K: d, groups: E }),
      productCase({ M: slots, N: d, K: f, groups: E }),
      outerCase({ R: slots, M: f, N: d, groups: E }),
      outerCase({ R: slots, M: d, N: f, groups: E }),
    );
  }
  linear(V, d);
  cases.push(outerCase({ R: training, M: V, N: d, oneHot: true }));
  return cases;
}
