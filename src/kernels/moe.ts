/**
 * Mixture of experts: routing rows to experts and combining what comes back.
 *
 * Each row picks the `k` experts with the highest router logits, weighted by a softmax over those k. Entries
 * (row, choice) are sorted by expert with a count, a prefix sum and a scatter over fixed chunks, so the order never
 * depends on timing; each expert's slots start at a multiple of `GROUP_ROWS`, which is what the grouped matmul needs.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';
import { GROUP_ROWS } from './matmul/index.ts';
import { prefixSum } from './moePrefix.ts';
import { routeRows } from './moeRoute.ts';
import { NO_ROW } from './rows.ts';

/** Entries that are counted, and find their slots, together. */
export const CHUNK = 64;

/** dLogits from the gradient of the weights: the softmax's Jacobian on the chosen experts, 0 elsewhere. */
const routeBackwardKernel = defineKernel({
  name: 'moe route backward',
  params: { R: 'u32', experts: 'u32', k: 'u32' },
  reads: { chosen: 'array<u32>', weights: 'array<f32>', dWeights: 'array<f32>' },
  writes: { dLogits: 'array<f32>' },
  ...perElement('R', { id: 'row' })`var mean = 0.0;
  for (var c = 0u; c < params.k; c++) { mean += weights[row * params.k + c] * dWeights[row * params.k + c]; }
  for (var e = 0u; e < params.experts; e++) { dLogits[row * params.experts + e] = 0.0; }
  for (var c = 0u; c < params.k; c++) {
    let at = row * params.k + c;
    dLogits[row * params.experts + chosen[at]] = weights[at] * (dWeights[at] - mean);
  }`,
});

const countKernel = defineKernel({
  name: 'moe count',
  params: { entries: 'u32', experts: 'u32', chunks: 'u32' },
  reads: { chosen: 'array<u32>' },
  writes: { counts: 'array<u32>' },
  ...perElement(['chunks', 'experts'])`let chunk = id / params.experts;
  let expert = id % params.experts;
  var count = 0u;
  for (var i = chunk * ${CHUNK}; i < min((chunk + 1) * ${CHUNK}, params.entries); i++) {
    count += select(0u, 1u, chosen[i] == expert);
  }
  counts[id] = count;`,
});

const scatterKernel = defineKernel({
  name: 'moe scatter',
  params: { entries: 'u32', experts: 'u32', chunks: 'u32', k: 'u32' },
  reads: { chosen: 'array<u32>', starts: 'array<u32>' },
  writes: { slotOfEntry: 'array<u32>', entryOfSlot: 'array<u32>' },
  ...perElement(['chunks', 'experts'])`let chunk = id / params.experts;
  let expert = id % params.experts;
  var slot = starts[id];
  for (var i = chunk * ${CHUNK}; i < min((chunk + 1) * ${CHUNK}, params.entries); i++) {
    if (chosen[i] == expert) {
      slotOfEntry[i] = slot;
      entryOfSlot[slot] = i;
      slot++;
    }
  }`,
});

const fillKernel = defineKernel({
  name: 'moe fill',
  params: { count: 'u32' },
  reads: {},
  writes: { index: 'array<u32>' },
  ...perElement('count')`index[id] = ${NO_ROW}u;`,
});

/** slots[s] = x[row of s], times the entry's weight if `weighted`; 0 in slots without an entry. */
const toSlotsKernel = defineKernel({
  name: 'moe to slots',
  params: { slots: 'u32', dv: 'u32', k: 'u32', weighted: 'u32' },
  reads: { x: 'array<vec4f>', entryOfSlot: 'array<u32>', weights: 'array<f32>' },
  writes: { y: 'array<vec4f>' },
  ...perElement(['slots', 'dv'])`let slot = id / params.dv;
  let entry = entryOfSlot[slot];
  if (entry == ${NO_ROW}u) { y[id] = vec4f(); return; }
  let weight = select(1.0, weights[entry], params.weighted == 1);
  y[id] = weight * x[entry / params.k * params.dv + id % params.dv];`,
});

/** y[row] = Σ_choice slots[slot of (row, choice)], times the entry's weight if `weighted`. */
const fromSlotsKernel = defineKernel({
  name: 'moe from slots',
  params: { R: 'u32', dv: 'u32', k: 'u32', weighted: 'u32' },
  reads: { x: 'array<vec4f>', slotOfEntry: 'array<u32>', weights: 'array<f32>' },
  writes: { y: 'array<vec4f>' },
  ...perElement(['R', 'dv'])`let row = id / params.dv;
  var sum = vec4f();
  for (var entry = row * params.k; entry < (row + 1) * params.k; entry++) {
    let weight = select(1.0, weights[entry], params.weighted == 1);
    sum += weight * x[slotOfEntry[entry] * params.dv + id % params.dv];
  }
  y[id] = sum;`,
});

/** The result of routing: the expert and the slot of every entry. All later kernels use it. */
export interface Routing {
  readonly R: number;
  readonly k: number;
  readonly experts: number;
  /** Rows of the grouped matrices: every entry, padded per expert. */
  readonly slots: number;
  /** u32 (R,k) */
  readonly chosen: BufferView;
  /** f32 (R,k) */
  readonly weights: BufferView;
  /** u32 (R,k) */
  readonly slotOfEntry: BufferView;
  /** u32 (slots): entry, or `NO_ROW`. */
  readonly entryOfSlot: BufferView;
  /** u32 (experts,2): first and end slot. */
  readonly ranges: BufferView;
  /** u32 (slots / GROUP_ROWS) */
  readonly groupOfTile: BufferView;
}

/** Routes R rows by their router logits (R, experts). */
export function route(device: Device, logits: BufferView, R: number, experts: number, k: number): Routing {
  const entries = R * k;
  const chunks = Math.max(1, Math.ceil(entries / CHUNK));
  const slots = Math.ceil(entries / GROUP_ROWS) * GROUP_ROWS + experts * GROUP_ROWS;
  const routing: Routing = {
    R,
    k,
    experts,
    slots,
    chosen: device.allocate(entries * 4),
    weights: device.allocate(entries * 4),
    slotOfEntry: device.allocate(entries * 4),
    entryOfSlot: device.allocate(slots * 4),
    ranges: device.allocate(experts * 8),
    groupOfTile: device.allocate((slots / GROUP_ROWS) * 4),
  };
  const { chosen, weights, slotOfEntry, entryOfSlot, ranges, groupOfTile } = routing;
  const counts = device.allocate(chunks * experts * 4);
  const starts = device.allocate(chunks * experts * 4);
  routeRows(device, { logits, chosen, weights, R, experts, k });
  device.launch(countKernel, { chosen, counts }, { entries, experts, chunks });
  const tiles = slots / GROUP_ROWS;
  prefixSum(device, { counts, starts, ranges, groupOfTile, experts, chunks, tiles });
  device.launch(fillKernel, { index: entryOfSlot }, { count: slots });
  device.launch(scatterKernel, { chosen, starts, slotOfEntry, entryOfSlot }, { entries, experts, chunks, k });
  return routing;
}

export function routeBackward(
  device: Device,
  routing: Routing,
  dWeights: BufferView,
  dLogits: BufferView,
): void {
  const { R, experts, k, chosen, weights } = routing;
  device.launch(routeBackwardKernel, { chosen, weights, dWeights, dLogits }, { R, experts, k });
}

/** (R,d) → (slots,d). */
export function toSlots(
  device: Device,
  routing: Routing,
  x: BufferView,
  y: BufferView,
  d: number,
  weighted: boolean,
): void {
  const { slots, k, entryOfSlot, weights } = routing;
  const params = { slots, dv: d / 4, k, weighted: weighted ? 1 : 0 };
  device.launch(toSlotsKernel, { x, entryOfSlot, weights, y }, params);
}

/** (slots,d) → (R,d). */
export function fromSlots(
  device: Device,
  routing: Routing,
  x: BufferView,
  y: BufferView,
  d: number,
  weighted: boolean,
): void {
  const { R, k, slotOfEntry, weights } = routing;
  const params = { R, dv: d / 4, k, weighted: weighted ? 1 : 0 };
  device.launch(fromSlotsKernel, { x, slotOfEntry, weights, y }, params);
}
