/**
 * Measure how the cost of a supervised step grows with the batch, the sequence length, the width and the number of layers,
 * one at a time. The exponent is the slope of log time over log size: 1 is linear. It tends to 2 in the length because of
 * attention, and in the width because of the matrix products.
 */

import type { Device } from '../src/gpu/device.ts';
import { modelConfig } from '../src/model/config.ts';
import { Transformer } from '../src/model/transformer.ts';
import { VOCAB_SIZE } from '../src/tasks/arithmetic/tokenizer.ts';
import { quantile } from './statistics.ts';
import { supervisedStep } from './supervisedStep.ts';

interface Point {
  readonly batch: number;
  readonly length: number;
  readonly width: number;
  readonly layers: number;
}

const BASE: Point = { batch: 32, length: 64, width: 64, layers: 2 };
const AXES = {
  batch: [16, 32, 64, 128],
  length: [32, 64, 128, 256, 512],
  width: [32, 64, 128, 256],
  layers: [1, 2, 4, 8],
} as const;
/** Size of a head. A wider model has more heads of the same size. */
const HEAD_SIZE = 16;
const ROUNDS = 5;

export interface Growth {
  readonly axis: keyof typeof AXES;
  readonly sizes: readonly number[];
  /** Medians, in seconds. */
  readonly times: readonly number[];
  readonly exponent: number;
}

/** Return the slope of log y over log x, fitted by least squares. */
export function exponent(xs: readonly number[], ys: readonly number[]): number {
  const [u, v] = [xs.map(Math.log), ys.map(Math.log)];
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [mu, mv] = [mean(u), mean(v)];
  const covariance = u.reduce((sum, x, i) => sum + (x - mu) * ((v[i] ?? 0) - mv), 0);
  return covariance / u.reduce((sum, x) => sum + (x - mu) ** 2, 0);
}

function stepOf(device: Device, { batch, length, width, layers }: Point): () => Promise<unknown> {
  const shape = { dModel: width, nHeads: width / HEAD_SIZE, dFF: 4 * width, nLayers: layers };
  const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...shape });
  const step = supervisedStep(Transformer.create(device, config, 0), { batch, length });
  return () => step().item();
}

/** Time every point of every axis in turns. */
export async function measureGrowth(
  device: Device,
  progress: (round: number, rounds: number) => void = () => {},
): Promise<Growth[]> {
  const axes = (Object.keys(AXES) as (keyof typeof AXES)[]).map((axis) => ({
    axis,
    points: AXES[axis].map((size) => ({
      size,
      step: stepOf(device, { ...BASE, [axis]: size }),
      times: [] as number[],
    })),
  }));
  for (let round = -1; round < ROUNDS; round++) {
    progress(round + 1, ROUNDS + 1);
    for (const { step, times } of axes.flatMap(({ points }) => points)) {
      const started = performance.now();
      await step();
      if (round >= 0) times.push((performance.now() - started) / 1000); // the first round compiles
    }
  }
  return axes.map(({ axis, points }) => {
    const sizes = points.map(({ size }) => size);
    const times = points.map((point) => quantile(point.times, 0.5));
    return { axis, sizes, times, exponent: exponent(sizes, times) };
  });
}
