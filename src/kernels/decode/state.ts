/**
 * The state of sequences on the GPU, and the start of the kernels of decode attention. A slot is a sequence's place in
 * the cache; a row is its place in the batch being decoded, from which finished sequences are dropped as generation goes
 * on. Both are four u32.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Workgroups } from '../../gpu/kernel.ts';
import { NO_ROW } from '../rows.ts';

/** The state of a slot and of a row. */
export const STATE_WGSL = `
struct Slot {
  position: u32,     // of the newest token, counted from the start of the prompt
  generated: u32,    // tokens sampled so far
  finished: u32,
  token: u32,        // the newest one
}
struct Row { slot: u32, logits: u32, sequenceId: u32, unused: u32 }`;

export interface DecodeShape {
  /** Rows in flight. */
  readonly M: number;
  /** Query heads. */
  readonly heads: number;
  /** Key-value heads, a divisor of heads, each for a group of them in order; as many as heads unless given. */
  readonly kvHeads?: number;
  readonly headDim: number;
  /** Positions a slot can hold. */
  readonly capacity: number;
}

export interface DecodeViews {
  /** (M, (heads + 2·kvHeads)·headDim) */
  readonly qkv: BufferView;
  /** (heads); without them scores do not fall with distance. */
  readonly slopes?: BufferView | undefined;
  /** `Slot` (slots) */
  readonly slots: BufferView;
  /** `Row` (M); the slot of a row without a sequence is `NO_ROW`. */
  readonly rows: BufferView;
  /** (slots, kvHeads, capacity, headDim), each. */
  readonly keys: BufferView;
  readonly values: BufferView;
  /** (M, heads·headDim) */
  readonly out: BufferView;
}

/** Operands of a kernel. */
export interface DecodeOptions {
  readonly shape: DecodeShape;
  readonly views: DecodeViews;
}

/** Parameters and workgroups of a launch whose workgroups have a row and a query head each. */
export const decodeSizes = ({ M, heads, kvHeads = heads, headDim, capacity }: DecodeShape) => ({
  params: { heads, kvHeads, capacity, scale: 1 / Math.sqrt(headDim) },
  workgroups: [M, heads] satisfies Workgroups,
});

/** Parameters of decode attention. */
export const DECODE_PARAMS = { heads: 'u32', kvHeads: 'u32', capacity: 'u32', scale: 'f32' } as const;

/** Bindings that decode attention reads; slopes if it has ALiBi's term. */
export const decodeReads = (alibi: boolean) => ({
  qkv: 'array<vec4f>',
  slopes: alibi ? 'array<f32>' : undefined,
  slots: 'array<Slot>',
  rows: 'array<Row>',
});

/** Bindings that decode attention writes. */
export const DECODE_WRITES = { keys: 'array<vec4f>', values: 'array<vec4f>', out: 'array<vec4f>' } as const;

/**
 * Return the start of `main` for the workgroup of (row, query head), with heads of `dv` vec4s. It ends rows without work,
 * and declares the places of its query, key and value in qkv, its place `at` in out and the `cache` of its key-value head.
 * It `appends` to the cache if its head is the first of a group.
 */
export const decodeStart = (dv: string, alibi: boolean): string => `
  let row = group.x;
  let head = group.y;
  let slot = rows[row].slot;
  if (slot == ${NO_ROW}u) { return; }
  let state = slots[slot];
  if (state.finished == 1) { return; }
  let queries = params.heads / params.kvHeads;
  let keyHead = head / queries;
  let appends = head % queries == 0;
  let width = params.heads * ${dv};
  let keyWidth = params.kvHeads * ${dv};
  let start = row * (width + 2 * keyWidth);
  let queryAt = start + head * ${dv};
  let keyAt = start + width + keyHead * ${dv};
  let valueAt = keyAt + keyWidth;
  let at = row * width + head * ${dv};
  let cache = (slot * params.kvHeads + keyHead) * params.capacity * ${dv};${alibi ? '\n  let slope = slopes[head];' : ''}`;

/** Subtract slope·distance between position `j` and the newest one from a score. */
export const decodeDistance = (alibi: boolean): string => (alibi ? ' - slope * f32(state.position - j)' : '');

/** The same for four positions, vec4u. */
export const decodeDistances = (alibi: boolean, positions: string): string =>
  alibi ? ` - slope * vec4f(vec4i(i32(state.position)) - vec4i(${positions}))` : '';
