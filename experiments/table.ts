/** The table of experiments. */
import type { Experiment } from './experiment.ts';

const SEEDS = [0, 1, 2];

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [
  {
    name: 'curve',
    start: 'tiny_easy',
    base: { steps: 1700, batchSize: 32, groupSize: 4, klCoef: 0.02 },
    rows: [
      { name: 'lr 1e-4', change: { lr: 1e-4 } },
      { name: 'lr 3e-4', change: { lr: 3e-4 } },
      { name: 'lr 1e-3', change: { lr: 1e-3 } },
    ],
    seeds: SEEDS,
    evalInterval: 50,
    examination: {
      task: 'experiments/everyProblem.ts',
      evalSize: 1000,
      steps: [0, 150, 450, 1000, 1700],
    },
  },
];
