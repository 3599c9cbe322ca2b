import { describe, expect, it } from 'vitest';
import { seriesStyle } from '../../../app/src/charts/seriesStyle.ts';

describe('seriesStyle', () => {
  it('tells series apart without colours, also behind the last colour', () => {
    const dashes = Array.from({ length: 15 }, (_, i) => seriesStyle(i + 1).dash.join(' '));
    expect(new Set(dashes.filter((dash) => dash !== '')).size).toBeGreaterThanOrEqual(13);
    expect(new Set(Array.from({ length: 8 }, (_, i) => seriesStyle(i).dash.join(' '))).size).toBe(8);
  });
});
