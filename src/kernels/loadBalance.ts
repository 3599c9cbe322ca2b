/**
 * The load-balancing loss of a mixture of experts (Switch Transformer, Fedus et al., 2101.03961, eq. 4): row r's share
 * Σ_e f_e·p_re, where f_e is the fraction of entries sent to expert e and p_r the softmax of the router logits, and
 * its gradient p_re·(f_e − Σ f·p_r), with f constant.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import type { Routing } from './moe.ts';

const balanceWgsl = `
fn fraction(e: u32) -> f32 { return f32(ranges[e].y - ranges[e].x) / f32(params.R * params.k); }
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

const balanceKernel = defineKernel({
  name: 'moe balance',
  params: { R: 'u32', experts: 'u32', k: 'u32' },
  reads: { logits: 'array<f32>', ranges: 'array<vec2u>' },
  writes: { shares: 'array<f32>' },
  code: `${balanceWgsl}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  if (row < params.R) { shares[row] = balanceOf(row * params.experts).balance; }
}`,
});

const balanceBackwardKernel = defineKernel({
  name: 'moe balance backward',
  params: { R: 'u32', experts: 'u32', k: 'u32', scale: 'f32' },
  reads: { logits: 'array<f32>', ranges: 'array<vec2u>', dLoss: 'array<f32>' },
  writes: { dLogits: 'array<f32>' },
  code: `${balanceWgsl}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  if (row >= params.R) { return; }
  let at = row * params.experts;
  let r = balanceOf(at);
  for (var e = 0u; e < params.experts; e++) {
    let p = exp(logits[at + e] - r.highest) / r.sum;
    dLogits[at + e] = dLoss[0] * params.scale * p * (fraction(e) - r.balance);
  }
}`,
});

/** shares (R): each row's Σ_e f_e·p_e. */
export function balanceShares(
  device: Device,
  routing: Routing,
  logits: BufferView,
  shares: BufferView,
): void {
  const { R, experts, k, ranges } = routing;
  device.launch(balanceKernel, { logits, ranges, shares }, { R, experts, k }, linearGrid(Math.ceil(R / 64)));
}

/** dLogits (R, experts) = dLoss · scale · gradient of the shares. */
export function balanceBackward(
  device: Device,
  routing: Routing,
  views: { readonly logits: BufferView; readonly dLoss: BufferView; readonly dLogits: BufferView },
  scale: number,
): void {
  const { R, experts, k, ranges } = routing;
  device.launch(
    balanceBackwardKernel,
    { ...views, ranges },
    { R, experts, k, scale },
    linearGrid(Math.ceil(R / 64)),
  );
}
