/**
 * Learning rates as functions of the step, counted from 0. All begin with a linear warm-up over the first
 * W = round(warmupRatio·totalSteps) steps: rate lr·(step + 1)/W, so that no step has rate 0.
 */

import { expectKind, expectOptions, integer, type OptionKinds, real } from '../../base/arguments.ts';
import { cos, pow } from '../../base/elementary.ts';

/** Options of every schedule. */
export interface WarmupOptions {
  readonly totalSteps: number;
  /** Share of the steps in which the rate rises linearly. */
  readonly warmupRatio: number;
  readonly lr: number;
}

/** Options of decaying schedules. */
export interface DecayOptions extends WarmupOptions {
  /** The rate at step `totalSteps`, one after the last. */
  readonly minLr: number;
}

/** Options of a stepwise decay. */
export interface StepDecayOptions extends WarmupOptions {
  /** Number of steps between reductions, counted from the end of the warm-up. */
  readonly stepSize: number;
  /** Factor of the rate at each reduction. */
  readonly gamma: number;
}

/** Types of the options of all schedules, so that one object of options can serve several. */
const KINDS: OptionKinds<DecayOptions & StepDecayOptions> = {
  totalSteps: integer(0),
  warmupRatio: real({ min: 0, max: 1 }),
  lr: real({ min: 0 }),
  minLr: real({ min: 0 }),
  stepSize: integer(1),
  gamma: real({ min: 0, aboveMin: true }),
};

/** Check the arguments of a schedule. No option has a default. */
function expectSchedule(
  where: string,
  step: number,
  options: Partial<DecayOptions & StepDecayOptions>,
  more: readonly (keyof typeof KINDS)[] = [],
): void {
  expectKind(where, 'step', step, integer(0));
  expectOptions(where, options, KINDS, ['totalSteps', 'warmupRatio', 'lr', ...more]);
}

/** Return the rate of the warm-up; afterwards that of `rate`, given the steps since the warm-up and their total number. */
function withWarmup(
  step: number,
  { totalSteps, warmupRatio, lr }: WarmupOptions,
  rate: (since: number, decaySteps: number) => number,
): number {
  const warmup = Math.round(warmupRatio * totalSteps);
  if (step < warmup) return (lr * (step + 1)) / warmup;
  return rate(step - warmup, Math.max(1, totalSteps - warmup));
}

/** Linear warm-up, then `lr`. */
export function constantWithWarmup(step: number, options: WarmupOptions): number {
  expectSchedule('constantWithWarmup', step, options);
  return withWarmup(step, options, () => options.lr);
}

/** Linear warm-up, then a straight line from `lr` down to `minLr`. */
export function linearWithWarmup(step: number, options: DecayOptions): number {
  expectSchedule('linearWithWarmup', step, options, ['minLr']);
  return withWarmup(step, options, (since, decaySteps) => {
    const { lr, minLr } = options;
    return minLr + (lr - minLr) * (1 - Math.min(1, since / decaySteps));
  });
}

/** Linear warm-up, then half a cosine from `lr` down to `minLr` (Loshchilov & Hutter, 1608.03983). */
export function cosineWithWarmup(step: number, options: DecayOptions): number {
  expectSchedule('cosineWithWarmup', step, options, ['minLr']);
  return withWarmup(step, options, (since, decaySteps) => {
    const { lr, minLr } = options;
    const progress = Math.min(1, since / decaySteps);
    return minLr + ((lr - minLr) * (1 + cos(Math.PI * progress))) / 2;
  });
}

/** Linear warm-up, then lr·gamma^⌊steps since/stepSize⌋, as `torch.optim.lr_scheduler.StepLR`. */
export function stepDecayWithWarmup(step: number, options: StepDecayOptions): number {
  expectSchedule('stepDecayWithWarmup', step, options, ['stepSize', 'gamma']);
  return withWarmup(
    step,
    options,
    (since) => options.lr * pow(options.gamma, Math.floor(since / options.stepSize)),
  );
}
