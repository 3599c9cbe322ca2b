/**
 * The correction for completions that another policy sampled than the one a step begins with: an earlier version, or the
 * same weights on another kind of machine. Three log-probabilities of a token take part:
 *
 *   ℓ_old   of the policy that sampled it, as recorded
 *   ℓ_prox  of the policy at the start of the step, computed again
 *   ℓ       of the policy in training
 *
 * The ratio r = exp(ℓ − ℓ_prox) is clipped around the policy at the start of the step, so that the clip limits the step alone
 * (Hilton et al., 2110.00641; the decoupled objective of AReaL, 2505.24298). The weight min(exp(ℓ_prox − ℓ_old), cap) of
 * each surrogate corrects for who sampled; the cap bounds its variance (truncated importance sampling, Ionides, 2008). A
 * loss with one ratio per sequence has one weight per sequence, of the mean over its tokens.
 */
import type { Completion } from '../model/completions.ts';
import { mostTokens } from '../model/microBatches.ts';
import { type Packed, packSequences, scoredCount, scorePacked } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import { type Captured, type CaptureOptions, capture, noGrad, type Tensor } from '../tensor/index.ts';
import { microBatches, type Trajectory, weighted } from './batches.ts';
import type { GrpoOptions } from './options.ts';

/** Scores trajectories by the present weights of a policy. */
export class Rescorer {
  readonly #scores: Captured<[Packed<Tensor>], Tensor>;

  constructor(
    private readonly policy: Transformer,
    private readonly options: Pick<GrpoOptions, 'temperature' | 'microBatchTokens' | 'loss' | 'maxNewTokens'>,
    recordings: CaptureOptions,
  ) {
    const { temperature } = options;
    this.#scores = capture(
      policy.device,
      (packed: Packed<Tensor>) => noGrad(() => scorePacked(policy, packed, { temperature }).logp),
      recordings,
    );
  }

  /**
   * Return the trajectories with ℓ_prox. Those that are left out of the loss are not scored. The micro-batches are those of
   * an optimiser step on all trajectories, so that its ratio is exactly 1 at first.
   */
  async rescored(trajectories: readonly Trajectory[]): Promise<Trajectory[]> {
    const tokens = Math.min(this.options.microBatchTokens, mostTokens(this.policy));
    const batches = microBatches(weighted(trajectories, this.options), tokens);
    const pending = batches.map((batch) => this.#score(batch));
    const scores = await Promise.all(pending);
    const found = new Map<Completion, Float32Array>();
    for (const [i, batch] of batches.entries()) {
      let at = 0;
      for (const trajectory of batch) {
        const end = at + scoredCount(trajectory);
        for (const copy of trajectory.copies)
          found.set(copy, scores[i]?.slice(at, end) ?? new Float32Array());
        at = end;
      }
    }
    return trajectories.map((trajectory) => ({ ...trajectory, proxLogps: found.get(trajectory.completion) }));
  }

  dispose(): void {
    this.#scores[Symbol.dispose]();
  }

  /** Enqueue a micro-batch. The promise resolves to ℓ_prox of its tokens, end to end. */
  #score(batch: readonly Trajectory[]): Promise<Float32Array> {
    using _ = this.policy.device.scope();
    const { arrays } = packSequences(this.policy, batch, { padded: true });
    const logps = this.#scores(arrays).data();
    logps.catch(() => {}); // `rescored` throws it; until then a handler keeps it from ending the process
    return logps.then((values) => Float32Array.from(values));
  }
}
