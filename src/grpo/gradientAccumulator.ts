/** Forward and backward passes of micro-batches, which add to the gradients of the policy. Each size is recorded once. */
import { scorePacked } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import {
  backward,
  type Captured,
  type CaptureOptions,
  capture,
  cat,
  noGrad,
  reshape,
  type Tensor,
} from '../tensor/index.ts';
import { type BatchInputs, batchInputs, type WeightedTrajectory } from './batches.ts';
import { grpoLoss } from './grpoLoss.ts';
import { KL_ESTIMATORS, tokenKl } from './kl.ts';
import type { SequenceRecord, Update } from './metrics.ts';
import type { GrpoOptions } from './options.ts';

/** Values that the GPU returns for a micro-batch. */
export type BatchValues = Pick<Update, 'records' | 'loss' | 'policyLoss'>;

/** The models of a pass. */
interface Models {
  readonly policy: Transformer;
  /** The KL is measured from it. Without it there is no KL. */
  readonly reference: Transformer | undefined;
}

/** Adds the gradients of micro-batches. */
export class GradientAccumulator {
  readonly #pass: Captured<[BatchInputs], Tensor>;

  /** @param klCoef returns the weight of the KL, which may change from pass to pass. */
  constructor(
    private readonly models: Models,
    private readonly options: GrpoOptions,
    { klCoef, recordings }: { readonly klCoef: () => number; readonly recordings: CaptureOptions },
  ) {
    this.#pass = capture(
      models.policy.device,
      (inputs: BatchInputs) => this.#graph(inputs, klCoef),
      recordings,
    );
  }

  /** Enqueue the forward and backward pass of a micro-batch. The promise resolves when the GPU is done. */
  add(batch: readonly WeightedTrajectory[]): Promise<BatchValues> {
    const { policy } = this.models;
    using _ = policy.device.scope();
    const values = this.#pass(batchInputs(policy, batch, this.options));
    return this.#collect(batch, values.data());
  }

  /** Free the recordings. */
  dispose(): void {
    this.#pass[Symbol.dispose]();
  }

  /**
   * Compute a micro-batch on the GPU and add to the gradients. Return everything that `#collect` reads in one tensor
   * (3N + 2): log-probability, entropy and KL (or the reference's log-probability) of each token, total and policy loss.
   */
  #graph({ packed, excluded, ...inputs }: BatchInputs, klCoef: () => number): Tensor {
    const { options } = this;
    const { policy: model, reference } = this.models;
    const { temperature, klEstimator } = options;
    const scores = scorePacked(model, packed, { temperature });
    const refScores = reference && noGrad(() => scorePacked(reference, packed, { temperature }));
    const [N, V] = scores.logits.shape as [number, number];
    const { oldLogp } = inputs;
    const klOptions = { temperature, oldLogp, excluded: excluded && reshape(excluded, [N, V]) };
    const kl = refScores && tokenKl(klEstimator, scores, refScores, klOptions);
    const { total, policy } = grpoLoss({ ...inputs, ...scores, kl }, { ...options, klCoef });
    backward(total);
    const compared = klEstimator === 'exact' ? kl : refScores?.logp;
    return noGrad(() =>
      cat([scores.logp, scores.entropy, compared ?? scores.logp, reshape(total, [1]), reshape(policy, [1])]),
    );
  }

  /** Wait for the tensor of `#graph`, and split it into records, one for each completion and each of its copies. */
  async #collect(
    batch: readonly WeightedTrajectory[],
    pending: Promise<ArrayLike<number>>,
  ): Promise<BatchValues> {
    const values = await pending;
    const N = (values.length - 2) / 3;
    const { klEstimator } = this.options;
    const hasReference = this.models.reference !== undefined;
    let t = 0;
    const records = batch.flatMap(({ completion, advantage, copies, proxLogps = completion.logps }) => {
      const tokens = Array.from(completion.logps, (oldLogp, i) => {
        const at = t++;
        const [logp = 0, entropy = 0, compared = 0] = [values[at], values[N + at], values[2 * N + at]];
        const estimate = (): number =>
          klEstimator === 'exact'
            ? compared
            : KL_ESTIMATORS[klEstimator].number(logp - compared, logp - oldLogp);
        const kl = hasReference ? estimate() : Number.NaN;
        return { logp, oldLogp, proxLogp: proxLogps[i] ?? Number.NaN, kl, entropy };
      });
      return copies.map((copy): SequenceRecord => ({ completion: copy, advantage, tokens }));
    });
    return { records, loss: values[3 * N] ?? 0, policyLoss: values[3 * N + 1] ?? 0 };
  }
}
