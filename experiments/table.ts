/** The table of experiments. */
import { RECIPES } from '../src/grpo/recipes.ts';
import { everyProblem } from './everyProblem.ts';
import type { Examination, Experiment } from './experiment.ts';
import { SHUFFLED } from './shuffledReward.ts';

const SEEDS = [0, 1, 2];
const { options, ...rewards } = RECIPES.tuned;
const TUNED = { ...options, ...rewards };

/** Examine checkpoints on all problems of the small space of `tiny_easy`, as the PyTorch curve was measured. */
function everyProblemAt(steps: readonly number[]): Examination {
  return { task: everyProblem, evalSize: 1000, steps };
}

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [
  {
    name: 'curve-pilots',
    start: 'tiny_easy',
    base: { steps: 150, batchSize: 32, groupSize: 4, klCoef: 0.02 },
    rows: [
      { name: 'lr 1e-4', change: { lr: 1e-4 } },
      { name: 'lr 3e-4', change: { lr: 3e-4 } },
    ],
    seeds: [0],
    evalInterval: 25,
    examination: everyProblemAt([0, 150]),
  },
  {
    name: 'curve',
    start: 'tiny_easy',
    base: { steps: 1700, batchSize: 32, klCoef: 0.02 },
    rows: [{ name: 'lr 3e-4, 32 × 16', change: { lr: 3e-4, groupSize: 16 } }],
    seeds: SEEDS,
    evalInterval: 50,
    examination: everyProblemAt([0, 150, 450, 1000, 1700]),
    samples: 16,
  },
  {
    name: 'ablations',
    start: 'tiny_depth_2',
    base: { steps: 60, lr: 1e-3, scheduler: 'cosine' },
    rows: [
      { name: 'base', change: {} },
      { name: 'defaults: lr 1e-5', change: { lr: 1e-5, scheduler: 'none' } },
      { name: 'no KL', change: { klCoef: 0 } },
      { name: 'temperature 0.6', change: { temperature: 0.6 } },
      { name: 'no KL, temperature 0.6', change: { klCoef: 0, temperature: 0.6 } },
      { name: 'dynamic sampling', change: { dynamicSampling: true } },
      { name: 'no KL, dynamic sampling', change: { klCoef: 0, dynamicSampling: true } },
      {
        name: 'no KL, dynamic sampling, partial credit',
        change: {
          klCoef: 0,
          dynamicSampling: true,
          dynamicSamplingMetric: 'reward',
          reward: 'partial',
        },
      },
      { name: 'tuned: these and 2 epochs', change: TUNED },
      { name: '16 × 8', change: { batchSize: 16, groupSize: 8 } },
      { name: '2 epochs', change: { epochs: 2 } },
      { name: 'loss dapo', change: { loss: 'dapo' } },
      { name: 'loss dr_grpo', change: { loss: 'dr_grpo', advantages: 'center' } },
      { name: 'curriculum', change: { curriculum: true } },
      { name: 'partial credit', change: { reward: 'partial' } },
      { name: 'shuffled rewards', change: { reward: SHUFFLED } },
      { name: 'loss cispo', change: { loss: 'cispo' } },
      { name: 'loss gspo', change: { loss: 'gspo' } },
      { name: '64 × 2', change: { batchSize: 64, groupSize: 2 } },
      { name: '8 × 16', change: { batchSize: 8, groupSize: 16 } },
      { name: 'KL by k2', change: { klEstimator: 'k2' } },
      { name: 'KL exact', change: { klEstimator: 'exact' } },
    ],
    seeds: SEEDS,
    evalInterval: 0,
    plot: 'differences',
  },
  {
    name: 'headline',
    start: 'tiny_depth_3_longer',
    base: { steps: 500 },
    rows: [
      { name: 'tuned', change: TUNED },
      { name: 'shuffled rewards', change: { ...TUNED, reward: SHUFFLED } },
      { name: 'defaults', change: {} },
    ],
    seeds: SEEDS,
    evalInterval: 50,
    samples: 16,
  },
  {
    name: 'headline-pilots',
    start: 'tiny_depth_3_longer',
    base: { steps: 500 },
    rows: [
      { name: '1 epoch', change: { ...TUNED, epochs: 1 } },
      { name: '1 epoch, correctness alone', change: { ...TUNED, epochs: 1, reward: 'correctness' } },
      { name: '1 epoch, 32 × 8', change: { ...TUNED, epochs: 1, groupSize: 8 } },
      {
        name: '1 epoch, 32 × 8, correctness alone',
        change: { ...TUNED, epochs: 1, groupSize: 8, reward: 'correctness' },
      },
    ],
    seeds: [0],
    evalInterval: 50,
    samples: 16,
  },
  {
    name: 'headline-small-pilot',
    start: 'small_depth_3',
    base: { steps: 60 },
    rows: [
      {
        name: 'no KL, dynamic sampling',
        change: { lr: 5e-4, scheduler: 'cosine', klCoef: 0, dynamicSampling: true },
      },
    ],
    seeds: [0],
    evalInterval: 30,
  },
  {
    name: 'headline-small',
    start: 'small_early',
    base: { steps: 200 },
    rows: [{ name: 'tuned, lr 3e-4', change: { ...TUNED, lr: 3e-4 } }],
    seeds: [0],
    evalInterval: 25,
    samples: 16,
  },
  {
    name: 'beyond',
    start: 'small_longer',
    base: { steps: 800 },
    rows: [{ name: 'tuned, lr 3e-4', change: { ...TUNED, lr: 3e-4 } }],
    seeds: SEEDS,
    evalInterval: 50,
    samples: 16,
  },
  {
    name: 'beyond-pilot',
    start: 'small_longer',
    base: { steps: 400 },
    rows: [{ name: 'tuned, lr 3e-4', change: { ...TUNED, lr: 3e-4 } }],
    seeds: [0],
    evalInterval: 25,
    samples: 16,
  },
  {
    name: 'staleness',
    start: 'tiny_depth_2',
    base: { steps: 60, lr: 1e-3, scheduler: 'cosine', klCoef: 0, dynamicSampling: true },
    rows: [
      { name: 'staleness 0', change: {} },
      { name: 'staleness 1', change: { staleness: 1 } },
      { name: 'staleness 2', change: { staleness: 2 } },
      { name: 'staleness 4', change: { staleness: 4 } },
    ],
    seeds: [...SEEDS, 3, 4, 5],
    evalInterval: 10,
    listed: [10, 20, 30, 60],
  },
];
