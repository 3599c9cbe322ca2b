import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatNumber,
  formatP,
  formatPercent,
  formatPercentInterval,
  formatSeconds,
  formatSigned,
} from '../../../app/src/ui/format.ts';

describe('numbers for people', () => {
  it.each([
    [0, '0'],
    [0.6215, '0.622'],
    [12.345, '12.3'],
    [90, '90'],
    [48_213.4, '48,213'],
    [0.001234, '0.00123'],
    [0.00012, '1.20e−4'],
    [-3.5, '−3.50'],
    [1e10, '1.00e+10'],
    [Number.NaN, '–'],
    [null, '–'],
    [undefined, '–'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('%s is %s', (value, text) => expect(formatNumber(value)).toBe(text));

  it('writes shares, intervals, signs and p values', () => {
    expect(formatPercent(0.622)).toBe('62.2\u00a0%');
    expect(formatPercent(Number.NaN)).toBe('–');
    expect(formatPercentInterval(0.59, 0.65)).toBe('59.0\u2009–\u200965.0\u00a0%');
    expect(formatSigned(0.5)).toBe('+0.500');
    expect(formatSigned(-0.5)).toBe('−0.500');
    expect(formatP(2.7e-31)).toBe('p\u00a0<\u00a00.0001');
    expect(formatP(0.0314159)).toBe('p\u00a0=\u00a00.031');
  });

  it.each([
    [3.21, '3.2 s'],
    [42.4, '42 s'],
    [80, '1 min 20 s'],
    [3660, '1 h 1 min'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%s seconds are %s', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  it.each([
    [12, '12 B'],
    [1400, '1.4 kB'],
    [237_288, '237 kB'],
    [1_234_567, '1.2 MB'],
  ])('%s bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
