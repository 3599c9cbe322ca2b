/**
 * The norm of all gradients together, and what is done with it: every optimiser scales the gradient to a largest norm as
 * PyTorch's `clip_grad_norm_` does, by min(1, maxNorm/(norm + 1e-6)), and leaves out steps whose norm is not finite. The
 * norm never leaves the GPU. (Tested on the bits: WGSL lets a compiler assume that NaN does not occur.)
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import {
  defineKernel,
  GROUP_INDEX,
  linearGrid,
  type Scalar,
  THREAD_ARGS,
  walk,
  walkGrid,
} from '../gpu/kernel.ts';
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

/** squaredNorm (1) = Σ x² over `count` values (a multiple of 4). */
function sumOfSquares(device: Device, x: BufferView, squaredNorm: BufferView, count: number): void {
  const vectors = count / 4;
  const partCount = Math.ceil(vectors / PART_VECTORS);
  const parts = device.allocate(partCount * 4);
  device.launch(squaresKernel, { x, parts }, { vectors }, linearGrid(Math.ceil(partCount / 64)));
  sumAxes(device, parts, squaredNorm, [partCount], [0]);
  device.release(parts);
}

/**
 * WGSL of an optimiser's entry point: runs `update` for every vec4 `id` with the clipped gradient `g`. Needs the
 * parameters `vectors` and `maxNorm` (0 turns clipping off), the buffers `gradient` and `squaredNorm`, and the `report`
 * it keeps: norm before clipping; steps skipped so far; steps skipped in a row.
 */
export const clippedStep = (update: string): string => `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let squared = squaredNorm[0];
  let finite = (bitcast<u32>(squared) & 0x7f800000u) != 0x7f800000u;
  let norm = sqrt(squared);
  if (${GROUP_INDEX} == 0 && thread == 0) {
    report[0] = norm;
    if (!finite) { report[1] += 1.0; report[2] += 1.0; } else { report[2] = 0.0; }
  }
  if (!finite) { return; }
  let clip = select(1.0, min(1.0, params.maxNorm / (norm + 1e-6)), params.maxNorm > 0.0);
  ${walk(`let g = gradient[id] * clip;\n${update}`, 'params.vectors')}
}`;

/** Runs `launch` with the squared norm (1) of `count` gradients (a multiple of 4), and the grid that walks their vec4s. */
export function withSquaredNorm(
  device: Device,
  gradient: BufferView,
  count: number,
  launch: (squaredNorm: BufferView, grid: readonly [number, number, number]) => void,
): void {
  const squaredNorm = device.allocate(4);
  sumOfSquares(device, gradient, squaredNorm, count);
  launch(squaredNorm, walkGrid(count / 4));
  device.release(squaredNorm);
}

const clipNormKernel = defineKernel({
  name: 'clip gradient norm',
  params: { vectors: 'u32', maxNorm: 'f32' },
  reads: { squaredNorm: 'array<f32>' },
  writes: { gradient: 'array<vec4f>', norm: 'array<f32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let total = sqrt(squaredNorm[0]);
  if (${GROUP_INDEX} == 0 && thread == 0) { norm[0] = total; }
  let clip = min(1.0, params.maxNorm / (total + 1e-6));
  ${walk('gradient[id] *= clip;', 'params.vectors')}
}`,
});

/** Scales `count` gradients (a multiple of 4) in place to at most this norm; `norm` (1) is what it was. */
export function clipNorm(
  device: Device,
  gradient: BufferView,
  norm: BufferView,
  count: number,
  maxNorm: Scalar,
): void {
  withSquaredNorm(device, gradient, count, (squaredNorm, grid) => {
    const params = { vectors: count / 4, maxNorm };
    device.launch(clipNormKernel, { squaredNorm, gradient, norm }, params, grid);
  });
}

const clipValueKernel = defineKernel({
  name: 'clip gradient values',
  params: { vectors: 'u32', limit: 'f32' },
  reads: {},
  writes: { gradient: 'array<vec4f>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  ${walk(
    `let g = gradient[id];
    let isNan = (bitcast<vec4u>(g) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
    gradient[id] = select(clamp(g, vec4f(-params.limit), vec4f(params.limit)), g, isNan);`,
    'params.vectors',
  )}
}`,
});

/** Limits `count` gradients (a multiple of 4) in place to [−limit, limit]; NaN stays. */
export function clipValue(device: Device, gradient: BufferView, count: number, limit: Scalar): void {
  const vectors = count / 4;
  device.launch(clipValueKernel, { gradient }, { vectors, limit }, walkGrid(vectors));
}
