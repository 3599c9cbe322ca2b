/** Forward and backward passes of micro-batches, which add to the gradients of the policy. Each size is recorded once. */
import type { JointRead } from '../gpu/device.ts';
import { scorePacked } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import {
  backward,
  type Captured,
  type CaptureOptions,
  capture,
  noGrad,
  reshape,
  type Tensor,
} from '../tensor/index.ts';
import { fused } from '../tensor/ops/fused.ts';
import { type BatchInputs, batchInputs, type WeightedTrajectory } from './batches.ts';
import { grpoLoss } from './grpoLoss.ts';
import { KL_ESTIMATORS, tokenKl } from './kl.ts';
import { LOSSES } from './losses.ts';
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

/** The results of a pass: of each token (N), and of the micro-batch. */
type Yield = {
  readonly logp: Tensor;
  readonly entropy: Tensor;
  /** The KL, or the log-probability of the reference; undefined without one. */
  readonly compared: Tensor | undefined;
  readonly total: Tensor;
  readonly policy: Tensor;
};

/** Adds the gradients of micro-batches. */
export class GradientAccumulator {
  readonly #pass: Captured<[BatchInputs], Yield>;

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

  /** Enqueue the forward and backward pass of a micro-batch. The promise resolves when `together` has been read. */
  add(batch: readonly WeightedTrajectory[], together: JointRead): Promise<BatchValues> {
    const { policy } = this.models;
    using _ = policy.device.scope();
    const pass = this.#pass(batchInputs(policy, batch, this.options));
    policy.device.flush(); // it computes while the next one is packed
    return this.#collect(batch, pass, together);
  }

  /** Free the recordings. */
  dispose(): void {
    this.#pass[Symbol.dispose]();
  }

  /**
   * Compute a micro-batch on the GPU and add to the gradients. Return everything that `#collect` reads.
   */
  #graph({ packed, excluded, ...inputs }: BatchInputs, klCoef: () => number): Yield {
    const { options } = this;
    const { policy: model, reference } = this.models;
    const { temperature, klEstimator } = options;
    const scores = scorePacked(model, packed, { temperature });
    const refScores = reference && noGrad(() => scorePacked(reference, packed, { temperature }));
    const [N, V] = scores.logits.shape as [number, number];
    const { oldLogp } = inputs;
    const klOptions = { temperature, oldLogp, excluded: excluded && reshape(excluded, [N, V]) };
    const exact =
      refScores && klEstimator === 'exact' ? tokenKl('exact', scores, refScores, klOptions) : undefined;
    const { proxLogp, importance } = inputs.correction ?? {};
    const tokens = {
      ...{
        logp: scores.logp,
        entropy: scores.entropy,
        refLogp: exact ? undefined : refScores?.logp,
        kl: exact,
      },
      ...{ oldLogp, advantages: inputs.advantages, weights: inputs.weights },
      ...{ proxLogp, importance },
    };
    const lossOf = ({ refLogp, kl: known, proxLogp, importance, ...token }: typeof tokens) => {
      const kl = refLogp
        ? tokenKl(
            klEstimator,
            { ...scores, logp: token.logp },
            { ...scores, logp: refLogp },
            { ...klOptions, oldLogp: token.oldLogp },
          )
        : known;
      const correction = proxLogp && importance && { proxLogp, importance };
      const { total, policy } = grpoLoss({ ...inputs, ...token, kl, correction }, { ...options, klCoef });
      return { total, policy };
    };
    // A ratio of each sequence needs ops that are not elementwise.
    const isFused = LOSSES[options.loss].ratioOf === 'token';
    const { total, policy } = isFused ? fused('grpo loss', tokens, lossOf) : lossOf(tokens);
    backward(total);
    const { logp, entropy } = scores;
    return { logp, entropy, compared: exact ?? refScores?.logp, total, policy };
  }

  /** Wait for the values of a pass, and split them into records, one for each completion and each of its copies. */
  async #collect(
    batch: readonly WeightedTrajectory[],
    pass: Yield,
    together: JointRead,
  ): Promise<BatchValues> {
    const { logp, entropy, compared = logp, total, policy } = pass;
    const read = async ({ view }: Tensor) => new Float32Array(await together.add(view));
    const values = await Promise.all([logp, entropy, compared, total, policy].map(read));
    const [logps, entropies, others, loss, policyLoss] = values as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const { klEstimator } = this.options;
    const hasReference = this.models.reference !== undefined;
    let t = 0;
    const records = batch.flatMap(({ completion, advantage, copies, proxLogps = completion.logps }) => {
      const tokens = Array.from(completion.logps, (oldLogp, i) => {
        const at = t++;
        const [logp = 0, entropy = 0, compared = 0] = [logps[at], entropies[at], others[at]];
        const estimate = (): number =>
          klEstimator === 'exact'
            ? compared
            : KL_ESTIMATORS[klEstimator].number(logp - compared, logp - oldLogp);
        const kl = hasReference ? estimate() : Number.NaN;
        return { logp, oldLogp, proxLogp: proxLogps[i] ?? Number.NaN, kl, entropy };
      });
      return copies.map((copy): SequenceRecord => ({ completion: copy, advantage, tokens }));
    });
    return { records, loss: loss[0] ?? 0, policyLoss: policyLoss[0] ?? 0 };
  }
}
