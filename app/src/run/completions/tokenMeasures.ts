/** The values that tokens of a traced completion are coloured by, and their scale. */
import { RATIOS } from 'mathformer/grpo';
import type { StepTrace, TracedCompletion } from 'mathformer/training';

/** The values that tokens can be coloured by. */
export const MEASURES = ['push', 'entropy', 'kl', 'change'] as const;
export type Measure = (typeof MEASURES)[number];

interface MeasureRow {
  readonly label: string;
  /** The formula, with its unit. */
  readonly formula: string;
  readonly help: string;
}

/** The measures by name. */
export const MEASURE_ROWS: Readonly<Record<Measure, MeasureRow>> = {
  push: {
    label: 'Advantage × ratio',
    formula: 'A·r',
    help: 'Positive: the step makes the token likelier; negative: less likely.',
  },
  entropy: {
    label: 'Entropy',
    formula: 'H, nats',
    help: 'High: the model was unsure which token comes here.',
  },
  kl: {
    label: 'KL',
    formula: 'KL, nats',
    help: 'How far the policy is from its reference at this token.',
  },
  change: {
    label: 'Δ log-probability',
    formula: 'ℓ − ℓ_old, nats',
    help: 'The change since the token was sampled; 0 in the first optimiser step, unless an earlier policy sampled.',
  },
};

/**
 * Return the log-ratio of each token of a completion, to the policy around which the step clips: the one that sampled, or where
 * the step corrected for that, the one before the step.
 */
export const logRatiosOf = ({ logp, oldLogp, proxLogp = oldLogp }: TracedCompletion): Float64Array =>
  Float64Array.from(logp, (value, t) => value - (proxLogp[t] ?? Number.NaN));

/** Return the ratio of each token of a completion: its own, or for `gspo` that of its sequence. NaN where nothing was learnt. */
export function ratiosOf(completion: TracedCompletion, loss: string): Float64Array {
  const differences = logRatiosOf(completion);
  if (!isSequenceLoss(loss)) return differences.map(Math.exp);
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  return differences.fill(Math.exp(mean));
}

/** Return whether a loss has one ratio for each sequence. A loss that this version does not know has one for each token. */
export const isSequenceLoss = (loss: string): boolean =>
  Object.entries(RATIOS).some(([name, { ratioOf }]) => name === loss && ratioOf === 'sequence');

/** Return a value for each token of a completion; NaN where there is none. */
export function tokenValues(completion: TracedCompletion, measure: Measure, loss: string): Float64Array {
  switch (measure) {
    case 'push':
      return ratiosOf(completion, loss).map((ratio) => ratio * completion.advantage);
    case 'entropy':
      return Float64Array.from(completion.entropy);
    case 'kl':
      return Float64Array.from(completion.kl);
    case 'change':
      return Float64Array.from(completion.logp, (logp, t) => logp - (completion.oldLogp[t] ?? Number.NaN));
    default:
      return measure satisfies never;
  }
}

/** Number of levels on each side of 0. */
export const LEVELS = 4;

/** A scale with `LEVELS` steps from 0 to `most`, on both sides of 0 or above it alone. */
export interface Scale {
  /** The value of the last level and all beyond it. */
  readonly most: number;
  readonly isDiverging: boolean;
}

/**
 * Make the scale of a step, so that all completions of it share one: from 0 to the value that 98 % of the tokens stay within,
 * rounded up to two digits. It is diverging if any value is negative.
 */
export function scaleOf(trace: StepTrace, measure: Measure): Scale {
  const values: number[] = [];
  for (const { completions } of trace.groups) {
    for (const completion of completions) {
      for (const value of tokenValues(completion, measure, trace.loss)) {
        if (Number.isFinite(value)) values.push(value);
      }
    }
  }
  const sizes = values.map(Math.abs).sort((a, b) => a - b);
  const most = sizes[Math.ceil(0.98 * sizes.length) - 1] ?? 0;
  return { most: most > 0 ? roundedUp(most) : 1, isDiverging: values.some((value) => value < 0) };
}

/** Return the level of a value: 0 for none or nearly 0, up to ±LEVELS. Each level is as wide as the others. */
export function levelOf(value: number, { most }: Scale): number {
  if (!Number.isFinite(value)) return 0;
  const size = Math.min(LEVELS, Math.round((LEVELS * Math.abs(value)) / most));
  return value < 0 && size > 0 ? -size : size;
}

/** Return the levels of a scale, each with its middle value. */
export function legendOf({ most, isDiverging }: Scale): { readonly level: number; readonly value: number }[] {
  const first = isDiverging ? -LEVELS : 0;
  return Array.from({ length: LEVELS - first + 1 }, (_, i) => {
    const level = first + i;
    return { level, value: (most * level) / LEVELS };
  });
}

function roundedUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(2));
}
