/** A thread to a row, value by value; for few long rows, the threads of a workgroup. Runs on every adapter. */
import {
  type AnyBindings,
  defineKernel,
  GROUP_INDEX,
  type Kernel,
  type Launch,
  launchOf,
  linearGrid,
  THREAD_ARGS,
  unroll,
} from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  type BackwardOptions,
  type ForwardOptions,
  PARAMS,
  paramsOf,
  type SoftmaxSize,
  undefinedWgsl,
} from './interface.ts';

/**
 * Rows of LONG values are computed by a workgroup if there are at most FEW of them, rows of VERY_LONG values always.
 * Forward on 2 cores with lavapipe, one thread and one workgroup per row, for rows × length: 8192 × 64: 7 and 353 ms;
 * 1024 × 1024: 19 and 52 ms; 64 × 4096: 4.0 and 4.3 ms; 1 × 65,536: 3.2 and 1.1 ms. There barriers are slow; a GPU would idle
 * with one thread per row.
 */
const LONG = 1024;
const FEW = 64;
const VERY_LONG = 4096;
const LANES = 64;

/** Combine the numbers of the threads of a row through workgroup memory, in a fixed order; nothing for one thread. */
const acrossLanes = (lanes: number): string =>
  lanes === 1
    ? `
fn sumOfLanes(x: f32, lane: u32) -> f32 { return x; }
fn maxOfLanes(x: f32, lane: u32) -> f32 { return x; }`
    : `
var<workgroup> shares: array<f32, ${lanes}>;
${(['sum', 'max'] as const)
  .map(
    (name) => `fn ${name}OfLanes(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  shares[lane] = x;
  workgroupBarrier();
  ${unroll(Math.log2(lanes), (i) => {
    const step = lanes >> (i + 1);
    const both = `shares[lane], shares[lane + ${step}]`;
    return `if (lane < ${step}) { shares[lane] = ${name === 'max' ? `max(${both})` : both.replace(', ', ' + ')}; }
  workgroupBarrier();`;
  })}
  return shares[0];
}`,
  )
  .join('\n')}`;

/** Locate the thread's row: it begins at `at`, with stride `inner`; the thread takes values `lane`, `lane` + lanes, … */
const rowOf = (lanes: number): string => `
  ${
    lanes === 1
      ? `let row = ${GROUP_INDEX} * 64 + thread; let lane = 0u;`
      : `let row = ${GROUP_INDEX}; let lane = thread;`
  }
  if (row >= params.rows) { return; }
  let at = row / params.inner * params.length * params.inner + row % params.inner;`;
const each = (lanes: number): string =>
  `for (var i = at + lane * params.inner; i < at + params.length * params.inner; i += ${lanes} * params.inner)`;

/** Number of values, and then of sums, that are added one after another. */
const RUN = 16;

/** Compute the `sum` of the thread's values, `value` at `i`, in nested runs, so that there are few roundings. */
const sumOfEach = (lanes: number, value: string): string => `
  var sum = 0.0;
  var middle = 0.0;
  var run = 0.0;
  var taken = 0u;
  ${each(lanes)} {
    let full = taken % ${RUN} == 0;
    middle += select(0.0, run, full);
    run = select(run, 0.0, full) + ${value};
    let overfull = taken % ${RUN ** 2} == 0;
    sum += select(0.0, middle, overfull);
    middle = select(middle, 0.0, overfull);
    taken++;
  }
  sum += middle + run;`;

const forwardKernel = memoize((lanes: number) =>
  defineKernel({
    name: `softmax ${lanes}`,
    params: PARAMS,
    reads: { x: 'array<f32>' },
    writes: { y: 'array<f32>' },
    code: `${undefinedWgsl('f32')}${acrossLanes(lanes)}
fn termOf(i: u32, largest: f32, nan: f32) -> f32 { return select(exp(x[i] - largest), nan, isUndefined(x[i])); }
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${rowOf(lanes)}
  let nan = bitcast<f32>(params.nan);
  // Where all are −∞ this stays finite, so that the sum is 0; that too is NaN, as in PyTorch.
  var largest = -3.4e38;
  ${each(lanes)} { largest = max(largest, x[i]); }
  largest = maxOfLanes(largest, lane);
  ${sumOfEach(lanes, 'termOf(i, largest, nan)')}
  let rowSum = sumOfLanes(sum, lane);
  let divisor = select(nan, rowSum, rowSum > 0.0);
  if (params.logarithm == 1) {
    let shift = select(nan, log(divisor), divisor > 0.0);
    ${each(lanes)} { y[i] = x[i] - largest - shift; }
  } else {
    ${each(lanes)} { y[i] = exp(x[i] - largest) / divisor; }
  }
}`,
  }),
);

const backwardKernel = memoize((lanes: number) =>
  defineKernel({
    name: `softmax backward ${lanes}`,
    params: PARAMS,
    reads: { y: 'array<f32>', dy: 'array<f32>' },
    writes: { dx: 'array<f32>' },
    code: `${acrossLanes(lanes)}
fn termOf(i: u32) -> f32 { return dy[i] * select(y[i], 1.0, params.logarithm == 1); }
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${rowOf(lanes)}
  ${sumOfEach(lanes, 'termOf(i)')}
  let rowSum = sumOfLanes(sum, lane);
  if (params.logarithm == 1) {
    ${each(lanes)} { dx[i] = dy[i] - exp(y[i]) * rowSum; }
  } else {
    ${each(lanes)} { dx[i] = y[i] * (dy[i] - rowSum); }
  }
}`,
  }),
);

/** Return the launch with as many lanes for a row as its size asks for. */
function planOf<Bindings extends AnyBindings>(
  kernelOf: (lanes: number) => Kernel<Bindings, keyof typeof PARAMS>,
  views: NoInfer<Bindings>,
  size: SoftmaxSize,
): Launch {
  const { length } = size;
  const params = paramsOf(size);
  const lanes = length >= VERY_LONG || (length >= LONG && params.rows <= FEW) ? LANES : 1;
  const workgroups = linearGrid(Math.ceil((params.rows * lanes) / 64));
  return launchOf(kernelOf(lanes), views, { params, workgroups });
}

export const forwardByValue: Variant<ForwardOptions> = {
  name: 'values',
  fits: () => true,
  plan: (_, { views, size }) => planOf(forwardKernel, views, size),
};

export const backwardByValue: Variant<BackwardOptions> = {
  name: 'values',
  fits: () => true,
  plan: (_, { views, size }) => planOf(backwardKernel, views, size),
};
