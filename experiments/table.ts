/** The table of experiments. */
import type { Examination, Experiment } from './experiment.ts';

const SEEDS = [0, 1, 2];

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
    rows: [1e-3, 3e-3, 3e-4].map((lr) => ({ name: `lr ${lr.toExponential()}`, change: { lr } })),
    seeds: [0],
    evalInterval: 25,
    examination: everyProblemAt([0, 150]),
  },
];
