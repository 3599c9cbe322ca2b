/** Sums of two doubles: arithmetic of 106 bits (Dekker, "A floating-point technique for extending the available precision", 1971). */

/** A number as a sum of two doubles, the second at most half a unit in the last place of the first. */
export type Pair = readonly [high: number, low: number];

/** Return a + b exactly, for |a| ≥ |b|. */
export function orderedSum(a: number, b: number): Pair {
  const sum = a + b;
  return [sum, b - (sum - a)];
}

/** Return a + b exactly. */
export function exactSum(a: number, b: number): Pair {
  const sum = a + b;
  const right = sum - a;
  return [sum, a - (sum - right) + (b - right)];
}

/** Split 53 bits into 26 and 27. */
function halves(a: number): Pair {
  const scaled = a * 134217729;
  const high = scaled - (scaled - a);
  return [high, a - high];
}

/** Return a · b exactly. */
function exactProduct(a: number, b: number): Pair {
  const product = a * b;
  const [ah, al] = halves(a);
  const [bh, bl] = halves(b);
  return [product, ah * bh - product + ah * bl + al * bh + al * bl];
}

/** Return a + b. */
export function add(a: Pair, b: Pair): Pair {
  const [high, rest] = exactSum(a[0], b[0]);
  const [low, last] = exactSum(a[1], b[1]);
  const [sum, left] = orderedSum(high, rest + low);
  return orderedSum(sum, left + last);
}

/** Return a · b. */
export function multiply(a: Pair, b: Pair): Pair {
  const [high, low] = exactProduct(a[0], b[0]);
  return orderedSum(high, low + (a[0] * b[1] + a[1] * b[0]));
}

/** Return a ÷ b. */
export function divide(a: Pair, b: Pair): Pair {
  const first = a[0] / b[0];
  const rest = add(a, negative(multiply(b, [first, 0])));
  const second = rest[0] / b[0];
  const last = add(rest, negative(multiply(b, [second, 0])));
  const [high, low] = orderedSum(first, second);
  return orderedSum(high, low + last[0] / b[0]);
}

/** Return −a. */
export const negative = ([high, low]: Pair): Pair => [-high, -low];

/** Multiply by a power of two. */
export const scale = ([high, low]: Pair, by: number): Pair => [high * by, low * by];
