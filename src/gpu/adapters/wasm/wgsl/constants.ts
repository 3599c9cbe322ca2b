/**
 * Arithmetic of constant expressions (WGSL section 8.1). An AbstractInt is a bigint, so that its 64 bits are exact; all other
 * numbers are JavaScript numbers: integers within their range, f32 rounded after each operation, AbstractFloat as float64.
 * A result that its type cannot have is an error.
 */
import { fail } from './error.ts';
import type { BinaryOperator, Place } from './tree.ts';
import type { ElementName } from './types.ts';

export type ScalarConstant = number | boolean | bigint;

/** Return true if a constant with elements `from` converts to `to` without being asked (feasible automatic conversion). */
export function fits(from: ElementName, to: ElementName): boolean {
  if (from === 'abstract int') return to !== 'abstract int' && to !== 'bool';
  return from === 'abstract float' && to === 'f32';
}

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const RANGES = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
} as const;

/** Convert an abstract number. Throws a `WgslError` if `of` does not contain it. */
export function convertScalar(value: ScalarConstant, of: ElementName, at: Place): ScalarConstant {
  switch (of) {
    case 'abstract int':
    case 'bool':
      return value;
    case 'abstract float':
      return Number(value);
    case 'f32':
      return finite(Math.fround(Number(value)), of, at, `${value}`);
    case 'i32':
    case 'u32': {
      const [least, largest] = RANGES[of];
      const number = Number(value);
      if (number < least || number > largest) fail(at, `${value} is out of the range of ${of}`);
      return number;
    }
    default:
      return of satisfies never;
  }
}

/** Largest floats that an integer contains: those that a larger f32 becomes (WGSL section 15.7.6). */
const LARGEST_F32 = { i32: 2 ** 31 - 128, u32: 2 ** 32 - 256 } as const;

/** Convert a scalar as its constructor does, e.g. `i32(x)`: floats saturate, integers keep their bits. */
export function castScalar(
  value: ScalarConstant,
  from: ElementName,
  to: ElementName,
  at: Place,
): ScalarConstant {
  if (to === 'bool') return Boolean(value);
  if (to !== 'i32' && to !== 'u32') return convertScalar(Number(value), to, at);
  if (from === 'abstract int') return convertScalar(value, to, at);
  const number = Number(value);
  if (from !== 'f32' && from !== 'abstract float') return to === 'i32' ? number | 0 : number >>> 0;
  const [least, largest] = RANGES[to];
  const most = from === 'f32' ? LARGEST_F32[to] : largest;
  return Math.trunc(Math.min(Math.max(number, least), most)) + 0;
}

const finite = (value: number, of: ElementName, at: Place, what: string): number =>
  Number.isFinite(value) ? value : fail(at, `${what} is out of the range of ${of}`);

/** Return `left operator right`; both have elements `of`, but of a shift's right one, which is a number. */
export function evaluateBinary(
  operator: BinaryOperator,
  of: ElementName,
  left: ScalarConstant,
  right: ScalarConstant,
  at: Place,
): ScalarConstant {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '<<':
    case '>>':
      return evaluateShift(operator, of, left, Number(right), at);
    default:
      if (typeof left === 'bigint' && typeof right === 'bigint')
        return abstractInteger(operator, left, right, at);
      if (typeof left === 'boolean' || typeof right === 'boolean')
        return operator === '&' ? left && right : left || right;
      if (of === 'i32' || of === 'u32') return integer(operator, of, Number(left), Number(right), at);
      return float(operator, of, Number(left), Number(right), at);
  }
}

type Arithmetic = Exclude<BinaryOperator, '==' | '!=' | '<' | '<=' | '>' | '>=' | '<<' | '>>'>;

function abstractInteger(operator: Arithmetic, left: bigint, right: bigint, at: Place): bigint {
  if (right === 0n && (operator === '/' || operator === '%')) divisionByZero(at);
  const result = {
    '+': () => left + right,
    '-': () => left - right,
    '*': () => left * right,
    '/': () => left / right,
    '%': () => left % right,
    '&': () => left & right,
    '|': () => left | right,
    '^': () => left ^ right,
  }[operator]();
  return inRange64(result, `${left} ${operator} ${right}`, at);
}

function inRange64(value: bigint, what: string, at: Place): bigint {
  if (value < I64_MIN || value > I64_MAX) fail(at, `${what} is out of the range of an abstract int`);
  return value;
}

function integer(operator: Arithmetic, of: 'i32' | 'u32', left: number, right: number, at: Place): number {
  const wrap = (value: number): number => (of === 'i32' ? value | 0 : value >>> 0);
  switch (operator) {
    case '+':
      return wrap(left + right);
    case '-':
      return wrap(left - right);
    case '*':
      return wrap(Math.imul(left, right));
    case '/':
    case '%':
      if (right === 0) divisionByZero(at);
      if (of === 'i32' && left === -(2 ** 31) && right === -1) fail(at, `${left} ${operator} -1 overflows`);
      return wrap(operator === '/' ? left / right : left % right);
    case '&':
      return wrap(left & right);
    case '|':
      return wrap(left | right);
    case '^':
      return wrap(left ^ right);
    default:
      return operator satisfies never;
  }
}

function float(operator: Arithmetic, of: ElementName, left: number, right: number, at: Place): number {
  if (right === 0 && (operator === '/' || operator === '%')) divisionByZero(at);
  const round = of === 'f32' ? Math.fround : (x: number) => x;
  const exact = {
    '+': () => left + right,
    '-': () => left - right,
    '*': () => left * right,
    '/': () => left / right,
    // As at run time, and as WGSL defines it: a product and a difference, each rounded.
    '%': () => left - round(right * Math.trunc(round(left / right))),
    '&': () => Number.NaN,
    '|': () => Number.NaN,
    '^': () => Number.NaN,
  }[operator]();
  return finite(round(exact), of, at, `${left} ${operator} ${right}`);
}

function evaluateShift(
  operator: '<<' | '>>',
  of: ElementName,
  left: ScalarConstant,
  right: number,
  at: Place,
): ScalarConstant {
  if (typeof left === 'bigint') {
    const bits = BigInt(right);
    return operator === '>>' ? left >> bits : inRange64(left << bits, `${left} << ${right}`, at);
  }
  const value = Number(left);
  if (operator === '>>') return of === 'i32' ? value >> right : value >>> right;
  const shifted = of === 'i32' ? value << right : (value << right) >>> 0;
  const back = of === 'i32' ? shifted >> right : shifted >>> right;
  if (back !== value) fail(at, `${value} << ${right} loses bits`);
  return shifted;
}

/** Throw a `WgslError`: a divisor is the constant 0. */
export function divisionByZero(at: Place): never {
  return fail(at, 'division by zero');
}

/** Return `-value`, `!value` or `~value`. */
export function evaluateUnary(
  operator: '-' | '!' | '~',
  of: ElementName,
  value: ScalarConstant,
  at: Place,
): ScalarConstant {
  if (operator === '!') return !value;
  if (typeof value === 'bigint') return operator === '~' ? ~value : inRange64(-value, `-(${value})`, at);
  const number = Number(value);
  if (operator === '~') return of === 'i32' ? ~number : ~number >>> 0;
  return of === 'i32' ? -number | 0 : -number;
}
