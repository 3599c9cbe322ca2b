/** Labels of an axis. */
/** Digits that labels have at most behind the point. */
const MAX_DECIMALS = 6;
/** Numbers with more are written with an exponent. */
const PLAIN_DECIMALS = 4;

/**
 * Write the values at the ticks of an axis, all with the same number of decimals: as few as tell them apart.
 * @param share writes shares in percent. Null stands for a tick without a label.
 */
export function tickLabels(values: readonly (number | null)[], share = false): string[] {
  const factor = share ? 100 : 1;
  const scaled = values.map((value) => value && value * factor);
  const decimals = Math.max(0, ...scaled.map((value) => decimalsOf(value ?? 0)));
  const isLarge = scaled.some((value) => Math.abs(value ?? 0) >= LARGE);
  return scaled.map((value) => {
    if (value === null) return '';
    if (isLarge) return COMPACT.format(value).replace('-', '−');
    const text = decimals > PLAIN_DECIMALS ? exponential(value) : plain(value, decimals);
    return share ? `${text}\u00a0%` : text;
  });
}

/** Numbers from here on are too wide for an axis: `200K`. */
const LARGE = 100_000;
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact' });

/** Formats by their number of decimals: to make one takes longer than to use it. */
const FORMATS = Array.from(
  { length: PLAIN_DECIMALS + 1 },
  (_, decimals) =>
    new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
);

const plain = (value: number, decimals: number): string =>
  (FORMATS[decimals]?.format(value) ?? String(value)).replace('-', '−');

const exponential = (value: number): string =>
  value === 0 ? '0' : value.toExponential(1).replaceAll('-', '−');

/** Count the decimals of a number, without those that stem from rounding. */
function decimalsOf(value: number): number {
  const [, decimals = ''] = value.toFixed(MAX_DECIMALS).replace(/0+$/, '').split('.');
  return Math.abs(value) > 0 && Math.abs(value) < 10 ** -MAX_DECIMALS ? MAX_DECIMALS : decimals.length;
}
