/** The engine's own functions, which do not use WGSL's, as this compiler compiles them. */
import { describe, expect, it } from 'vitest';
import { specialFunctions } from '../../../../../src/kernels/special.ts';
import { erf } from '../../../../oracle/special.ts';
import { type Elementary, everyFloat, worstOf } from './errors.ts';

const STRIDE = 16_381;

/** A function of the engine on vec4f. */
const special = (name: string, exact: Elementary['exact'], limit: number): Elementary => ({
  name,
  exact,
  limit,
  declarations: `
alias T = vec4f;
alias U = vec4u;
alias I = vec4i;
alias B = vec4<bool>;
${specialFunctions(`${name}()`)}`,
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const UNARY: readonly Elementary[] = [
  special('expf', Math.exp, 1.1),
  special('expm1f', Math.expm1, 3.5),
  special('logf', Math.log, 1.7),
  special('log1pf', Math.log1p, 2.9),
  special('tanhf', Math.tanh, 2.8),
  special('sigmoidf', sigmoid, 2),
  special('softplusf', softplus, 2.9),
  special('sinf', Math.sin, 2.7),
  special('cosf', Math.cos, 2.7),
];

/** Count of the numbers of the stride. */
const COUNT = Math.ceil(2 ** 32 / STRIDE);
/** Below, a product inside of erf is subnormal. */
const ERF_LEAST = 2 ** -110;

function expectAccurate(elementary: Elementary, columns: Parameters<typeof worstOf>[1]): void {
  const { error, at, result } = worstOf(elementary, columns);
  expect(error, `${elementary.name}(${at.join(', ')}) = ${result}`).toBeLessThanOrEqual(elementary.limit);
}

describe.each(UNARY)('$name', (elementary) => {
  it('is within its error at numbers of all exponents and both signs', () => {
    expectAccurate(elementary, [everyFloat(0, STRIDE, COUNT)]);
  });
});

describe('erf', () => {
  it('is within its error, but for the least numbers', () => {
    const xs = everyFloat(0, STRIDE, COUNT).map((x) => (Math.abs(x) < ERF_LEAST ? 0 : x));
    expectAccurate(special('erf', erf, 6), [xs]);
  });
});

describe('powf', () => {
  it('is within its error where results are neither 0 nor infinite', () => {
    const bases = everyFloat(1, STRIDE, COUNT / 2);
    const exponents = bases.map((base, i) => (((i * 7919) % 30_011) / 100 - 150) / Math.log2(base));
    expectAccurate(
      special('powf', (x, y) => x ** y, 3),
      [bases, exponents],
    );
  });
});
