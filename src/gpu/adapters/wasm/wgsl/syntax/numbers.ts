/** Values of number literals (WGSL section 3.5.2). */
import { fail } from '../error.ts';
import type { Place } from '../tree.ts';
import type { NumberSuffix } from './nodes.ts';

export interface NumberLiteral {
  /** An integer is a bigint; a float is a number. */
  readonly value: number | bigint;
  readonly suffix: NumberSuffix;
}

const INTEGER = /^(0[xX][\da-fA-F]+|\d+)([iu]?)$/;
const DECIMAL_FLOAT = /^(\d*\.?\d*(?:[eE][+-]?\d+)?)([fh]?)$/;
const HEX_FLOAT = /^0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)(?:[pP]([+-]?\d+)([fh]?))?$/;

const I64_MAX = 2n ** 63n - 1n;
const LARGEST = { '': I64_MAX, i: 2n ** 31n - 1n, u: 2n ** 32n - 1n };

/** Return the value and suffix of a number literal. Throws a `WgslError` if it is malformed or out of range. */
export function numberLiteral(text: string, at: Place): NumberLiteral {
  const integer = INTEGER.exec(text);
  if (integer) return integerLiteral(text, integer[1] ?? '', integer[2] ?? '', at);
  const decimal = DECIMAL_FLOAT.exec(text);
  if (decimal) return floatLiteral(text, Number(decimal[1]), decimal[2] ?? '', at);
  const hex = HEX_FLOAT.exec(text);
  if (!hex) fail(at, `${text} is not a number`);
  const [, whole = '', fraction = '', exponent = '0', suffix = ''] = hex;
  return floatLiteral(text, hexValue(whole, fraction, exponent, suffix, at), suffix, at);
}

function integerLiteral(text: string, digits: string, suffix: string, at: Place): NumberLiteral {
  if (/^0\d/.test(digits)) fail(at, `${text} begins with 0; WGSL has no octal numbers`);
  const value = BigInt(digits);
  if (suffix !== '' && suffix !== 'i' && suffix !== 'u') fail(at, `${text} is not a number`);
  if (value > LARGEST[suffix]) {
    const type = suffix === '' ? 'a 64-bit integer' : `${suffix}32`;
    fail(at, `${text} is out of the range of ${type}, whose largest value is ${LARGEST[suffix]}`);
  }
  return { value, suffix };
}

function floatLiteral(text: string, value: number, suffix: string, at: Place): NumberLiteral {
  if (suffix === 'h') fail(at, `${text} is an f16, which this adapter does not support; write an f32`);
  if (/^0\d+f$/.test(text)) fail(at, `${text} begins with 0; write ${text.replace(/^0+(?=\d)/, '')}`);
  const rounded = suffix === 'f' ? Math.fround(value) : value;
  if (!Number.isFinite(rounded))
    fail(at, `${text} is out of the range of ${suffix === 'f' ? 'f32' : 'a float'}`);
  return { value: rounded, suffix: suffix === 'f' ? 'f' : '' };
}

/** Return whole.fraction, in hexadecimal, times 2 to the power of an exponent. Throws if an f32 is not exactly that. */
function hexValue(whole: string, fraction: string, exponent: string, suffix: string, at: Place): number {
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (suffix === 'f' && Math.fround(value) !== value)
    fail(at, 'no f32 is exactly this number; write it without f');
  return value;
}
