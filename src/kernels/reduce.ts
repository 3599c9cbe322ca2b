/**
 * Sums over any axes. The kept axes index the output, the reduced ones are walked by each thread in parts of
 * `PART` values; where there is more than one part, a second pass adds the parts in order.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';

const PART = 256;

const sumKernel = memoize((kept: number, reduced: number) => {
  const params: Record<string, 'u32' | 'f32'> = { outputs: 'u32', length: 'u32', parts: 'u32', scale: 'f32' };
  for (let i = 0; i < kept; i++) params[`keptSize${i}`] = params[`keptStride${i}`] = 'u32';
  for (let i = 0; i < reduced; i++) params[`size${i}`] = params[`stride${i}`] = 'u32';
  const walk = (count: number, prefix: string, from: string, to: string): string =>
    Array.from({ length: count }, (_, i) => count - 1 - i)
      .map((i) => {
        const size = `params.${prefix === '' ? 'size' : 'keptSize'}${i}`;
        const stride = `params.${prefix === '' ? 'stride' : 'keptStride'}${i}`;
        return `${to} += ${from} % ${size} * ${stride}; ${from} /= ${size};`;
      })
      .join('\n  ');
  return defineKernel({
    name: `sum ${kept} ${reduced}`,
    params,
    reads: { x: 'array<f32>' },
    writes: { y: 'array<f32>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.outputs * params.parts) { return; }
  let part = id / params.outputs;
  var index = id % params.outputs;
  var base = 0u;
  ${walk(kept, 'kept', 'index', 'base')}
  var sum = 0.0;
  for (var i = part * ${PART}; i < min((part + 1) * ${PART}, params.length); i++) {
    var rest = i;
    var at = base;
    ${walk(reduced, '', 'rest', 'at')}
    sum += x[at];
  }
  y[id] = sum * params.scale;
}`,
  });
});

/** y = scale · Σ x over `axes` of `shape`; y has the kept axes in order. An empty sum is 0. */
export function sumAxes(
  device: Device,
  x: BufferView,
  y: BufferView,
  shape: readonly number[],
  axes: readonly number[],
  scale = 1,
): void {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i) && shape[i] !== 1);
  const reduced = axes.filter((i) => shape[i] !== 1);
  const outputs = kept.reduce((product, i) => product * (shape[i] as number), 1);
  const length = reduced.reduce((product, i) => product * (shape[i] as number), 1);
  if (outputs === 0) return;
  const parts = Math.max(1, Math.ceil(length / PART));
  const params: Record<string, number> = { outputs, length, parts, scale: parts === 1 ? scale : 1 };
  kept.forEach((axis, i) => {
    params[`keptSize${i}`] = shape[axis] as number;
    params[`keptStride${i}`] = strides[axis] as number;
  });
  reduced.forEach((axis, i) => {
    params[`size${i}`] = shape[axis] as number;
    params[`stride${i}`] = strides[axis] as number;
  });
  const target = parts === 1 ? y : device.allocate(outputs * parts * 4);
  const kernel = sumKernel(kept.length, reduced.length);
  device.launch(kernel, { x, y: target }, params, linearGrid(Math.ceil((outputs * parts) / 64)));
  if (parts === 1) return;
  sumAxes(device, target, y, [parts, outputs], [0], scale);
  device.release(target);
}
