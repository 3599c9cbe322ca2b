/**
 * The log-probability of one chosen id per row and the entropy of the row, without storing the log-probabilities.
 * It serves cross-entropy and policy gradients alike.
 *
 *   z = logits·inverseTemperature, over the kept ids;  lse = log Σ exp z;  logp = z[id] − lse;  H = lse − Σ p·z
 *   dlogits[v] = inverseTemperature·(dlogp·(1[v = id] − p_v) − dH·p_v·(z_v − lse + H))
 *
 * `kept` restricts a row to a set of ids (top-k, top-p), one bit per id: ids left out have probability 0 and no
 * gradient. An id of V or more chooses nothing: logp is 0 and has no gradient. An id of probability 0 adds nothing to the
 * entropy, as p·log p goes to 0. One thread per row: vocabularies here are small.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';

const PARAMS = { R: 'u32', V: 'u32', inverseTemperature: 'f32' } as const;
const MAIN = `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  if (row >= params.R) { return; }
  let at = row * params.V;`;

const keptWgsl = (kept: boolean): string =>
  kept
    ? `fn isKept(row: u32, v: u32) -> bool {
  return ((kept[row * ((params.V + 31) / 32) + v / 32] >> (v % 32)) & 1) == 1;
}`
    : 'fn isKept(row: u32, v: u32) -> bool { return true; }';

const forwardKernel = memoize((kept: boolean) =>
  defineKernel({
    name: `logSoftmaxGather forward${kept ? ' kept' : ''}`,
    params: PARAMS,
    reads: { logits: 'array<f32>', ids: 'array<u32>', ...(kept ? { kept: 'array<u32>' } : {}) },
    writes: { logp: 'array<f32>', entropy: 'array<f32>', lse: 'array<f32>' },
    code: `${keptWgsl(kept)}
${MAIN}
  var highest = -3.0e38;
  for (var v = 0u; v < params.V; v++) {
    if (isKept(row, v)) { highest = max(highest, logits[at + v] * params.inverseTemperature); }
  }
  var sum = 0.0;
  var weighted = 0.0;
  for (var v = 0u; v < params.V; v++) {
    if (isKept(row, v)) {
      let z = logits[at + v] * params.inverseTemperature - highest;
      let e = exp(z);
      sum += e;
      weighted += select(e * z, 0.0, e == 0.0);
    }
  }
  let logSum = log(sum);
  let id = ids[row];
  let chosen = logits[at + min(id, params.V - 1)] * params.inverseTemperature - highest - logSum;
  logp[row] = select(chosen, 0.0, id >= params.V);
  entropy[row] = logSum - weighted / sum;
  lse[row] = highest + logSum;
}`,
  }),
);

const backwardKernel = memoize((kept: boolean) =>
  defineKernel({
    name: `logSoftmaxGather backward${kept ? ' kept' : ''}`,
    params: PARAMS,
    reads: {
      logits: 'array<f32>',
      ids: 'array<u32>',
      lse: 'array<f32>',
      entropy: 'array<f32>',
      dLogp: 'array<f32>',
      dEntropy: 'array<f32>',
      ...(kept ? { kept: 'array<u32>' } : {}),
    },
    writes: { dLogits: 'array<f32>' },
    code: `${keptWgsl(kept)}
${MAIN}
  let gradLogp = dLogp[row];
  let gradEntropy = dEntropy[row];
  let id = ids[row];
  let logSum = lse[row];
  let rowEntropy = entropy[row];
  let none = id >= params.V;
  for (var v = 0u; v < params.V; v++) {
    let logp = logits[at + v] * params.inverseTemperature - logSum;
    let p = select(0.0, exp(logp), isKept(row, v));
    let chosen = select(0.0, 1.0, v == id);
    let entropyTerm = select(0.0, p * (logp + rowEntropy), p > 0.0);
    let logpTerm = select(gradLogp * (chosen - p), 0.0, none);
    dLogits[at + v] = params.inverseTemperature * (logpTerm - gradEntropy * entropyTerm);
  }
}`,
  }),
);

export interface LogSoftmaxGatherViews {
  /** (R,V) */
  readonly logits: BufferView;
  /** u32 (R) */
  readonly ids: BufferView;
  /** u32 (R, ⌈V/32⌉): bit v set where id v is kept. */
  readonly kept?: BufferView | undefined;
  /** (R): entropy in nats. */
  readonly entropy: BufferView;
  /** (R) */
  readonly lse: BufferView;
  readonly R: number;
  readonly V: number;
  readonly inverseTemperature: number;
}

export function logSoftmaxGatherForward(
  device: Device,
  views: LogSoftmaxGatherViews & { readonly logp: BufferView },
): void {
  const { R, V, inverseTemperature } = views;
  const grid = linearGrid(Math.ceil(R / 64));
  device.launch(forwardKernel(views.kept !== undefined), views as never, { R, V, inverseTemperature }, grid);
}

export function logSoftmaxGatherBackward(
  device: Device,
  views: LogSoftmaxGatherViews & {
    readonly dLogp: BufferView;
    readonly dEntropy: BufferView;
    readonly dLogits: BufferView;
  },
): void {
  const { R, V, inverseTemperature } = views;
  const grid = linearGrid(Math.ceil(R / 64));
  device.launch(backwardKernel(views.kept !== undefined), views as never, { R, V, inverseTemperature }, grid);
}
