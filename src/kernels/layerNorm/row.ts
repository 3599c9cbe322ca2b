/**
 * LayerNorm with threads that share a row. Of rows up to 2,048 values they hold each in registers, and one kernel computes every
 * gradient from one reading: a workgroup walks some rows, and its parts of the weights' gradients are sums over them. Longer rows
 * are read again, by kernels of their own for dx and for the weights.
 */
import { defineKernel, GROUP_INDEX, launchOf, linearGrid, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import {
  type Combination,
  combinations,
  enablesOf,
  groupAlong,
  groupEntry,
  groupName,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
} from '../rowGroup.ts';
import { type RowVariants, rowVariants } from '../rowVariants.ts';
import { heldElements, walkRow } from '../rowWalk.ts';
import {
  type BackwardForm,
  type BackwardOptions,
  type BackwardVariant,
  backwardFormOf,
  backwardOperands,
  expectView,
  type ForwardForm,
  type ForwardOptions,
  forwardFormOf,
  forwardOperands,
} from './operands.ts';

/** Vec4s that a lane holds of each operand: with parts of the gradients they take 6 · 2 registers of 16 bytes. */
const HELD = 2;
/** Rows of a part of the weights' gradients, unless a workgroup holds more. */
const PART_ROWS = 32;

const SUM: Combination = { name: 'rowSum', type: 'f32', combine: plus };
const SUM_2: Combination = { name: 'rowSum2', type: 'vec2f', combine: plus };
const LANE_SUM: Combination = { name: 'laneSum', type: 'vec4f', combine: plus, over: 'rows' };

const groupOf = (dv: number): RowGroup => groupAlong(dv, HELD);
const heldOf = (dv: number, { lanes }: RowGroup): number => heldElements(dv, lanes, HELD);

/** Rows that each of a workgroup's rows stands for, one after another. */
const walkedBy = ({ rows }: RowGroup): number => Math.max(1, PART_ROWS / rows);

/** Return true if the row kernel computes parts of the weights' gradients along with dx. */
export const sumsWeights = (dv: number): boolean => heldOf(dv, groupOf(dv)) > 0;

/** Return the sum of the components of a vec4 in WGSL. */
const sumOf = (vector: string): string => `dot(${vector}, vec4f(1.0))`;

const forwardKernel = memoize(({ group, ...form }: ForwardForm & { readonly group: RowGroup }) => {
  const { dv, weight, bias, centred } = form;
  const operands = forwardOperands(form);
  const walk = walkRow({
    ...{ lanes: group.lanes, held: heldOf(dv, group), count: `${dv}u` },
    values: { x: (at) => `x[start + ${at}]` },
  });
  return defineKernel({
    ...operands,
    name: `${operands.name} row ${groupName(group)}`,
    enables: enablesOf(group),
    functions: `${combinations(group, [SUM])}
fn square(v: vec4f) -> vec4f { return v * v; }`,
    code: rowEntry(
      group,
      'params.R',
      `let start = row * ${dv};
  ${walk.load}
  ${
    centred
      ? `${walk.total('sum', 'vec4f()', (of) => of('x'))}
  let mean = rowSum(${sumOf('sum')}, thread) / ${4 * dv}.0;`
      : 'let mean = 0.0;'
  }
  ${walk.total('squares', 'vec4f()', (of) => `square(${of('x')} - mean)`)}
  let rstd = inverseSqrt(rowSum(${sumOf('squares')}, thread) / ${4 * dv}.0 + params.eps);
  if (!inside) { return; }
  ${walk.each(
    (of, at) =>
      `y[start + ${at}] = (${of('x')} - mean) * rstd${weight ? ` * weight[${at}]` : ''}${bias ? ` + bias[${at}]` : ''};`,
  )}
  if (lane == 0) { stats[row] = vec2f(mean, rstd); }`,
    ),
  });
});

/** dx alone, of rows of any length. */
const gradientKernel = memoize(({ group, ...form }: BackwardForm & { readonly group: RowGroup }) => {
  const { dv, weight, residual, centred } = form;
  const operands = backwardOperands(form);
  const walk = walkRow({
    ...{ lanes: group.lanes, held: heldOf(dv, group), count: `${dv}u` },
    values: {
      xhat: (at) => `((x[start + ${at}] - s.x) * s.y)`,
      g: (at) => `(dy[start + ${at}]${weight ? ` * weight[${at}]` : ''})`,
    },
  });
  return defineKernel({
    ...operands,
    name: `${operands.name} row ${groupName(group)}`,
    enables: enablesOf(group),
    functions: combinations(group, [SUM_2]),
    code: rowEntry(
      group,
      'params.R',
      `let start = row * ${dv};
  let s = stats[row];
  ${walk.load}
  ${centred ? walk.total('sumG', 'vec4f()', (of) => of('g')) : 'let sumG = vec4f();'}
  ${walk.total('sumGX', 'vec4f()', (of) => `${of('g')} * ${of('xhat')}`)}
  let means = rowSum2(vec2f(${sumOf('sumG')}, ${sumOf('sumGX')}), thread) / ${4 * dv}.0;
  if (!inside) { return; }
  ${walk.each(
    (of, at) =>
      `dx[start + ${at}] = (${of('g')} - means.x - ${of('xhat')} * means.y) * s.y${residual ? ` + residual[start + ${at}]` : ''};`,
  )}`,
    ),
  });
});

/** Parts of the gradients of weight and bias, (⌈R / rows of a part⌉, 2, d), and dx if it is wanted. */
const partsKernel = memoize(
  ({ group, wantsDx, ...form }: BackwardForm & { readonly group: RowGroup; readonly wantsDx: boolean }) => {
    const { dv, weight, residual, centred } = form;
    const { lanes, rows } = group;
    const operands = backwardOperands(wantsDx ? form : { ...form, weight: false, residual: false });
    const each = (text: (c: number) => string): string => unroll(heldOf(dv, group), text, '\n    ');
    const total = (value: (c: number) => string): string =>
      sumOf(Array.from({ length: heldOf(dv, group) }, (_, c) => value(c)).reduce((a, b) => `${a} + ${b}`));
    const dx = `
    ${each((c) => `let g${c} = dy${c}${weight ? ` * w${c}` : ''};`)}
    let means = rowSum2(vec2f(${centred ? total((c) => `g${c}`) : '0.0'}, ${total((c) => `g${c} * xhat${c}`)}), thread) / ${4 * dv}.0;
    ${each(
      (c) =>
        `if (inside && has${c}) { dx[start + at${c}] = (g${c} - means.x - xhat${c} * means.y) * s.y${residual ? ` + residual[start + at${c}]` : ''}; }`,
    )}`;
    return defineKernel({
      ...operands,
      name: `${operands.name}${wantsDx ? '' : ' without dx'} parts row ${groupName(group)}`,
      writes: { dx: wantsDx ? operands.writes.dx : undefined, parts: 'array<vec4f>' },
      enables: enablesOf(group),
      functions: combinations(group, [...(wantsDx ? [SUM_2] : []), LANE_SUM]),
      code: groupEntry(
        group,
        `let part = ${GROUP_INDEX};
  let first = part * ${rows * walkedBy(group)};
  if (first >= params.R) { return; }
  ${each(
    (c) => `let has${c} = lane + ${c * lanes} < ${dv}; let at${c} = min(lane + ${c * lanes}, ${dv - 1}u);
  ${wantsDx && weight ? `let w${c} = weight[at${c}];` : ''} var sumGX${c} = vec4f(); var sumG${c} = vec4f();`,
  )}
  for (var i = 0u; i < ${walkedBy(group)}; i++) {
    let inside = first + i * ${rows} + member < params.R;
    let row = min(first + i * ${rows} + member, params.R - 1);
    let start = row * ${dv};
    let s = stats[row];
    ${each(
      (c) => `let xhat${c} = (x[start + at${c}] - s.x) * s.y;
    let dy${c} = select(vec4f(), dy[start + at${c}], inside && has${c});
    sumGX${c} += dy${c} * xhat${c};
    sumG${c} += dy${c};`,
    )}
    ${wantsDx ? dx : ''}
  }
  ${each(
    (c) => `let allGX${c} = laneSum(sumGX${c}, thread); let allG${c} = laneSum(sumG${c}, thread);
  if (member == 0 && has${c}) { parts[part * ${2 * dv} + at${c}] = allGX${c}; parts[part * ${2 * dv} + ${dv} + at${c}] = allG${c}; }`,
  )}`,
      ),
    });
  },
);

export const forwardByRow = rowVariants<ForwardOptions>({
  group: ({ d }) => groupOf(d / 4),
  plan: (options, group) => {
    const { R, eps } = options;
    const kernel = forwardKernel({ ...forwardFormOf(options), group });
    return launchOf(kernel, options, { params: { R, eps }, workgroups: rowGrid(group, R) });
  },
});

const gradient = rowVariants<BackwardOptions>({
  group: ({ d }) => groupOf(d / 4),
  plan: (options, group) => {
    const { R, dx, weights } = options;
    const form = { ...backwardFormOf(options), group };
    if (weights && sumsWeights(form.dv)) {
      const kernel = partsKernel({ ...form, wantsDx: dx !== undefined });
      const workgroups = linearGrid(partsOf(options, group));
      return launchOf(
        kernel,
        { ...options, parts: expectView('parts', options.parts) },
        { params: { R }, workgroups },
      );
    }
    const views = { ...options, dx: expectView('dx', dx) };
    return launchOf(gradientKernel(form), views, { params: { R }, workgroups: rowGrid(group, R) });
  },
});

/** Return the number of parts that a kernel sums: as many as it has workgroups, or 0. */
const partsOf = ({ R, d, weights }: BackwardOptions, group: RowGroup): number =>
  weights && sumsWeights(d / 4) ? Math.ceil(R / (group.rows * walkedBy(group))) : 0;

export const backwardByRow: RowVariants<BackwardOptions, BackwardVariant> = {
  ...gradient,
  row: {
    ...gradient.row,
    partCount: (device, options) => partsOf(options, gradient.row.group(device, options)),
  },
  subgroup: {
    ...gradient.subgroup,
    partCount: (device, options) => partsOf(options, gradient.subgroup.group(device, options)),
  },
};
