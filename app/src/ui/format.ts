/** Numbers for people. */

/** A sign that is as wide as a digit. */
const MINUS = '−';
const DASH = '–';

/** Write a number with about three significant digits, such as `0.622`, `1.20e−5` or `48,213`; a dash for NaN. */
export function formatNumber(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return withMinus(value.toExponential(digits - 1));
  if (size >= 10 ** digits) return withMinus(Math.round(value).toLocaleString('en'));
  if (Number.isInteger(value)) return withMinus(String(value));
  const decimals = size === 0 ? 0 : digits - 1 - Math.floor(Math.log10(size));
  return withMinus(value.toFixed(Math.max(decimals, 0)));
}

/** Write a number of things in full, such as `48,213`; a dash for NaN. */
export const formatCount = (count: number): string =>
  Number.isNaN(count) ? DASH : count.toLocaleString('en');

/** Write a share in percent, such as `62.2 %`. */
export function formatPercent(share: number | null | undefined, decimals = 1): string {
  if (share === null || share === undefined || Number.isNaN(share)) return DASH;
  return `${withMinus((100 * share).toFixed(decimals))}\u00a0%`;
}

/** Write the ends of an interval in percent, such as `59.2 – 65.2 %`. */
export const formatPercentInterval = (low: number, high: number): string =>
  `${withMinus((100 * low).toFixed(1))}\u2009–\u2009${formatPercent(high)}`;

/** Write a difference of shares in points, such as `+15.5`. */
export const formatPoints = (difference: number): string =>
  formatSigned(difference, (value) => withMinus((100 * value).toFixed(1)));

/** Write the ends of an interval in points, such as `[9.0, 21.7]`. */
export const formatPointsInterval = (low: number, high: number): string =>
  withMinus(`[${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`);

/** Write a number with its sign. */
export const formatSigned = (value: number, write: (value: number) => string = formatNumber): string =>
  `${value > 0 ? '+' : ''}${write(value)}`;

/** Write a p value: `p < 0.0001`, or with two significant digits. */
export const formatP = (p: number): string =>
  p < 1e-4 ? 'p\u00a0<\u00a00.0001' : `p\u00a0=\u00a0${Number(p.toPrecision(2))}`;

/** Write a time span in seconds, such as `1 min 20 s`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return DASH;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Write a size in bytes, such as `1.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toPrecision(2)} ${units[power]}`;
}

const withMinus = (text: string): string => text.replaceAll('-', MINUS);
