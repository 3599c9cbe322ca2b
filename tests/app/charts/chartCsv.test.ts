import { describe, expect, it } from 'vitest';
import { chartCsv } from '../../../app/src/charts/chartCsv.ts';
import { seriesStyle } from '../../../app/src/charts/seriesStyle.ts';

const series = (label: string, x: readonly number[], y: readonly number[]) => ({
  key: label,
  label,
  style: seriesStyle(0),
  x: Float64Array.from(x),
  y: Float64Array.from(y),
});

describe('chartCsv', () => {
  it('has a row for each step of any series, and empty fields where one has no value', () => {
    const content = {
      title: 'Reward',
      xLabel: 'step',
      series: [series('a', [1, 2, 3], [0.5, Number.NaN, 0.7]), series('b', [2, 4], [1, -1e-7])],
    };
    expect(chartCsv(content)).toBe('step,a,b\r\n1,0.5,\r\n2,,1\r\n3,0.7,\r\n4,,-1e-7\r\n');
  });

  it('quotes names, and lets none become a formula', () => {
    const content = {
      title: '',
      xLabel: 'step',
      series: [series('say "a, b"', [1], [2]), series('=1+1', [1], [3])],
    };
    expect(chartCsv(content).split('\r\n')[0]).toBe(`step,"say ""a, b""",'=1+1`);
  });
});
