/**
 * The load-balancing loss of a mixture of experts (Switch Transformer, Fedus et al., 2101.03961, eq. 4): row r's share
 * Σ_e f_e·p_re, where f_e is the fraction of entries sent to expert e and p_r the softmax of the router logits, and
 * its gradient p_re·(f_e − Σ f·p_r), with f constant. Only the first `rows` rows count: what follows is padding.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';
import type { Routing } from './moe.ts';

/** Count the entries of the first `rows` rows for each expert. A workgroup counts for one expert. */
const countKernel = defineKernel({
  name: 'moe balance count',
  params: { rows: 'u32', k: 'u32' },
  reads: { chosen: 'array<u32>' },
  writes: { counts: 'array<u32>' },
  code: `
var<workgroup> partial: array<u32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) expert: vec3u, @builtin(local_invocation_index) thread: u32) {
  var count = 0u;
  for (var i = thread; i < params.rows * params.k; i += 64) { count += select(0u, 1u, chosen[i] == expert.x); }
  partial[thread] = count;
  workgroupBarrier();
  if (thread > 0) { return; }
  for (var i = 1u; i < 64; i++) { count += partial[i]; }
  counts[expert.x] = count;
}`,
});

const balanceWgsl = `
fn fraction(e: u32) -> f32 { return f32(counts[e]) / f32(params.rows * params.k); }
struct Row { highest: f32, sum: f32, balance: f32 }
fn balanceOf(at: u32) -> Row {
  var highest = -3.0e38;
  for (var e = 0u; e < params.experts; e++) { highest = max(highest, logits[at + e]); }
  var sum = 0.0;
  var weighted = 0.0;
  for (var e = 0u; e < params.experts; e++) {
    let p = exp(logits[at + e] - highest);
    sum += p;
    weighted += p * fraction(e);
  }
  return Row(highest, sum, weighted / sum);
}`;

const PARAMS = { R: 'u32', rows: 'u32', experts: 'u32', k: 'u32', scale: 'f32' } as const;

const balanceKernel = defineKernel({
  name: 'moe balance',
  params: PARAMS,
  reads: { logits: 'array<f32>', counts: 'array<u32>' },
  writes: { shares: 'array<f32>' },
  functions: balanceWgsl,
  ...perElement('R', { id: 'row' })`if (row >= params.rows) { shares[row] = 0.0; return; }
  shares[row] = params.scale * balanceOf(row * params.experts).balance;`,
});

const balanceBackwardKernel = defineKernel({
  name: 'moe balance backward',
  params: PARAMS,
  reads: { logits: 'array<f32>', counts: 'array<u32>', dLoss: 'array<f32>' },
  writes: { dLogits: 'array<f32>' },
  functions: balanceWgsl,
  ...perElement('R', { id: 'row' })`let at = row * params.experts;
  let r = balanceOf(at);
  for (var e = 0u; e < params.experts; e++) {
    let p = exp(logits[at + e] - r.highest) / r.sum;
    let gradient = dLoss[0] * params.scale * p * (fraction(e) - r.balance);
    dLogits[at + e] = select(0.0, gradient, row < params.rows);
  }`,
});

export interface BalanceSize {
  /** Rows that count, of `routing.R`. */
  readonly rows: Scalar;
  /** Factor of every share. */
  readonly scale: Scalar;
}

/** counts (experts), u32: entries of the first `rows` rows by expert. */
export function balanceCounts(device: Device, routing: Routing, counts: BufferView, rows: Scalar): void {
  const { experts, k, chosen } = routing;
  device.launch(countKernel, { chosen, counts }, { rows, k }, [experts]);
}

/** shares (R): scale · Σ_e f_e·p_e of each row. */
export function balanceShares(
  device: Device,
  routing: Routing,
  views: { readonly logits: BufferView; readonly counts: BufferView; readonly shares: BufferView },
  size: BalanceSize,
): void {
  const { R, experts, k } = routing;
  device.launch(balanceKernel, views, { R, experts, k, ...size });
}

/** dLogits (R, experts) = dLoss · gradient of the shares. */
export function balanceBackward(
  device: Device,
  routing: Routing,
  views: {
    readonly logits: BufferView;
    readonly counts: BufferView;
    readonly dLoss: BufferView;
    readonly dLogits: BufferView;
  },
  size: BalanceSize,
): void {
  const { R, experts, k } = routing;
  device.launch(balanceBackwardKernel, views, { R, experts, k, ...size });
}
