/** The start of a cache: the keys and values of prompts. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { DecodeShape } from './state.ts';

/** Vec4s of a head that a thread copies at a time. */
const MOST_COPIED = 16;

const fillKernel = memoize((hv: number) => {
  const parts = Math.ceil(hv / MOST_COPIED);
  const copied = Math.ceil(hv / parts);
  return defineKernel({
    name: `fill cache ${4 * hv}`,
    params: { R: 'u32', groupSize: 'u32', heads: 'u32', kvHeads: 'u32', capacity: 'u32' },
    reads: { qkv: 'array<vec4f>', places: 'array<vec2u>' },
    writes: { keys: 'array<vec4f>', values: 'array<vec4f>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  let head = group.z;
  if (row >= params.R) { return; }
  let place = places[row];
  let source = (row * (params.heads + 2 * params.kvHeads) + params.heads + head) * ${hv};
  let width = params.kvHeads * ${hv};
  for (var part = 0u; part < ${parts}; part++) {
    ${unroll(
      copied,
      (c) => `let c${c} = min(part * ${copied} + ${c}, ${hv - 1});
    let k${c} = qkv[source + c${c}];
    let v${c} = qkv[source + width + c${c}];`,
    )}
    for (var slot = place.x; slot < place.x + params.groupSize; slot++) {
      let at = ((slot * params.kvHeads + head) * params.capacity + place.y) * ${hv};
      ${unroll(copied, (c) => `keys[at + c${c}] = k${c}; values[at + c${c}] = v${c};`)}
    }
  }
}`,
  });
});

/** Copies the keys and values of prompts (R rows of qkv) to every slot that continues them. */
export function fillCache(
  device: Device,
  views: {
    /** (R, (heads + 2·kvHeads)·headDim) */
    readonly qkv: BufferView;
    /** u32 (R,2): of each row, the first of its `groupSize` slots, and its position in the prompt. */
    readonly places: BufferView;
    readonly keys: BufferView;
    readonly values: BufferView;
  },
  size: Omit<DecodeShape, 'M'> & { readonly R: number; readonly groupSize: number },
): void {
  const { R, groupSize, heads, kvHeads = heads, headDim, capacity } = size;
  const [x, y] = linearGrid(Math.ceil(R / 64));
  device.launch(fillKernel(headDim / 4), views, { R, groupSize, heads, kvHeads, capacity }, [x, y, kvHeads]);
}
