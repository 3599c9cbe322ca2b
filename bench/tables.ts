/** Format measurements as rows of text, for the terminal and for the page. */
import type { Ceilings } from './bound.ts';
import type { KernelResult, Measured } from './measure.ts';
import { type KernelShare, shareOf } from './profile.ts';
import { total } from './statistics.ts';
import type { StepResult, StepTimes } from './steps.ts';

/** A heading, and rows with as many cells. The first `left` columns are text, aligned left. */
export interface Table {
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly left: number;
}

const ms = (seconds: number): string => (seconds * 1000).toFixed(3);
const range = ([low, high]: readonly [number, number]): string => `${ms(low)} to ${ms(high)}`;
/** Format a value; leave the cell blank if it was not measured. */
const orBlank = (value: number | null, text: (value: number) => string): string =>
  value === null ? '' : text(value);
const ratio = (value: number): string => value.toFixed(2);

export const ceilingText = ({ P, W, t0 }: Ceilings): string =>
  `P ${(P / 1e9).toFixed(1)} GFLOP/s, W ${(W / 1e9).toFixed(2)} GB/s, t0 ${(t0 * 1e6).toFixed(1)} µs`;

function kernelRow(result: KernelResult, timestamps: boolean): string[] {
  const { kernel, shape, flops, bytes, dispatches, median, quartiles, efficiency } = result;
  return [
    kernel,
    shape,
    ms(median),
    range(quartiles),
    flops > 0 ? (flops / median / 1e9).toFixed(1) : '',
    (bytes / median / 1e9).toFixed(2),
    String(dispatches),
    ratio(efficiency),
    ...(timestamps ? [orBlank(result.gpu, ms), orBlank(result.gpuEfficiency, ratio)] : []),
  ];
}

export function kernelTable({ results }: Measured): Table {
  const timestamps = results.some(({ gpu }) => gpu !== null);
  const heading = ['kernel', 'shape', 'median ms', 'quartiles', 'GFLOP/s', 'GB/s', 'dispatches', 'η'];
  return {
    heading: timestamps ? [...heading, 'gpu ms', 'gpu η'] : heading,
    rows: results.map((result) => kernelRow(result, timestamps)),
    left: 2,
  };
}

export function stepTable(steps: readonly StepResult[]): Table {
  const formRow = (step: StepResult, form: string, times: StepTimes): string[] => [
    step.name,
    form,
    ms(times.median),
    range(times.quartiles),
    times.tokensPerSecond.toFixed(0),
    String(times.dispatches),
    orBlank(times.cpu, ms),
    ...(form === 'replayed'
      ? [orBlank(step.gpu, ms), ratio(step.efficiency), orBlank(step.flopEfficiency, ratio)]
      : ['', '', '']),
  ];
  return {
    heading: [
      ...['step', 'mode', 'median ms', 'quartiles', 'tokens/s', 'dispatches', 'CPU ms'],
      ...['gpu ms', 'η', 'of P'],
    ],
    rows: steps.flatMap((step) => [
      ...(step.eager ? [formRow(step, 'eager', step.eager)] : []),
      formRow(step, 'replayed', step.replayed),
    ]),
    left: 2,
  };
}

/** Return a table of the `most` slowest kernels of a step. */
export function shareTable(kernels: readonly KernelShare[], most: number): Table {
  const all = total(kernels.map(shareOf));
  return {
    heading: ['kernel', 'dispatches', 'gpu ms', 'share', 'least ms', 'η'],
    rows: kernels
      .slice(0, most)
      .map(({ kernel, dispatches, gpu, bound }) => [
        kernel,
        String(dispatches),
        orBlank(gpu, ms),
        `${((100 * shareOf({ gpu, bound })) / all).toFixed(1)} %`,
        ms(bound),
        orBlank(gpu, (seconds) => ratio(bound / seconds)),
      ]),
    left: 1,
  };
}
