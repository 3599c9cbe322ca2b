/** The second half of every split sum: first[i] += Σ_part parts[part, i], in a fixed order. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { cascade } from './cascade.ts';

const addPartsKernel = memoize((two: boolean) =>
  defineKernel({
    name: 'add parts',
    // In vec4s, but for the size of the second.
    params: { vectors: 'u32', secondSize: 'u32', stride: 'u32', parts: 'u32', groups: 'u32' },
    reads: { parts: 'array<vec4f>' },
    writes: { first: 'array<vec4f>', second: two ? 'array<f32>' : undefined },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let total = params.vectors + (params.secondSize + 3) / 4;
  let member = id / total;
  let i = id % total;
  if (member >= params.groups) { return; }
  ${cascade({
    totals: { sum: 'vec4f()' },
    value: (_, part) => `parts[(member * params.parts + ${part}) * params.stride + i]`,
    from: '0u',
    to: 'params.parts',
    levels: 4,
  })}
  if (i < params.vectors) { first[member * params.vectors + i] += sum; }
  ${
    two
      ? `else {
    let at = (i - params.vectors) * 4;
    for (var c = 0u; c < min(4, params.secondSize - at); c++) { second[member * params.secondSize + at + c] += sum[c]; }
  }`
      : ''
  }
}`,
  }),
);

export interface AddPartsOptions {
  /** (groups, count, stride); a part holds `size` and then `secondSize` values. */
  readonly parts: BufferView;
  readonly count: number;
  /** A multiple of 4, with room for as many values of the second. */
  readonly stride: number;
  /** (groups, size), added to; the size is a multiple of 4. */
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
  const vectors = size / 4;
  const params = { vectors, secondSize, stride: stride / 4, parts: count, groups };
  const grid = linearGrid(Math.ceil((groups * (vectors + Math.ceil(secondSize / 4))) / 64));
  device.launch(addPartsKernel(second !== undefined), { parts, first, second }, params, grid);
}
