/**
 * A thread to a row, four neighbours at a time, or to four rows side by side. For the WebAssembly adapter, where scalar code
 * takes as long as that of vec4s.
 */
import type { Device } from '../../gpu/device.ts';
import {
  type AnyBindings,
  defineKernel,
  GROUP_INDEX,
  type Kernel,
  type Launch,
  launchOf,
  linearGrid,
  THREAD_ARGS,
} from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  type BackwardOptions,
  type ForwardOptions,
  holdsVectors,
  isAlong,
  PARAMS,
  paramsOf,
  type SoftmaxSize,
  undefinedWgsl,
} from './interface.ts';

/** Vec4s, and then sums, that are added one after another, so that there are few roundings. */
const RUN = 16;

const fits = ({ isWasm }: Device, { size }: { readonly size: SoftmaxSize }): boolean =>
  isWasm && holdsVectors(size);

/** Locate the thread's vec4s: `count` from `at` on, `step` apart; and combine the components of one, if they are of a row. */
const rowOf = (along: boolean): string => `
  let id = ${GROUP_INDEX} * 64 + thread;
  ${
    along
      ? `if (id >= params.rows) { return; }
  let count = params.length / 4;
  let at = id * count;
  let step = 1u;`
      : `if (id * 4 >= params.rows) { return; }
  let count = params.length;
  let step = params.inner / 4;
  let at = id / step * count * step + id % step;`
  }`;
const combined = (along: boolean): string =>
  along
    ? `
fn sumOf(x: vec4f) -> vec4f { return vec4f(x.x + x.y + x.z + x.w); }
fn maxOf(x: vec4f) -> vec4f { return vec4f(max(max(x.x, x.y), max(x.z, x.w))); }`
    : `
fn sumOf(x: vec4f) -> vec4f { return x; }
fn maxOf(x: vec4f) -> vec4f { return x; }`;

/** Compute the `sum` of `value` over the row, in nested runs. */
const sumOfEach = (value: string): string => `
  var sum = vec4f();
  for (var block = 0u; block < count; block += ${RUN ** 2}) {
    let endBlock = min(block + ${RUN ** 2}, count);
    var middle = vec4f();
    for (var first = block; first < endBlock; first += ${RUN}) {
      let end = min(first + ${RUN}, endBlock);
      var run = vec4f();
      for (var i = first; i < end; i++) { ${value} }
      middle += run;
    }
    sum += middle;
  }`;
const EACH = 'for (var i = 0u; i < count; i++)';

const forwardKernel = memoize((along: boolean) =>
  defineKernel({
    name: `softmax vectors${along ? '' : ' of four rows'}`,
    params: PARAMS,
    reads: { x: 'array<vec4f>' },
    writes: { y: 'array<vec4f>' },
    code: `${undefinedWgsl('vec4f')}${combined(along)}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${rowOf(along)}
  let nan = vec4f(bitcast<f32>(params.nan));
  // Where all are −∞ this stays finite, so that the sum is 0; that too is NaN, as in PyTorch.
  var largest = vec4f(-3.4e38);
  ${EACH} { largest = max(largest, x[at + i * step]); }
  largest = maxOf(largest);
  ${sumOfEach(`let value = x[at + i * step];
        let term = select(exp(value - largest), nan, isUndefined(value));
        y[at + i * step] = term;
        run += term;`)}
  let rowSum = sumOf(sum);
  let divisor = select(nan, rowSum, rowSum > vec4f());
  if (params.logarithm == 1) {
    let shift = select(nan, log(divisor), divisor > vec4f());
    ${EACH} { y[at + i * step] = x[at + i * step] - largest - shift; }
  } else {
    ${EACH} { y[at + i * step] /= divisor; }
  }
}`,
  }),
);

const backwardKernel = memoize((along: boolean) =>
  defineKernel({
    name: `softmax backward vectors${along ? '' : ' of four rows'}`,
    params: PARAMS,
    reads: { y: 'array<vec4f>', dy: 'array<vec4f>' },
    writes: { dx: 'array<vec4f>' },
    code: `${combined(along)}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${rowOf(along)}
  if (params.logarithm == 1) {
    ${sumOfEach('run += dy[at + i * step];')}
    let rowSum = sumOf(sum);
    ${EACH} { dx[at + i * step] = dy[at + i * step] - exp(y[at + i * step]) * rowSum; }
  } else {
    ${sumOfEach('run += dy[at + i * step] * y[at + i * step];')}
    let rowSum = sumOf(sum);
    ${EACH} { dx[at + i * step] = y[at + i * step] * (dy[at + i * step] - rowSum); }
  }
}`,
  }),
);

function planOf<Bindings extends AnyBindings>(
  kernelOf: (along: boolean) => Kernel<Bindings, keyof typeof PARAMS>,
  views: NoInfer<Bindings>,
  size: SoftmaxSize,
): Launch {
  const params = paramsOf(size);
  const threads = isAlong(size) ? params.rows : params.rows / 4;
  return launchOf(kernelOf(isAlong(size)), views, {
    params,
    workgroups: linearGrid(Math.ceil(threads / 64)),
  });
}

export const forwardByVector: Variant<ForwardOptions> = {
  name: 'vectors',
  fits,
  plan: (_, { views, size }) => planOf(forwardKernel, views, size),
};

export const backwardByVector: Variant<BackwardOptions> = {
  name: 'vectors',
  fits,
  plan: (_, { views, size }) => planOf(backwardKernel, views, size),
};
