/** The table of experiments. */
import type { Examination, Experiment } from './experiment.ts';

/** Of the small space that `tiny_easy` is about, as whoever published the curve to beat examined it. */
function everyProblemAt(steps: readonly number[]): Examination {
  return { task: 'experiments/everyProblem.ts', evalSize: 1000, steps };
}

/** All experiments. */
export const EXPERIMENTS: readonly Experiment[] = [
  {
    name: 'curve-rates',
    start: 'tiny_easy',
    base: { steps: 150, batchSize: 32, groupSize: 4, klCoef: 0.02 },
    rows: [
      { name: 'lr 1e-3', change: { lr: 1e-3 } },
      { name: 'lr 3e-4', change: { lr: 3e-4 } },
      { name: 'lr 1e-4', change: { lr: 1e-4 } },
      { name: 'lr 3e-4, 32 × 16', change: { lr: 3e-4, groupSize: 16 } },
      { name: 'lr 1e-4, 4 epochs', change: { lr: 1e-4, epochs: 4 } },
    ],
    seeds: [0],
    evalInterval: 25,
    examination: everyProblemAt([0, 150]),
  },
];
