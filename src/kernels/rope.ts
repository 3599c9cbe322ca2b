/**
 * Rotary position embedding by halves (Su et al., 2104.09864): column i of a head's first half and column i of its second
 * half turn by the angle position·theta^(−2i/headDim).
 *
 * The angle is computed in integers, as a fraction of a turn with 64 bits: multiplication modulo 2³² drops whole turns
 * exactly. cos and sin are accurate to 2e-7 at every position, on every adapter, without a table. A thread computes them
 * once for a few heads of a row: that saves loads on a software driver, and leaves enough threads for a GPU.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { specialFunctions } from './special.ts';

/** Heads that a thread rotates. */
const HEADS = 4;

const ANGLE = `let turn = position * frequencies[i] + highProduct(position, frequencies[params.half + i]);
  let cosine = sineOfTurn(turn, 1u);
  let sine = sineOfTurn(turn, 0u) * params.direction;`;

const ropeKernel = memoize((width: 1 | 4) => {
  const wide = (type: string): string => (width === 4 ? `vec4<${type}>` : type);
  return defineKernel({
    name: `rope ×${width}`,
    params: {
      rows: 'u32',
      positions: 'u32',
      half: 'u32',
      heads: 'u32',
      rotated: 'u32',
      direction: 'f32',
    },
    reads: { x: `array<${wide('f32')}>`, positions: 'array<u32>', frequencies: `array<${wide('u32')}>` },
    writes: { y: `array<${wide('f32')}>` },
    code: `
alias T = ${wide('f32')};
alias I = ${wide('i32')};
alias U = ${wide('u32')};
alias B = ${wide('bool')};
${specialFunctions(ANGLE)}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  let row = id / params.half;
  let i = id % params.half;
  if (row >= params.rows) { return; }
  let position = U(positions[row % params.positions]);
  ${ANGLE}
  for (var head = group.z * ${HEADS}; head < min(group.z * ${HEADS} + ${HEADS}, params.heads); head++) {
    let at = (row * params.heads + head) * 2 * params.half + i;
    let a = x[at];
    let b = x[at + params.half];
    if (head < params.rotated) {
      y[at] = a * cosine - b * sine;
      y[at + params.half] = b * cosine + a * sine;
    } else {
      y[at] = a;
      y[at + params.half] = b;
    }
  }
}`,
  });
});

export interface RopeViews {
  /** (rows, heads·headDim) */
  readonly x: BufferView;
  /** u32 (positions): positions of the rows, repeated as often as needed. */
  readonly positions: BufferView;
  /** u32 (headDim): `ropeFrequencies`. */
  readonly frequencies: BufferView;
  /** (rows, heads·headDim) */
  readonly y: BufferView;
}

export interface RopeSize {
  readonly rows: number;
  readonly positions: number;
  readonly heads: number;
  /** A multiple of 2. */
  readonly headDim: number;
  /** Number of leading heads to rotate; the others are copied. */
  readonly rotated: number;
  /** True to rotate in the other direction, which is the gradient. */
  readonly backward?: boolean;
}

/** Rotate the heads of x by the angles of their rows' positions. */
export function rotate(device: Device, views: RopeViews, size: RopeSize): void {
  const { rows, positions, heads, headDim, rotated, backward = false } = size;
  const width = headDim % 8 === 0 ? 4 : 1;
  const half = headDim / 2 / width;
  const params = { rows, positions, half, heads, rotated, direction: backward ? -1 : 1 };
  const [x, y] = linearGrid(Math.ceil((rows * half) / 64));
  device.launch(ropeKernel(width), views, params, [x, y, Math.ceil(heads / HEADS)]);
}
