/** Packed weights: all matrices of a model in one buffer, transposed, as the kernels of a chunk read them. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../../gpu/kernel.ts';

/** Words of a stretch, which a workgroup packs. A weight begins at a multiple. */
const STRETCH = 64;

/** A matrix (N,K) from word `source` on, which becomes (K, N rounded up to a multiple of 4). */
export interface PackedMatrix {
  readonly source: number;
  readonly N: number;
  readonly K: number;
}

/** The layout of packed weights: matrices one after the other. */
export class PackLayout {
  /** For each stretch: source, N, K of its matrix, and the number of its first word in the packed matrix. */
  readonly #table: number[] = [];

  /** Size in words. */
  get size(): number {
    return (this.#table.length / 4) * STRETCH;
  }

  /** The table that `packWeights` needs on the device. */
  get table(): Uint32Array<ArrayBuffer> {
    return Uint32Array.from(this.#table);
  }

  /** Add a matrix, and return its first word. */
  add({ source, N, K }: PackedMatrix): number {
    const { size } = this;
    const words = K * Math.ceil(N / 4) * 4;
    for (let first = 0; first < words; first += STRETCH) this.#table.push(source, N, K, first);
    return size;
  }
}

const kernel = defineKernel({
  name: 'pack weights',
  params: { stretches: 'u32' },
  reads: { weights: 'array<f32>', table: 'array<vec4u>' },
  writes: { packed: 'array<f32>' },
  code: `
@compute @workgroup_size(${STRETCH})
fn main(${THREAD_ARGS}) {
  let stretch = ${GROUP_INDEX};
  if (stretch >= params.stretches) { return; }
  let entry = table[stretch];
  let width = (entry.y + 3) / 4 * 4;
  let n = (entry.w + thread) % width;
  let k = (entry.w + thread) / width;
  let inside = n < entry.y && k < entry.z;
  let value = weights[entry.x + select(0u, n * entry.z + k, inside)];
  packed[stretch * ${STRETCH} + thread] = select(0.0, value, inside);
}`,
});

/** Pack weights by the table of a layout of `size` words. */
export function packWeights(
  device: Device,
  views: { readonly weights: BufferView; readonly table: BufferView; readonly packed: BufferView },
  { size }: Pick<PackLayout, 'size'>,
): void {
  const stretches = size / STRETCH;
  device.launch(kernel, views, { stretches }, linearGrid(stretches));
}
