import { describe, expect, it } from 'vitest';
import { plotData, plotLines, Smoother } from '../../../app/src/charts/plotLines.ts';
import { seriesStyle } from '../../../app/src/charts/seriesStyle.ts';

const x = Float64Array.from({ length: 10_000 }, (_, i) => i + 1);
const y = x.map((step) => Math.sin(step));
const series = { key: 'a', label: 'a', style: seriesStyle(0), x, y };
const smoother = new Smoother();

describe('plotLines', () => {
  it('draws the values faintly behind their average', () => {
    expect(plotLines([series], smoother, 0).map(({ kind }) => kind)).toEqual(['line']);
    expect(plotLines([series, series], smoother, 0.9).map(({ kind }) => kind)).toEqual([
      'raw',
      'raw',
      'line',
      'line',
    ]);
  });

  it('puts the ends of an interval beside each other, and does not smooth sparse series', () => {
    const banded = { ...series, sparse: true, interval: { low: y, high: y } };
    expect(plotLines([banded], smoother, 0.9).map(({ kind }) => kind)).toEqual(['high', 'low', 'line']);
  });
});

describe('plotData', () => {
  const lines = plotLines([series], smoother, 0);

  it('takes the range and one point at each side, with no more points than the parts have room for', () => {
    const near = plotData(lines, { from: 100.5, to: 110 }, 500, false);
    expect(near.x).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111]);
    expect(plotData(lines, { from: 1, to: 10_000 }, 500, false).x.length).toBeLessThanOrEqual(1002);
  });

  it('leaves out what a logarithmic scale has no place for', () => {
    const { y: drawn } = plotData(lines, { from: 1, to: 8 }, 500, true);
    expect(drawn[0]?.map((value) => value === null)).toEqual(
      [...y.subarray(0, 9)].map((value) => value <= 0),
    );
  });
});
