/** Kernels that move whole rows: selection of rows, embedding. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { ABREAST, walkElements } from '../gpu/perElement.ts';

/** An index that selects no row. */
export const NO_ROW = 0xffff_ffff;

/** Goes from one vec4 of a thread to the next without a division. */
const selectRowsKernel = defineKernel({
  name: 'select rows',
  params: { vectors: 'u32', dv: 'u32', rowStep: 'u32', columnStep: 'u32', scale: 'f32' },
  reads: { x: 'array<vec4f>', index: 'array<u32>' },
  writes: { y: 'array<vec4f>' },
  ...walkElements('vectors', {
    setup: 'var row = id / params.dv; var column = id % params.dv;',
  })`let source = index[row];
    if (source == ${NO_ROW}u) { y[id] = vec4f(); } else { y[id] = x[source * params.dv + column] * params.scale; }
    row += params.rowStep;
    column += params.columnStep;
    if (column >= params.dv) { column -= params.dv; row++; }`,
});

/** y[i] = scale · x[index[i]], or 0 where the index is `NO_ROW`. Rows have d values, d a multiple of 4. */
export function selectRows(
  device: Device,
  views: { readonly x: BufferView; readonly index: BufferView; readonly y: BufferView },
  size: { readonly count: number; readonly d: number; readonly scale?: number },
): void {
  const { count, d, scale = 1 } = size;
  const dv = d / 4;
  const params = {
    vectors: count * dv,
    dv,
    rowStep: Math.floor(ABREAST / dv),
    columnStep: ABREAST % dv,
    scale,
  };
  device.launch(selectRowsKernel, views, params);
}
