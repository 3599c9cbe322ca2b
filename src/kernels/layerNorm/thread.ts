/**
 * LayerNorm with a thread to a row, which it holds in registers, so each value is loaded once; a software driver runs as
 * many rows as it has lanes. These kernels run everywhere.
 */
import { defineKernel, gridOf, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import type { Variant } from '../../gpu/variants.ts';
import { cascade } from '../cascade.ts';
import {
  type BackwardForm,
  type BackwardVariant,
  backwardFormOf,
  backwardOperands,
  expectView,
  type ForwardForm,
  type ForwardOptions,
  forwardFormOf,
  forwardOperands,
} from './operands.ts';

/** Rows in a part of the weights' gradient. */
export const PART_ROWS = 128;
/** 256 vec4s of a row, or all rows of a part, make one total. */
const LEVELS = 4;

/** Totals over a row of vec4s, by their names. */
const rowTotals = (dv: number, values: Readonly<Record<string, (i: string) => string>>): string =>
  cascade({
    totals: Object.fromEntries(Object.keys(values).map((name) => [name, 'vec4f()'])),
    value: (name, i) => values[name]?.(i) ?? '',
    from: '0u',
    to: `${dv}u`,
    levels: LEVELS,
  });

const forwardKernel = memoize((form: ForwardForm) => {
  const { dv, weight, bias, centred } = form;
  return defineKernel({
    ...forwardOperands(form),
    ...perElement('R', { id: 'row' })`var v: array<vec4f, ${dv}>;
  for (var i = 0u; i < ${dv}; i++) { v[i] = x[row * ${dv} + i]; }
  ${centred ? rowTotals(dv, { sum: (i) => `v[${i}]` }) : ''}
  let mean = ${centred ? `dot(sum, vec4f(1.0)) / ${4 * dv}.0` : '0.0'};
  for (var i = 0u; i < ${dv}; i++) { v[i] -= mean; }
  ${rowTotals(dv, { squares: (i) => `v[${i}] * v[${i}]` })}
  let rstd = inverseSqrt(dot(squares, vec4f(1.0)) / ${4 * dv}.0 + params.eps);
  for (var i = 0u; i < ${dv}; i++) { y[row * ${dv} + i] = v[i] * rstd${weight ? ' * weight[i]' : ''}${bias ? ' + bias[i]' : ''}; }
  stats[row] = vec2f(mean, rstd);`,
  });
});

const backwardKernel = memoize((form: BackwardForm) => {
  const { dv, weight, residual, centred } = form;
  return defineKernel({
    ...backwardOperands(form),
    ...perElement('R', { id: 'row' })`let s = stats[row];
  var xhat: array<vec4f, ${dv}>;
  var g: array<vec4f, ${dv}>;
  for (var i = 0u; i < ${dv}; i++) {
    xhat[i] = (x[row * ${dv} + i] - s.x) * s.y;
    g[i] = dy[row * ${dv} + i]${weight ? ' * weight[i]' : ''};
  }
  ${rowTotals(dv, {
    ...(centred ? { sumG: (i: string) => `g[${i}]` } : {}),
    sumGX: (i) => `g[${i}] * xhat[${i}]`,
  })}
  let meanG = ${centred ? `dot(sumG, vec4f(1.0)) / ${4 * dv}.0` : '0.0'};
  let meanGX = dot(sumGX, vec4f(1.0)) / ${4 * dv}.0;
  for (var i = 0u; i < ${dv}; i++) {
    let at = row * ${dv} + i;
    dx[at] = (g[i] - meanG - xhat[i] * meanGX) * s.y${residual ? ' + residual[at]' : ''};
  }`,
  });
});

export const forwardByThread: Variant<ForwardOptions> = {
  name: 'thread',
  fits: () => true,
  plan: (_, options) => {
    const params = { R: options.R, eps: options.eps };
    const kernel = forwardKernel(forwardFormOf(options));
    return launchOf(kernel, options, { params, workgroups: gridOf(kernel, params) });
  },
};

export const backwardByThread: BackwardVariant = {
  name: 'thread',
  fits: () => true,
  partCount: () => 0,
  plan: (_, options) => {
    const params = { R: options.R };
    const kernel = backwardKernel(backwardFormOf(options));
    return launchOf(
      kernel,
      { ...options, dx: expectView('dx', options.dx) },
      { params, workgroups: gridOf(kernel, params) },
    );
  },
};

/** Sums over `PART_ROWS` rows of dy·x̂ and of dy, a thread to a column; parts (⌈R / PART_ROWS⌉, 2, d). */
export const weightParts = memoize(({ threads }: { readonly threads: number }) =>
  defineKernel({
    name: `layerNorm backward weight parts ${threads}`,
    params: { R: 'u32', dv: 'u32', parts: 'u32' },
    reads: { x: 'array<vec4f>', stats: 'array<vec2f>', dy: 'array<vec4f>' },
    writes: { parts: 'array<vec4f>' },
    functions: `
fn normalOf(row: u32, column: u32) -> vec4f {
  let s = stats[row];
  return (x[row * params.dv + column] - s.x) * s.y;
}`,
    ...perElement(['parts', 'dv'], { threads })`let part = id / params.dv;
  let column = id % params.dv;
  let end = min((part + 1) * ${PART_ROWS}, params.R);
  ${cascade({
    totals: { sumGX: 'vec4f()', sumG: 'vec4f()' },
    value: (total, row) =>
      total === 'sumG'
        ? `dy[(${row}) * params.dv + column]`
        : `dy[(${row}) * params.dv + column] * normalOf(${row}, column)`,
    from: `part * ${PART_ROWS}`,
    to: 'end',
    levels: LEVELS,
  })}
  parts[part * 2 * params.dv + column] = sumGX;
  parts[(part * 2 + 1) * params.dv + column] = sumG;`,
  }),
);
