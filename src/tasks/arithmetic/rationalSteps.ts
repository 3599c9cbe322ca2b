/**
 * Worked steps for two exact values: integers go to integerSteps.ts, fractions through their lcm, their numerators
 * and their gcd. Each function appends its steps, the last of which is `a op b=value`, and returns the value.
 */

import { applyBinary } from '../expressions/expression.ts';
import type { BinaryOperator } from '../expressions/operators.ts';
import { lcm, Rational } from '../expressions/rational.ts';
import {
  addOrSubtract,
  divide,
  modulo,
  multiply,
  multiplyMagnitudes,
  pushOnce,
  reduce,
  type Steps,
} from './integerSteps.ts';

/** A value to the right of `*`, `/` or `%`: a sign or a fraction needs parentheses there. */
function factor(x: Rational): string {
  return x.isNegative || !x.isInteger ? `(${x})` : `${x}`;
}

/** A value to the right of `+` or `-`. */
function term(x: Rational): string {
  return x.isNegative ? `(${x})` : `${x}`;
}

/** The text of `a operator b` as the steps write it. */
export function operation(a: Rational, operator: BinaryOperator, b: Rational): string {
  if (operator === 'min' || operator === 'max') return `${operator}(${a},${b})`;
  const isSum = operator === '+' || operator === '-';
  return `${a}${operator}${isSum ? term(b) : factor(b)}`;
}

/** The two numerators over one denominator: `lcm(2,3)=6, 1/2=3/6, 1/3=2/6`. */
function overCommonDenominator(a: Rational, b: Rational, steps: Steps) {
  const denominator = lcm(a.denominator, b.denominator);
  if (!a.isInteger && !b.isInteger && a.denominator !== b.denominator) {
    steps.push(`lcm(${a.denominator},${b.denominator})=${denominator}`);
  }
  const numeratorOf = (x: Rational): bigint => {
    const numerator = x.numerator * (denominator / x.denominator);
    if (x.denominator !== denominator) steps.push(`${x}=${numerator}/${denominator}`);
    return numerator;
  };
  return { a: numeratorOf(a), b: numeratorOf(b), denominator };
}

function addOrSubtractFractions(a: Rational, operator: '+' | '-', b: Rational, steps: Steps): Rational {
  const common = overCommonDenominator(a, b, steps);
  const numerator = addOrSubtract(common.a, operator, common.b, steps);
  // An integer added to a reduced fraction leaves it reduced.
  if (a.isInteger || b.isInteger) return Rational.of(numerator, common.denominator);
  return reduce(numerator, common.denominator, steps);
}

/** a · b for positive values: numerators, denominators, gcd. */
function multiplyFractions(a: Rational, b: Rational, steps: Steps): Rational {
  const value = a.multiply(b);
  if (!a.equals(Rational.ONE) && !b.equals(Rational.ONE)) {
    multiplyMagnitudes(a.numerator, b.numerator, steps);
    if (!a.isInteger && !b.isInteger) multiplyMagnitudes(a.denominator, b.denominator, steps);
    reduce(a.numerator * b.numerator, a.denominator * b.denominator, steps);
  }
  pushOnce(`${operation(a, '*', b)}=${value}`, steps);
  return value;
}

/** a / b for positive values, as a product: `1/2/(3/4)=1/2*(4/3)`. */
function divideFractions(a: Rational, b: Rational, steps: Steps): Rational {
  const value = a.divide(b);
  const written = operation(a, '/', b);
  if (!b.equals(Rational.ONE)) {
    const reciprocal = Rational.ONE.divide(b);
    steps.push(`${written}=${operation(a, '*', reciprocal)}`);
    multiplyFractions(a, reciprocal, steps);
  }
  steps.push(`${written}=${value}`);
  return value;
}

function moduloFractions(a: Rational, b: Rational, steps: Steps): Rational {
  const common = overCommonDenominator(a, b, steps);
  return reduce(modulo(common.a, common.b, steps), common.denominator, steps);
}

function extremeOfFractions(a: Rational, operator: 'min' | 'max', b: Rational, steps: Steps): Rational {
  const common = overCommonDenominator(a, b, steps);
  const aIsLower = common.a < common.b;
  const takesA = operator === 'min' ? aIsLower : !aIsLower;
  steps.push(`${operator}(${common.a},${common.b})=${takesA ? common.a : common.b}`);
  return takesA ? a : b;
}

/** The sign of a product or quotient of a and b. */
function withSign(a: Rational, b: Rational, value: Rational): Rational {
  return a.isNegative === b.isNegative ? value : value.negate();
}

/** Works `a operator b` where at least one is a fraction and neither is 0 (save under min and max). */
function workFractions(a: Rational, operator: BinaryOperator, b: Rational, steps: Steps): Rational {
  switch (operator) {
    case '+':
    case '-':
      return addOrSubtractFractions(a, operator, b, steps);
    case '*':
      return withSign(a, b, multiplyFractions(a.abs(), b.abs(), steps));
    case '/':
      return withSign(a, b, divideFractions(a.abs(), b.abs(), steps));
    case '%':
      return moduloFractions(a, b, steps);
    case 'min':
    case 'max':
      return extremeOfFractions(a, operator, b, steps);
    default:
      return operator satisfies never;
  }
}

function workIntegers(a: bigint, operator: BinaryOperator, b: bigint, steps: Steps): Rational {
  switch (operator) {
    case '+':
    case '-':
      return Rational.integer(addOrSubtract(a, operator, b, steps));
    case '*':
      return Rational.integer(multiply(a, b, steps));
    case '/':
      return divide(a, b, steps);
    case '%':
      return Rational.integer(modulo(a, b, steps));
    case 'min':
      return Rational.integer(a < b ? a : b);
    case 'max':
      return Rational.integer(a > b ? a : b);
    default:
      return operator satisfies never;
  }
}

/** Works `a operator b`; b ≠ 0 under `/` and `%`. */
export function workBinary(a: Rational, operator: BinaryOperator, b: Rational, steps: Steps): Rational {
  // A list of its own, so that `pushOnce` never takes an equal step of an earlier node for one of this node.
  const own: Steps = [];
  const isFact = (a.isZero || b.isZero) && operator !== 'min' && operator !== 'max';
  const value =
    a.isInteger && b.isInteger
      ? workIntegers(a.numerator, operator, b.numerator, own)
      : isFact
        ? applyBinary(operator, a, b)
        : workFractions(a, operator, b, own);
  pushOnce(`${operation(a, operator, b)}=${value}`, own);
  steps.push(...own);
  return value;
}
