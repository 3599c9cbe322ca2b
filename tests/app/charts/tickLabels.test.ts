import { describe, expect, it } from 'vitest';
import { tickLabels } from '../../../app/src/charts/tickLabels.ts';

describe('tickLabels', () => {
  it.each([
    [[0, 0.5, 1], false, ['0.0', '0.5', '1.0']],
    [[0, 500, 1000, 10_000], false, ['0', '500', '1,000', '10,000']],
    [[-0.25, 0], false, ['−0.25', '0.00']],
    [[0.1 + 0.2, 0.4], false, ['0.3', '0.4']],
    [[0.4, 0.45], true, ['40 %', '45 %']],
    [[0, 0.00025, 0.001], false, ['0', '2.5e−4', '1.0e−3']],
    [[1e-7, 2e-7], false, ['1.0e−7', '2.0e−7']],
    [[1, null, 100], false, ['1', '', '100']],
    [[0, 50_000, 200_000], false, ['0', '50K', '200K']],
    [[], false, []],
  ])('writes %j', (values, share, labels) => {
    expect(tickLabels(values, share).map((label) => label.replace('\u00a0', ' '))).toEqual(labels);
  });
});
