/** Trainings to begin with. Each is a link: the address names the preset, and the options that differ from it. */
import type { RunKind } from 'mathformer/training';

/** Options by name; those of a pipeline lie in the sections `pretrain` and `grpo`. */
export type Options = Readonly<Record<string, unknown>>;

/** The model that a preset begins with: a bundled checkpoint, random weights, or a file of the person. */
export type PresetStart =
  | { readonly from: 'bundled'; readonly file: string }
  | { readonly from: 'new' }
  | { readonly from: 'file' };

export interface Preset {
  readonly id: string;
  readonly title: string;
  /** One or two sentences: what is trained, and what to look at. */
  readonly summary: string;
  readonly kind: RunKind;
  readonly task: string;
  readonly start: PresetStart;
  /** Values that differ from the defaults. */
  readonly options: Options;
  /** The question of the live answers. */
  readonly question: string;
  /** Words for a question, such as `a sum of one-digit numbers`. */
  readonly asks: string;
}

/** A trace of every step, whose groups the Lab shows. */
const SHOWN = { traceInterval: 1, traceGroups: 2 };

const SUMS = { maxDigits: 1, maxDepth: 1, operators: ['+'] };

/** Learns sums within a minute on two cores, from 46 % to 68 %. */
const SUMS_GRPO = {
  ...{ steps: 80, batchSize: 32, groupSize: 8, lr: 3e-3, scheduler: 'cosine', warmupRatio: 0.05 },
  ...{ klCoef: 0, dynamicSampling: true, maxRefills: 2, maxNewTokens: 48 },
};

export const PRESETS: readonly Preset[] = [
  {
    id: 'sums',
    title: 'One-digit sums',
    summary:
      'A model of 29,000 parameters that is right less than half of the time. GRPO rewards right answers, and nothing else: watch it improve.',
    kind: 'grpo',
    task: 'arithmetic',
    start: { from: 'bundled', file: 'sums.safetensors' },
    options: {
      ...SUMS,
      ...SHOWN,
      ...SUMS_GRPO,
      ...{ evalInterval: 10, saveInterval: 50, keepLast: 2 },
    },
    question: '7+3',
    asks: 'a sum, such as 3+4 or -2+9',
  },
  {
    id: 'scratch',
    title: 'Sums from scratch',
    summary:
      'The same model from random weights: first it imitates worked sums, then GRPO takes over with rewards alone. This takes a few minutes.',
    kind: 'pipeline',
    task: 'arithmetic',
    start: { from: 'new' },
    options: {
      ...SHOWN,
      keepLast: 2,
      pretrain: {
        ...SUMS,
        ...{ steps: 1, numExamples: 40_960, batchSize: 32, lr: 1e-2, scheduler: 'none', dropout: 0 },
        ...{ scratchpadProbability: 1, littleProbability: 0 },
      },
      grpo: {
        ...SUMS,
        ...SUMS_GRPO,
      },
    },
    question: '7+3',
    asks: 'a sum, such as 3+4 or -2+9',
  },
  {
    id: 'sort',
    title: 'Sorting',
    summary: 'The model sorts digits. A pretrained one makes mistakes that GRPO removes.',
    kind: 'grpo',
    task: 'sort',
    start: { from: 'bundled', file: 'sort.safetensors' },
    options: {
      ...SHOWN,
      ...{ maxDigits: 3, steps: 100, batchSize: 16, groupSize: 16, lr: 2e-3, klCoef: 0, maxNewTokens: 16 },
      ...{ dynamicSampling: true, evalInterval: 10, saveInterval: 50, keepLast: 2 },
    },
    question: '6 6 1',
    asks: 'digits, such as 6 6 1',
  },
  {
    id: 'countdown',
    title: 'Countdown',
    summary: 'Make a number from others: many answers are right, and the reward takes each of them.',
    kind: 'grpo',
    task: 'countdown',
    start: { from: 'bundled', file: 'countdown.safetensors' },
    options: {
      ...SHOWN,
      ...{ numbers: 2, maxNumber: 20, operators: ['+', '-'] },
      ...{ steps: 100, batchSize: 16, groupSize: 16, lr: 2e-3, klCoef: 0, maxNewTokens: 32 },
      ...{ dynamicSampling: true, evalInterval: 10, saveInterval: 50, keepLast: 2 },
    },
    question: 'make 13 from 6 7',
    asks: 'a target and numbers, such as make 13 from 6 7',
  },
  {
    id: 'file',
    title: 'Your checkpoint',
    summary: 'GRPO on a model of your own: a .safetensors or .pt file that was trained on one of the tasks.',
    kind: 'grpo',
    task: 'arithmetic',
    start: { from: 'file' },
    options: {
      ...SHOWN,
      ...{
        steps: 100,
        batchSize: 16,
        groupSize: 8,
        lr: 1e-3,
        evalInterval: 10,
        saveInterval: 50,
        keepLast: 2,
      },
    },
    question: '3+4',
    asks: 'a problem of the task',
  },
];

const [FIRST] = PRESETS;

/** Return the preset of an id; the first one for any other text. */
export function presetOf(id: string | undefined): Preset {
  const found = PRESETS.find((preset) => preset.id === id) ?? FIRST;
  if (!found) throw new RangeError('there are no presets');
  return found;
}
