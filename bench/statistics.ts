/** Medians and quartiles. */

/** Median and quartiles of measurements, in seconds. */
export interface Spread {
  readonly median: number;
  readonly quartiles: readonly [number, number];
}

export const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.round(q * (values.length - 1))] ?? Number.NaN;

export const spreadOf = (values: readonly number[]): Spread => ({
  median: quantile(values, 0.5),
  quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
});

export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
