/**
 * Worked steps for two integers: column by column from the right for sums and differences, long multiplication for
 * products, the gcd for quotients. Each function appends its steps; the last is always `a op b=value`. Facts a
 * table holds (single digits, a 0 or a 1 as operand) are one step.
 */

import { floorModulo, gcd, magnitude, Rational } from '../expressions/rational.ts';

export type Steps = string[];

/** x as it stands to the right of an operator. */
function operand(x: bigint): string {
  return x < 0n ? `(${x})` : `${x}`;
}

/** Appends a step unless the one before says the same. */
export function pushOnce(step: string, steps: Steps): void {
  if (steps.at(-1) !== step) steps.push(step);
}

function isDigit(x: bigint): boolean {
  return x < 10n;
}

/** Digits of x from the right. */
function digitsOf(x: bigint): number[] {
  return Array.from(x.toString(), Number).reverse();
}

/**
 * The columns of a + b for a, b ≥ 0, or the whole of it where it is a fact. They end where nothing is left to add;
 * the digits beyond are copied.
 */
function addColumns(a: bigint, b: bigint, steps: Steps): void {
  const isFact = a === 0n || b === 0n || (isDigit(a) && isDigit(b));
  if (isFact) {
    steps.push(`${a}+${b}=${a + b}`);
  } else {
    const x = digitsOf(a);
    const y = digitsOf(b);
    const columns = Math.max(x.length, y.length);
    const shared = Math.min(x.length, y.length);
    let carry = 0;
    for (let i = 0; i < columns && (i < shared || carry > 0); i++) {
      const terms = [x[i], y[i], carry > 0 ? carry : undefined].filter((term) => term !== undefined);
      const sum = terms.reduce((total, term) => total + term, 0);
      steps.push(`${terms.join('+')}=${sum}`);
      carry = sum >= 10 ? 1 : 0;
      if (carry > 0 && i + 1 < columns) steps.push('carry 1');
    }
  }
}

function addMagnitudes(a: bigint, b: bigint, steps: Steps): void {
  addColumns(a, b, steps);
  pushOnce(`${a}+${b}=${a + b}`, steps);
}

/**
 * The columns of a − b for a ≥ b ≥ 0, or the whole of it where it is a fact. A column from which too much is taken
 * borrows from the next.
 */
function subtractColumns(a: bigint, b: bigint, steps: Steps): void {
  const isFact = b === 0n || a === b || (isDigit(b) && isDigit(a - b));
  if (isFact) {
    steps.push(`${a}-${b}=${a - b}`);
  } else {
    const x = digitsOf(a);
    const y = digitsOf(b);
    let borrow = 0;
    for (let i = 0; i < x.length && (i < y.length || borrow > 0); i++) {
      const taken = (y[i] ?? 0) + borrow;
      const from = x[i] < taken ? x[i] + 10 : x[i];
      const terms = [from, y[i], borrow > 0 ? borrow : undefined].filter((term) => term !== undefined);
      steps.push(`${terms.join('-')}=${from - taken}`);
      borrow = x[i] < taken ? 1 : 0;
      if (borrow > 0) steps.push('borrow 1');
    }
  }
}

function subtractMagnitudes(a: bigint, b: bigint, steps: Steps): void {
  subtractColumns(a, b, steps);
  pushOnce(`${a}-${b}=${a - b}`, steps);
}

/**
 * a + b or a − b. Signs are first rewritten so that only magnitudes are worked: `42-(-17)=42+17`. Their columns then
 * lead straight to the result.
 */
export function addOrSubtract(a: bigint, operator: '+' | '-', b: bigint, steps: Steps): bigint {
  const signedB = operator === '-' ? -b : b;
  const value = a + signedB;
  const written = `${a}${operator}${operand(b)}`;
  const bothPositive = a >= 0n && b >= 0n;
  if (bothPositive && operator === '+') {
    addMagnitudes(a, b, steps);
  } else if (bothPositive && a >= b) {
    subtractMagnitudes(a, b, steps);
  } else if (a === 0n || b === 0n || (bothPositive && isDigit(a) && isDigit(b))) {
    steps.push(`${written}=${value}`);
  } else {
    const x = magnitude(a);
    const y = magnitude(b);
    const sameSign = a < 0n === signedB < 0n;
    const [larger, smaller] = sameSign || x >= y ? [x, y] : [y, x];
    const rewritten = `${larger}${sameSign ? '+' : '-'}${smaller}`;
    steps.push(`${written}=${value < 0n ? `-(${rewritten})` : rewritten}`);
    if (sameSign) addColumns(larger, smaller, steps);
    else subtractColumns(larger, smaller, steps);
    steps.push(`${written}=${value}`);
  }
  return value;
}

/**
 * A number of several digits times one digit, from the right; the tens of one product are added to the next:
 * `3*7=21, 2*7+2=16` for 23·7.
 */
function digitProducts(long: bigint, digit: number, digitFirst: boolean, steps: Steps): void {
  let carry = 0;
  for (const x of digitsOf(long)) {
    const product = x * digit + carry;
    const factors = digitFirst ? `${digit}*${x}` : `${x}*${digit}`;
    steps.push(`${factors}${carry > 0 ? `+${carry}` : ''}=${product}`);
    carry = Math.floor(product / 10);
  }
}

/**
 * The rows of a · b for a, b ≥ 0, or the whole of it where it is a fact: one row for each digit of b other than 0,
 * added up as they come.
 */
function multiplyRows(a: bigint, b: bigint, steps: Steps): void {
  const isFact = a <= 1n || b <= 1n || (isDigit(a) && isDigit(b));
  if (isFact) {
    steps.push(`${a}*${b}=${a * b}`);
  } else if (isDigit(a)) {
    digitProducts(b, Number(a), true, steps);
  } else {
    let total = 0n;
    for (const [place, digit] of digitsOf(b).entries()) {
      if (digit === 0) continue;
      if (digit > 1) digitProducts(a, digit, false, steps);
      const multiplier = BigInt(digit) * 10n ** BigInt(place);
      if (multiplier === b) break;
      const row = a * multiplier;
      steps.push(`${a}*${multiplier}=${row}`);
      if (total > 0n) addMagnitudes(total, row, steps);
      total += row;
    }
  }
}

/** a · b for a, b ≥ 0. */
export function multiplyMagnitudes(a: bigint, b: bigint, steps: Steps): void {
  multiplyRows(a, b, steps);
  pushOnce(`${a}*${b}=${a * b}`, steps);
}

/** a · b: the magnitudes, then the sign. */
export function multiply(a: bigint, b: bigint, steps: Steps): bigint {
  const value = a * b;
  if (value !== 0n) multiplyRows(magnitude(a), magnitude(b), steps);
  pushOnce(`${a}*${operand(b)}=${value}`, steps);
  return value;
}

/**
 * Reduces numerator/denominator (denominator ≥ 1) through their gcd: `gcd(12,8)=4, 12/4=3, 8/4=2`. Nothing is
 * written where there is nothing to divide.
 */
export function reduce(numerator: bigint, denominator: bigint, steps: Steps): Rational {
  if (numerator !== 0n && denominator !== 1n) {
    const common = gcd(magnitude(numerator), denominator);
    steps.push(`gcd(${magnitude(numerator)},${denominator})=${common}`);
    if (common > 1n) {
      steps.push(`${numerator}/${common}=${numerator / common}`);
      // Where the denominator is itself the gcd, the line above is already the quotient.
      if (common !== denominator) steps.push(`${denominator}/${common}=${denominator / common}`);
    }
  }
  return Rational.of(numerator, denominator);
}

/** a / b for b ≠ 0: the magnitudes are reduced, then the sign. */
export function divide(a: bigint, b: bigint, steps: Steps): Rational {
  const value = Rational.of(a, b);
  if (magnitude(a) !== magnitude(b)) reduce(magnitude(a), magnitude(b), steps);
  pushOnce(`${a}/${operand(b)}=${value}`, steps);
  return value;
}

/** a % b for a ≥ 0, b > 0: the largest multiple of b not above a, then what is left. */
function moduloMagnitudes(a: bigint, b: bigint, steps: Steps): bigint {
  const remainder = a % b;
  if (a >= b) {
    multiplyMagnitudes(b, a / b, steps);
    subtractMagnitudes(a, a - remainder, steps);
  }
  steps.push(`${a}%${b}=${remainder}`);
  return remainder;
}

/** a % b (floor modulo, the sign of b ≠ 0). The magnitudes first; then |b| completes a remainder of the wrong sign. */
export function modulo(a: bigint, b: bigint, steps: Steps): bigint {
  const value = floorModulo(a, b);
  if (a === 0n) {
    steps.push(`0%${operand(b)}=0`);
    return value;
  }
  const remainder = moduloMagnitudes(magnitude(a), magnitude(b), steps);
  if (a > 0n && b > 0n) return value;
  if (remainder !== 0n && a < 0n && b > 0n) addOrSubtract(b, '-', remainder, steps);
  if (remainder !== 0n && a > 0n && b < 0n) addOrSubtract(remainder, '-', -b, steps);
  steps.push(`${a}%${operand(b)}=${value}`);
  return value;
}

/** next or prev of an integer: a fact for one digit, else a sum or difference of magnitudes: `next(-96)=-(96-1)`. */
export function neighbour(operator: 'next' | 'prev', x: bigint, steps: Steps): bigint {
  const size = magnitude(x);
  const grows = (operator === 'next') === x >= 0n;
  const value = operator === 'next' ? x + 1n : x - 1n;
  if (!isDigit(size)) {
    const rewritten = `${size}${grows ? '+' : '-'}1`;
    steps.push(`${operator}(${x})=${x < 0n ? `-(${rewritten})` : rewritten}`);
    if (grows) addColumns(size, 1n, steps);
    else subtractColumns(size, 1n, steps);
  }
  steps.push(`${operator}(${x})=${value}`);
  return value;
}
