/** The second half of every split sum: first[i] += Σ_part parts[part, i], in a fixed order. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';

const addPartsKernel = memoize((two: boolean) =>
  defineKernel({
    name: 'add parts',
    params: { size: 'u32', secondSize: 'u32', stride: 'u32', parts: 'u32', groups: 'u32' },
    reads: { parts: 'array<f32>' },
    writes: { first: 'array<f32>', ...(two ? { second: 'array<f32>' } : {}) },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let total = params.size + params.secondSize;
  let member = id / total;
  let i = id % total;
  if (member >= params.groups) { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.parts; part++) {
    sum += parts[(member * params.parts + part) * params.stride + i];
  }
  if (i < params.size) { first[member * params.size + i] += sum; }
  ${two ? 'else { second[member * params.secondSize + i - params.size] += sum; }' : ''}
}`,
  }),
);

export interface AddPartsOptions {
  /** (groups, count, stride); a part holds `size` and then `secondSize` values. */
  readonly parts: BufferView;
  readonly count: number;
  readonly stride: number;
  /** (groups, size), added to. */
  readonly first: BufferView;
  readonly size: number;
  /** (groups, secondSize), added to. */
  readonly second?: BufferView | undefined;
  readonly secondSize?: number;
  readonly groups?: number;
}

export function addParts(device: Device, options: AddPartsOptions): void {
  const { parts, count, stride, first, second, size, groups = 1 } = options;
  const secondSize = second ? (options.secondSize ?? 0) : 0;
  const buffers = { parts, first, ...(second ? { second } : {}) } as never;
  const grid = linearGrid(Math.ceil((groups * (size + secondSize)) / 64));
  device.launch(
    addPartsKernel(second !== undefined),
    buffers,
    { size, secondSize, stride, parts: count, groups },
    grid,
  );
}
