/** The tokens of a group under a policy that practises on it: ratio, clip and KL. */
import { clippedSide } from 'mathformer/grpo';
import type { Practice } from '../model/operations.ts';
import { klDivergence, mean, probabilities } from './distribution.ts';

/** A token of a completion after some steps of practice. */
export interface PractisedToken {
  readonly completion: number;
  readonly position: number;
  readonly text: string;
  readonly advantage: number;
  /** Its probability now, and before the first step. */
  readonly now: number;
  readonly before: number;
  /** r = now / before */
  readonly ratio: number;
  /** The ratio is outside of the range on the side where the clip holds. */
  readonly clipped: boolean;
  /** KL of the policy from the one before, at this token, over the whole vocabulary, in nats. */
  readonly kl: number;
}

/** Compare the policy after `step` steps with the one before the first, for every token of the group. */
export function practisedTokens(
  { group, logits }: Practice,
  step: number,
  { clipRatio, temperature }: { readonly clipRatio: number; readonly temperature: number },
): readonly PractisedToken[] {
  const clip = { clipRatio, clipRatioHigh: clipRatio };
  return group.completions.flatMap(({ ids, texts, advantage }, completion) => {
    const [from, to] = [logits[0]?.[completion], logits[step]?.[completion]];
    if (!from || !to) return [];
    const vocabSize = from.length / ids.length;
    return ids.map((id, position) => {
      const before = probabilities(from, position, { vocabSize, temperature });
      const now = probabilities(to, position, { vocabSize, temperature });
      const ratio = (now[id] ?? 0) / (before[id] ?? 1);
      return {
        completion,
        position,
        text: texts[position] ?? '',
        advantage,
        now: now[id] ?? 0,
        before: before[id] ?? 0,
        ratio,
        clipped: clippedSide(ratio, advantage, clip) !== null,
        kl: klDivergence(now, before),
      };
    });
  });
}

/** Return the mean KL of the policy from the one before, after each step. */
export function klBySteps(practice: Practice, temperature: number): readonly number[] {
  return practice.logits.map((_, step) =>
    mean(practisedTokens(practice, step, { clipRatio: 1, temperature }).map(({ kl }) => kl)),
  );
}

/** The clipped surrogate min(r·A, clip(r, 1 − ε, 1 + ε)·A) (Schulman et al., 1707.06347). */
export function surrogate(ratio: number, advantage: number, clipRatio: number): number {
  const clipped = Math.min(Math.max(ratio, 1 - clipRatio), 1 + clipRatio);
  return Math.min(ratio * advantage, clipped * advantage);
}
