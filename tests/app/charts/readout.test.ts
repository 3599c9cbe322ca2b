import { describe, expect, it } from 'vitest';
import { readingAt, readout } from '../../../app/src/charts/readout.ts';
import { seriesStyle } from '../../../app/src/charts/seriesStyle.ts';

const series = {
  key: 'a',
  label: 'reward',
  style: seriesStyle(0),
  x: Float64Array.of(10, 20, 30),
  y: Float64Array.of(0.1, 0.2, 0.3),
  interval: { low: Float64Array.of(0, 0.1, 0.2), high: Float64Array.of(0.2, 0.3, 0.4) },
};

describe('readingAt', () => {
  it('reads the nearest value, or the last without a place', () => {
    expect(readingAt(series, 22)).toEqual({ x: 20, y: 0.2, interval: [0.1, 0.3] });
    expect(readingAt(series, undefined)?.x).toBe(30);
    expect(readingAt({ ...series, x: new Float64Array(), y: new Float64Array() }, 1)).toBeUndefined();
  });
});

describe('readout', () => {
  it('says step, values and warnings', () => {
    const marks = [{ x: 20, label: 'entropy collapse' }];
    expect(readout([series], marks, 20, 'step', String)).toBe('step 20: reward 0.2. entropy collapse');
    expect(readout([series], marks, 30, 'step', String)).toBe('step 30: reward 0.3');
  });
});
