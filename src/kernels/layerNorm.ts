/**
 * LayerNorm over the last dimension (Ba et al., 1607.06450), forward and backward, and RMSNorm (Zhang & Sennrich,
 * 1910.07467), which is the same with a mean of 0. x (R,d), d a multiple of 4.
 *
 * One thread normalises one row, held in registers, so each value is loaded once; a software driver runs as many rows
 * as it has lanes. Backward:  dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), g = dy·weight, plus the gradient that reaches x
 * around the layer. Gradients of weight and bias are summed over parts of rows, then added in a fixed order.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';
import { addParts } from './addParts.ts';

const PART_ROWS = 128;
const ROW = `${GROUP_INDEX} * 64 + thread`;

const forwardKernel = memoize((dv: number, weight: boolean, bias: boolean, centred: boolean) =>
  defineKernel({
    name: `${centred ? 'layerNorm' : 'rmsNorm'} forward ${4 * dv}${weight ? ' weight' : ''}${bias ? ' bias' : ''}`,
    params: { R: 'u32', eps: 'f32' },
    reads: {
      x: 'array<vec4f>',
      ...(weight ? { weight: 'array<vec4f>' } : {}),
      ...(bias ? { bias: 'array<vec4f>' } : {}),
    },
    writes: { y: 'array<vec4f>', stats: 'array<vec2f>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${ROW};
  if (row >= params.R) { return; }
  var v: array<vec4f, ${dv}>;
  var sum = vec4f();
  for (var i = 0u; i < ${dv}; i++) { v[i] = x[row * ${dv} + i]; sum += v[i]; }
  let mean = ${centred ? `dot(sum, vec4f(1.0)) / ${4 * dv}.0` : '0.0'};
  var squares = 0.0;
  for (var i = 0u; i < ${dv}; i++) { v[i] -= mean; squares += dot(v[i], v[i]); }
  let rstd = inverseSqrt(squares / ${4 * dv}.0 + params.eps);
  for (var i = 0u; i < ${dv}; i++) { y[row * ${dv} + i] = v[i] * rstd${weight ? ' * weight[i]' : ''}${bias ? ' + bias[i]' : ''}; }
  stats[row] = vec2f(mean, rstd);
}`,
  }),
);

const backwardKernel = memoize((dv: number, weight: boolean, residual: boolean, centred: boolean) =>
  defineKernel({
    name: `${centred ? 'layerNorm' : 'rmsNorm'} backward ${4 * dv}${weight ? ' weight' : ''}${residual ? ' + residual' : ''}`,
    params: { R: 'u32' },
    reads: {
      x: 'array<vec4f>',
      ...(weight ? { weight: 'array<vec4f>' } : {}),
      stats: 'array<vec2f>',
      dy: 'array<vec4f>',
      ...(residual ? { residual: 'array<vec4f>' } : {}),
    },
    writes: { dx: 'array<vec4f>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${ROW};
  if (row >= params.R) { return; }
  let s = stats[row];
  var xhat: array<vec4f, ${dv}>;
  var g: array<vec4f, ${dv}>;
  var sumG = vec4f();
  var sumGX = vec4f();
  for (var i = 0u; i < ${dv}; i++) {
    xhat[i] = (x[row * ${dv} + i] - s.x) * s.y;
    g[i] = dy[row * ${dv} + i]${weight ? ' * weight[i]' : ''};
    sumG += g[i];
    sumGX += g[i] * xhat[i];
  }
  let meanG = ${centred ? `dot(sumG, vec4f(1.0)) / ${4 * dv}.0` : '0.0'};
  let meanGX = dot(sumGX, vec4f(1.0)) / ${4 * dv}.0;
  for (var i = 0u; i < ${dv}; i++) {
    let at = row * ${dv} + i;
    dx[at] = (g[i] - meanG - xhat[i] * meanGX) * s.y${residual ? ' + residual[at]' : ''};
  }
}`,
  }),
);

/** Sums over `PART_ROWS` rows of dy·x̂ and of dy; parts (⌈R / PART_ROWS⌉, 2, d). */
const weightPartsKernel = defineKernel({
  name: 'layerNorm backward weight parts',
  params: { R: 'u32', dv: 'u32', parts: 'u32' },
  reads: { x: 'array<vec4f>', stats: 'array<vec2f>', dy: 'array<vec4f>' },
  writes: { parts: 'array<vec4f>' },
  code: `
@compute @workgroup_size(8)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 8 + thread;
  let part = id / params.dv;
  let column = id % params.dv;
  if (part >= params.parts) { return; }
  var sumGX = vec4f();
  var sumG = vec4f();
  for (var row = part * ${PART_ROWS}; row < min((part + 1) * ${PART_ROWS}, params.R); row++) {
    let s = stats[row];
    let g = dy[row * params.dv + column];
    sumG += g;
    sumGX += g * (x[row * params.dv + column] - s.x) * s.y;
  }
  parts[part * 2 * params.dv + column] = sumGX;
  parts[(part * 2 + 1) * params.dv + column] = sumG;
}`,
});

export interface LayerNormViews {
  readonly x: BufferView;
  /** (d); 1 without it. */
  readonly weight?: BufferView | undefined;
  /** Whether the mean is subtracted: LayerNorm does, RMSNorm takes it for 0. */
  readonly centred: boolean;
  /** Mean and reciprocal standard deviation of each row: (R,2). */
  readonly stats: BufferView;
  readonly R: number;
  readonly d: number;
}

/** y (R,d) = (x − mean)/√(var + eps)·weight + bias; saves the statistics for backward. */
export function layerNormForward(
  device: Device,
  views: LayerNormViews & {
    readonly bias?: BufferView | undefined;
    readonly y: BufferView;
    readonly eps: number;
  },
): void {
  const { R, d, eps, weight, bias, centred } = views;
  const kernel = forwardKernel(d / 4, weight !== undefined, bias !== undefined, centred);
  device.launch(kernel, views as never, { R, eps }, linearGrid(Math.ceil(R / 64)));
}

/** dx (R,d) = gradient through the layer, plus `residual` (R,d) if given. */
export function layerNormBackwardInput(
  device: Device,
  views: LayerNormViews & {
    readonly dy: BufferView;
    readonly dx: BufferView;
    readonly residual?: BufferView | undefined;
  },
): void {
  const { R, d, weight, residual, centred } = views;
  const kernel = backwardKernel(d / 4, weight !== undefined, residual !== undefined, centred);
  device.launch(kernel, views as never, { R }, linearGrid(Math.ceil(R / 64)));
}

/** Adds the gradients of weight and bias (d) to `dWeight` and `dBias`. */
export function layerNormBackwardWeight(
  device: Device,
  views: Omit<LayerNormViews, 'weight'> & {
    readonly dy: BufferView;
    readonly dWeight: BufferView;
    readonly dBias?: BufferView | undefined;
  },
): void {
  const { x, stats, dy, R, d, dWeight, dBias } = views;
  const count = Math.ceil(R / PART_ROWS);
  const parts = device.allocate(count * 2 * d * 4);
  device.launch(
    weightPartsKernel,
    { x, stats, dy, parts },
    { R, dv: d / 4, parts: count },
    linearGrid(Math.ceil((count * d) / 4 / 8)),
  );
  addParts(device, { parts, count, stride: 2 * d, first: dWeight, size: d, second: dBias, secondSize: d });
  device.release(parts);
}
