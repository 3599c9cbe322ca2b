/** Compares completions with a model: the log-probabilities that were reported, and the draws, token by token. */
import type { Completion } from '../../model/completions.ts';
import type { Replay } from '../../model/replay.ts';
import type { WireSampling } from '../protocol/messages.ts';

/** Bounds on what rounding does to a result, in nats, for logits at temperature 1. */
export interface Tolerance {
  /** Of the difference of a log-probability. Margins and gaps are of two logits, so twice as much. */
  readonly most: number;
  /** Of the mean difference of a completion's log-probabilities, if it has many. */
  readonly mean: number;
}

/** Figures of completions beside their replay. */
export interface Agreement {
  readonly tokens: number;
  /** Difference of reported and scored log-probabilities, in nats. */
  readonly maxDifference: number;
  readonly meanDifference: number;
  /** Tokens that this machine would not have drawn. */
  readonly flippedTokens: number;
}

/** The agreement of one completion, in units of rounding at temperature 1. */
export interface CompletionAgreement extends Agreement {
  readonly index: number;
  /** The largest contradiction between a token, or the ids that it was drawn from, and logits with noise. */
  readonly contradiction: number;
  /** The token of the largest difference, and the one of the largest contradiction. */
  readonly differentToken: number;
  readonly contradictedToken: number;
}

/** Logits are divided by the temperature, and rounding with them; rounding of the noise and the sum stays. */
export const roundingScale = ({ temperature }: Pick<WireSampling, 'temperature'>): number =>
  temperature === 0 ? 1 : Math.max(1, 1 / temperature);

/** Compare completions with their replay, one by one. `indices` are their places in the item. */
export function agreementsOf(
  completions: readonly Completion[],
  indices: readonly number[],
  { logps, margins, filterGaps }: Replay,
): CompletionAgreement[] {
  let at = 0;
  return indices.map((index) => {
    const reported = completions[index]?.logps ?? new Float32Array();
    const first = at;
    at += reported.length;
    const differences = reported.map((logp, t) => Math.abs(logp - at0(logps, first + t)));
    const contradictions = reported.map((_, t) =>
      Math.max(at0(margins, first + t), at0(filterGaps, first + t)),
    );
    const [differentToken, contradictedToken] = [highest(differences), highest(contradictions)];
    return {
      index,
      tokens: reported.length,
      maxDifference: at0(differences, differentToken),
      meanDifference: differences.reduce((sum, value) => sum + value, 0) / reported.length,
      flippedTokens: margins.subarray(first, at).reduce((sum, margin) => sum + (margin > 0 ? 1 : 0), 0),
      contradiction: at0(contradictions, contradictedToken),
      differentToken,
      contradictedToken,
    };
  });
}

const at0 = (values: Float32Array, index: number): number => values[index] ?? 0;

/** Return the index of the highest value; of the first NaN, if there is one. */
const highest = (values: Float32Array): number =>
  values.reduce((best, value, i) => (Number.isNaN(value) || value > at0(values, best) ? i : best), 0);

/** Sum up the agreement of completions. */
export function totalOf(agreements: readonly Agreement[]): Agreement {
  const tokens = agreements.reduce((sum, each) => sum + each.tokens, 0);
  const differences = agreements.reduce((sum, each) => sum + each.meanDifference * each.tokens, 0);
  return {
    tokens,
    maxDifference: Math.max(0, ...agreements.map(({ maxDifference }) => maxDifference)),
    meanDifference: tokens === 0 ? 0 : differences / tokens,
    flippedTokens: agreements.reduce((sum, each) => sum + each.flippedTokens, 0),
  };
}

/** Return the problem of a completion that rounding does not explain; undefined if it does. */
export function problemOfCompletion(
  agreement: CompletionAgreement,
  { most, mean }: Tolerance,
  scale: number,
): string | undefined {
  const { index, tokens, maxDifference, meanDifference, contradiction } = agreement;
  const amount = (value: number): string => value.toExponential(1);
  // The mean of a few differences may be as large as one of them.
  const meanLimit = scale * Math.min(most, mean + most / Math.sqrt(tokens));
  // NaN is no agreement.
  if (!(contradiction <= 2 * scale * most)) {
    return `token ${agreement.contradictedToken} of completion ${index} is not the one that the seed draws: another is ahead by ${amount(contradiction)}, and rounding explains ${amount(2 * scale * most)}`;
  }
  if (!(maxDifference <= scale * most)) {
    return `the log-probability of token ${agreement.differentToken} of completion ${index} is off by ${amount(maxDifference)}, and rounding explains ${amount(scale * most)}`;
  }
  if (!(meanDifference <= meanLimit)) {
    return `the log-probabilities of completion ${index} are off by ${amount(meanDifference)} on average, and rounding explains ${amount(meanLimit)}`;
  }
  return undefined;
}
