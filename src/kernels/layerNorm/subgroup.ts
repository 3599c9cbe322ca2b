/**
 * LayerNorm with a subgroup to a row. Its lanes read neighbouring vec4s; each keeps its part of weight and bias, and of
 * their gradients, over the rows of its workgroup, so that one kernel computes every gradient from one reading.
 */

import type { Device } from '../../gpu/device.ts';
import {
  defineKernel,
  GROUP_ARGS,
  GROUP_INDEX,
  gridOf,
  launchOf,
  linearGrid,
  type Scalar,
  scalarValue,
  unroll,
} from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { laneReductions } from '../lanes.ts';
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

/** vec4s of a row from which on a subgroup shares it. */
const SHARED = 16;
/** vec4s of a row that a lane can hold. */
const MOST_VECTORS = 16;

/** Return the lanes that share a row of `d` values, or 0 if it suits none. */
export function sharingLanes({ subgroupSize: S }: Device, { d }: { readonly d: number }): number {
  const dv = d / 4;
  return dv >= SHARED && S >= 4 && dv % S === 0 && dv / S <= MOST_VECTORS ? S : 0;
}

/**
 * Rows that a subgroup walks through: what weight and bias are loaded for, and a part of their gradients. A software
 * driver, whose subgroups are narrow, gains by more of them; a GPU needs many subgroups.
 */
const walkedRows = (lanes: number): number => (lanes <= 16 ? 32 : 8);

/** The entry point: `before` the rows, what is done for `each` of them, and `after`; and its grid. */
const walkRows = (lanes: number, before: string, each: string, after = '') => ({
  functions: laneReductions(lanes),
  grid: ({ R }: { readonly R: Scalar }) => linearGrid(Math.ceil(scalarValue(R) / walkedRows(lanes))),
  code: `
@compute @workgroup_size(${lanes})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {
  let part = ${GROUP_INDEX};
  let first = part * ${walkedRows(lanes)};
  if (first >= params.R) { return; }
  ${before}
  for (var row = first; row < min(first + ${walkedRows(lanes)}, params.R); row++) {
    ${each}
  }
  ${after}
}`,
});

/** Text for each vec4 of a lane: `c` numbers it, `at` is its place in the row. */
const eachVector =
  (dv: number, lanes: number) =>
  (text: (c: number, at: string) => string, separator?: string): string =>
    unroll(dv / lanes, (c) => text(c, `lane + ${c * lanes}`), separator);

/** The mean over a row of `width` values of what the lanes' vec4s add up to. */
const rowMean = (vectors: string, width: number): string =>
  `laneSum(dot(${vectors}, vec4f(1.0))) / ${width}.0`;

const forwardKernel = memoize((form: ForwardForm & { readonly lanes: number }) => {
  const { dv, lanes, weight, bias, centred } = form;
  const each = eachVector(dv, lanes);
  const operands = forwardOperands(form);
  return defineKernel({
    ...operands,
    name: `${operands.name} subgroup`,
    enables: ['subgroups'],
    ...walkRows(
      lanes,
      each(
        (c, at) => `${weight ? `let w${c} = weight[${at}];` : ''} ${bias ? `let b${c} = bias[${at}];` : ''}`,
      ),
      `
    let start = row * ${dv};
    ${each((c, at) => `var v${c} = x[start + ${at}];`)}
    let mean = ${
      centred
        ? rowMean(
            each((c) => `v${c}`, ' + '),
            4 * dv,
          )
        : '0.0'
    };
    ${centred ? each((c) => `v${c} -= mean;`) : ''}
    let rstd = inverseSqrt(${rowMean(
      each((c) => `v${c} * v${c}`, ' + '),
      4 * dv,
    )} + params.eps);
    ${each((c, at) => `y[start + ${at}] = v${c} * rstd${weight ? ` * w${c}` : ''}${bias ? ` + b${c}` : ''};`)}
    if (lane == 0) { stats[row] = vec2f(mean, rstd); }`,
    ),
  });
});

/** dx, and parts of the gradients of weight and bias: (⌈R / walkedRows⌉, 2, d). */
const backwardKernel = memoize((form: BackwardForm & { readonly lanes: number }) => {
  const { dv, lanes, weight, residual, centred } = form;
  const each = eachVector(dv, lanes);
  const operands = backwardOperands(form);
  return defineKernel({
    ...operands,
    name: `${operands.name} subgroup`,
    enables: ['subgroups'],
    writes: { ...operands.writes, parts: 'array<vec4f>' },
    ...walkRows(
      lanes,
      each(
        (c, at) =>
          `${weight ? `let w${c} = weight[${at}];` : ''} var sumGX${c} = vec4f(); var sumG${c} = vec4f();`,
      ),
      `
    let start = row * ${dv};
    let s = stats[row];
    ${each(
      (c, at) => `
    let xhat${c} = (x[start + ${at}] - s.x) * s.y;
    let dy${c} = dy[start + ${at}];
    let g${c} = dy${c}${weight ? ` * w${c}` : ''};
    sumGX${c} += dy${c} * xhat${c};
    sumG${c} += dy${c};`,
    )}
    let meanG = ${
      centred
        ? rowMean(
            each((c) => `g${c}`, ' + '),
            4 * dv,
          )
        : '0.0'
    };
    let meanGX = ${rowMean(
      each((c) => `g${c} * xhat${c}`, ' + '),
      4 * dv,
    )};
    ${each(
      (c, at) =>
        `dx[start + ${at}] = (g${c} - meanG - xhat${c} * meanGX) * s.y${residual ? ` + residual[start + ${at}]` : ''};`,
    )}`,
      each(
        (c, at) =>
          `parts[part * ${2 * dv} + ${at}] = sumGX${c}; parts[part * ${2 * dv} + ${dv} + ${at}] = sumG${c};`,
      ),
    ),
  });
});

export const forwardBySubgroup: Variant<ForwardOptions> = {
  name: 'subgroup',
  fits: (device, options) => sharingLanes(device, options) > 0,
  plan: (device, options) => {
    const params = { R: options.R, eps: options.eps };
    const kernel = forwardKernel({ ...forwardFormOf(options), lanes: sharingLanes(device, options) });
    return launchOf(kernel, options, { params, workgroups: gridOf(kernel, params) });
  },
};

export const backwardBySubgroup: BackwardVariant = {
  name: 'subgroup',
  fits: (device, options) => options.dx !== undefined && options.weights && sharingLanes(device, options) > 0,
  partCount: (device, options) => Math.ceil(options.R / walkedRows(sharingLanes(device, options))),
  plan: (device, options) => {
    const { R } = options;
    const [dx, parts] = [expectView('dx', options.dx), expectView('parts', options.parts)];
    const kernel = backwardKernel({ ...backwardFormOf(options), lanes: sharingLanes(device, options) });
    return launchOf(kernel, { ...options, dx, parts }, { params: { R }, workgroups: gridOf(kernel, { R }) });
  },
};
