/** Pearson's chi-square against expected shares, for the distribution tests. */

/** 99.9 % points of the chi-square distribution, by degrees of freedom (standard tables). */
const CRITICAL_999: Readonly<Record<number, number>> = {
  1: 10.828,
  2: 13.816,
  3: 16.266,
  6: 22.458,
  8: 26.124,
  9: 27.877,
};

/** Return the statistic minus its 99.9 % point; at most 0 if the counts fit the shares. */
export function chiSquareExcess(counts: readonly number[], shares: readonly number[]): number {
  const critical = CRITICAL_999[counts.length - 1];
  if (critical === undefined || counts.length !== shares.length)
    throw new Error('no critical value for this table');
  const total = counts.reduce((sum, count) => sum + count, 0);
  const statistic = counts.reduce(
    (sum, count, i) => sum + (count - total * shares[i]) ** 2 / (total * shares[i]),
    0,
  );
  return statistic - critical;
}

/** Return the same for `hits` of `total` at probability p. */
export function shareExcess(hits: number, total: number, p: number): number {
  return chiSquareExcess([hits, total - hits], [p, 1 - p]);
}

export function uniform(cells: number): number[] {
  return new Array<number>(cells).fill(1 / cells);
}
