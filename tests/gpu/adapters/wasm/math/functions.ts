/** The elementary functions of WGSL, their float64 counterparts, and bounds of their errors, which docs/WEBASSEMBLY.md lists. */
import type { Elementary } from './errors.ts';

const multiples = (unit: number, counts: readonly number[]): number[] => counts.map((n) => n * unit);
const COUNTS = [1, 2, 3, 5, 7, 10, 64, 127, 128, 200, 1001, 2037, 4099, 123_457];

/** Functions of one argument. */
export const UNARY: readonly Elementary[] = [
  {
    name: 'exp',
    exact: Math.exp,
    limit: 0.99,
    borders: [...multiples(Math.LN2 / 2, [1, 3, 5, 101, 249]), 88.722_84, 87.336_55, 103.278_93, 103.972_08],
  },
  {
    name: 'exp2',
    exact: (x) => 2 ** x,
    limit: 1.08,
    borders: [0.5, 1, 1.5, 127.5, 128, 126, 149, 149.5, 150],
  },
  { name: 'log', exact: Math.log, limit: 1.2, borders: [1, Math.SQRT2, Math.SQRT1_2, 2 ** -126, 2 ** -149] },
  { name: 'log2', exact: Math.log2, limit: 1.8, borders: [1, Math.SQRT2, Math.SQRT1_2, 2 ** -126, 1024] },
  { name: 'inverseSqrt', exact: (x) => 1 / Math.sqrt(x), limit: 1.5, borders: [1, 2 ** -126] },
  { name: 'sin', exact: Math.sin, limit: 1.1, borders: [...multiples(Math.PI / 4, COUNTS), 3200] },
  { name: 'cos', exact: Math.cos, limit: 1.1, borders: [...multiples(Math.PI / 4, COUNTS), 3200] },
  { name: 'tan', exact: Math.tan, limit: 1.8, borders: [...multiples(Math.PI / 4, COUNTS), 3200] },
  { name: 'asin', exact: Math.asin, limit: 1.4, borders: [0.5, 1] },
  { name: 'acos', exact: Math.acos, limit: 1.2, borders: [0.5, 1] },
  { name: 'atan', exact: Math.atan, limit: 1.5, borders: [1] },
  { name: 'sinh', exact: Math.sinh, limit: 1.7, borders: [1, 88.722_84, 89.415_98] },
  { name: 'cosh', exact: Math.cosh, limit: 1.5, borders: [1, 88.722_84, 89.415_98] },
  { name: 'tanh', exact: Math.tanh, limit: 1.5, borders: [0.55, 9.01, 10] },
  { name: 'asinh', exact: Math.asinh, limit: 1.6, borders: [0.75, 2 ** 63] },
  { name: 'acosh', exact: Math.acosh, limit: 1.5, borders: [1, 1.5, 2 ** 63] },
  { name: 'atanh', exact: Math.atanh, limit: 1.2, borders: [0.5, 1] },
];

/** Functions of two arguments. `pow` of a negative base is NaN, as 2^(y·log2 x) is; with base 1 an infinite exponent gives 1. */
export const POW: Elementary = {
  name: 'pow',
  exact: (x, y) => (y === 0 || (x === 1 && !Number.isNaN(y)) ? 1 : x < 0 ? Number.NaN : Math.abs(x) ** y),
  limit: 1.3,
};
export const ATAN2: Elementary = { name: 'atan2', exact: Math.atan2, limit: 1.7 };
