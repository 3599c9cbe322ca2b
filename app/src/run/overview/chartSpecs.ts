/** The charts of Overview: the metrics of each, under the names that metrics.jsonl has. */
import type { Columns } from '../../data/columns.ts';

/** A line of a chart. */
export interface LineSpec {
  readonly label: string;
  /** Return its values; undefined where the run does not have them. */
  readonly values: (columns: Columns) => Float64Array | undefined;
}

/** A chart. */
export interface ChartSpec {
  readonly key: string;
  readonly title: string;
  readonly unit?: string;
  readonly help: string;
  /** Values are shares, shown in percent. */
  readonly share?: boolean;
  /** The first line stands for the run where several are compared. */
  readonly lines: readonly LineSpec[];
  /** Ends of a range about the first line. */
  readonly range?: { readonly low: string; readonly high: string };
}

const metric = (label: string, name: string): LineSpec => ({ label, values: (columns) => columns.get(name) });

/** The quotient of two metrics, such as tokens per second. */
const quotient = (label: string, above: string, below: string): LineSpec => ({
  label,
  values(columns) {
    const [numerator, denominator] = [columns.get(above), columns.get(below)];
    if (!numerator || !denominator) return undefined;
    const values = new Float64Array(numerator.length);
    for (let i = 0; i < values.length; i++) {
      values[i] = (numerator[i] ?? Number.NaN) / (denominator[i] ?? Number.NaN);
    }
    return values;
  },
});

/** Accuracy has a chart of its own, as it is evaluated at few steps. */
const GRPO: readonly ChartSpec[] = [
  {
    key: 'reward',
    title: 'Reward',
    help: 'Mean over the step’s completions, and the mean deviation within groups.',
    lines: [metric('reward', 'reward'), metric('deviation', 'reward_std')],
  },
  {
    key: 'kl',
    title: 'KL',
    unit: 'nats per token',
    help: 'Distance of the policy from its reference.',
    lines: [metric('KL', 'kl')],
  },
  {
    key: 'entropy',
    title: 'Entropy',
    unit: 'nats per token',
    help: 'Near 0 the completions of a group hardly differ.',
    lines: [metric('entropy', 'entropy')],
  },
  {
    key: 'length',
    title: 'Completion length',
    unit: 'tokens',
    help: 'Mean, with the shortest and the longest as a band.',
    lines: [metric('mean', 'completions/mean_length')],
    range: { low: 'completions/min_length', high: 'completions/max_length' },
  },
  {
    key: 'clip',
    title: 'Clip fraction',
    share: true,
    help: 'Tokens whose ratio lies in the clipped region: below it, above it, both.',
    lines: [
      metric('both', 'clip_ratio/region_mean'),
      metric('below', 'clip_ratio/low_mean'),
      metric('above', 'clip_ratio/high_mean'),
    ],
  },
  {
    key: 'importance',
    title: 'Importance weights',
    help: 'A token’s probability before the step, over that when it was sampled: mean, with the smallest and the largest as a band.',
    lines: [metric('mean', 'sampling/importance_sampling_ratio/mean')],
    range: {
      low: 'sampling/importance_sampling_ratio/min',
      high: 'sampling/importance_sampling_ratio/max',
    },
  },
  {
    key: 'groups',
    title: 'Groups and cuts',
    share: true,
    help: 'Groups of equal rewards teach nothing; cut completions had no end.',
    lines: [metric('equal rewards', 'frac_reward_zero_std'), metric('cut', 'completions/clipped_ratio')],
  },
  {
    key: 'gradient',
    title: 'Gradient norm',
    help: 'Before clipping.',
    lines: [metric('norm', 'grad_norm')],
  },
  {
    key: 'loss',
    title: 'Loss',
    help: 'In all, and without KL and entropy.',
    lines: [metric('loss', 'loss'), metric('policy loss', 'policy_loss')],
  },
  {
    key: 'lr',
    title: 'Learning rate',
    help: 'As the schedule has it.',
    lines: [metric('lr', 'lr')],
  },
  {
    key: 'speed',
    title: 'Speed',
    unit: 'tokens/s',
    help: 'Prompts and completions, over the time of the step.',
    lines: [quotient('speed', 'num_tokens', 'step_time')],
  },
];

const PRETRAIN: readonly ChartSpec[] = [
  {
    key: 'loss',
    title: 'Loss',
    unit: 'nats per token',
    help: 'Cross-entropy of the trained tokens.',
    lines: [metric('loss', 'loss')],
  },
  {
    key: 'gradient',
    title: 'Gradient norm',
    help: 'Before clipping.',
    lines: [metric('norm', 'gradNorm')],
  },
  { key: 'lr', title: 'Learning rate', help: 'As the schedule has it.', lines: [metric('lr', 'lr')] },
  {
    key: 'tokens',
    title: 'Tokens',
    unit: 'per step',
    help: 'Tokens that the step computed.',
    lines: [metric('tokens', 'tokens')],
  },
];

/** The phases of runs, in order, with their charts. */
export const PHASES = [
  { name: 'pretrain', label: 'Pretraining', charts: PRETRAIN },
  { name: 'grpo', label: 'GRPO', charts: GRPO },
] as const;

/** A phase of runs. */
export type Phase = (typeof PHASES)[number];
