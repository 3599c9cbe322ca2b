/**
 * AdamW (Loshchilov & Hutter, 1711.05101) over one flat arena of parameters, with the gradient clipped to a global
 * norm as in PyTorch's `clip_grad_norm_`: coefficient min(1, maxNorm/(norm + 1e-6)). The norm never leaves the GPU.
 * A norm that is not finite leaves weights and moments untouched and is counted. (Tested on the bits: WGSL lets a
 * compiler assume that NaN does not occur.)
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { sumAxes } from './reduce.ts';

const PART_VECTORS = 64;
const squaresKernel = defineKernel({
  name: 'sum of squares',
  params: { vectors: 'u32' },
  reads: { x: 'array<vec4f>' },
  writes: { parts: 'array<f32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id * ${PART_VECTORS} >= params.vectors) { return; }
  var sum = 0.0;
  for (var i = id * ${PART_VECTORS}; i < min((id + 1) * ${PART_VECTORS}, params.vectors); i++) { sum += dot(x[i], x[i]); }
  parts[id] = sum;
}`,
});

const adamwKernel = defineKernel({
  name: 'adamw',
  params: {
    vectors: 'u32',
    lr: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    eps: 'f32',
    weightDecay: 'f32',
    correction1: 'f32',
    correction2: 'f32',
    maxNorm: 'f32',
  },
  reads: { gradient: 'array<vec4f>', squaredNorm: 'array<f32>' },
  writes: { weight: 'array<vec4f>', m: 'array<vec4f>', v: 'array<vec4f>', report: 'array<f32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let squared = squaredNorm[0];
  let finite = (bitcast<u32>(squared) & 0x7f800000u) != 0x7f800000u;
  let norm = sqrt(squared);
  if (id == 0) {
    report[0] = norm;
    if (!finite) { report[1] += 1.0; report[2] += 1.0; } else { report[2] = 0.0; }
  }
  if (id >= params.vectors || !finite) { return; }
  let clip = select(1.0, min(1.0, params.maxNorm / (norm + 1e-6)), params.maxNorm > 0.0);
  let g = gradient[id] * clip;
  let mean = params.beta1 * m[id] + (1.0 - params.beta1) * g;
  let square = params.beta2 * v[id] + (1.0 - params.beta2) * g * g;
  m[id] = mean;
  v[id] = square;
  let denominator = sqrt(square / params.correction2) + params.eps;
  weight[id] = weight[id] * (1.0 - params.lr * params.weightDecay) - params.lr * (mean / params.correction1) / denominator;
}`,
});

export interface AdamwViews {
  readonly weight: BufferView;
  readonly gradient: BufferView;
  readonly m: BufferView;
  readonly v: BufferView;
  /** f32 (3): norm before clipping; steps skipped so far; steps skipped in a row. */
  readonly report: BufferView;
}

export interface AdamwHyperparameters {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 turns clipping off. */
  readonly maxNorm: number;
}

/** One step over `count` values (a multiple of 4); `step` counts from 1. */
export function adamw(
  device: Device,
  views: AdamwViews,
  count: number,
  step: number,
  hyperparameters: AdamwHyperparameters,
): void {
  const vectors = count / 4;
  const partCount = Math.ceil(vectors / PART_VECTORS);
  const parts = device.allocate(partCount * 4);
  const squaredNorm = device.allocate(4);
  device.launch(
    squaresKernel,
    { x: views.gradient, parts },
    { vectors },
    linearGrid(Math.ceil(partCount / 64)),
  );
  sumAxes(device, parts, squaredNorm, [partCount], [0]);
  const { beta1, beta2 } = hyperparameters;
  const corrections = { correction1: 1 - beta1 ** step, correction2: 1 - beta2 ** step };
  device.launch(
    adamwKernel,
    { ...views, squaredNorm },
    { vectors, ...hyperparameters, ...corrections },
    linearGrid(Math.ceil(vectors / 64)),
  );
  device.release(squaredNorm);
  device.release(parts);
}
