/**
 * The pin: logits, every gradient and ten losses of a tiny transformer, dense and mixture of experts, against PyTorch
 * in float64. The tolerance is a small multiple of the error of PyTorch's own float32.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  type Packed,
  packSequences,
  type ScoredSequence,
  scorePacked,
  scoreTokens,
} from '../../src/model/score.ts';
import {
  AdamW,
  backward,
  type CaptureOptions,
  capture,
  mul,
  noGrad,
  Packing,
  type Scalar,
  sum,
  Tensor,
} from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { fixtureModel, gradients } from '../model/referenceModels.ts';
import { expectClose } from '../oracle/compare.ts';
import { referenceJson } from '../oracle/reference.ts';

const MODELS = ['tiny', 'moe_tiny'] as const;

/** Values in float64, with the largest error of PyTorch's float32 for each kind. */
interface Run {
  /** Logits at `positions` of every sequence. */
  readonly logits: number[][][];
  readonly logitsError: number;
  /** Log-probability of every next token of every sequence. */
  readonly logp: number[][];
  readonly logpError: number;
  readonly gradients: Record<string, readonly [norm: number, projection: number, error: number]>;
  /** Losses before each step; the norms likewise. */
  readonly losses: number[];
  readonly lossError: number;
  readonly gradNorms: number[];
  readonly gradNormError: number;
}

interface Fixture extends Record<(typeof MODELS)[number], Run> {
  readonly batch: ScoredSequence[];
  readonly positions: number[][];
}

const fixture = referenceJson<Fixture>('training');
const { batch, positions } = fixture;

/**
 * Tolerance as a multiple of PyTorch's float32 error, which is the largest of 16 orders of summation. Every engine has its
 * own order of summation.
 */
const SLACK = 4;

const allowed = (error: number): { rtol: number; atol: number } => ({ rtol: 0, atol: SLACK * error });

/** Length and direction of a gradient: its norm, and its projection onto the unit vector along cos(i). */
function signature(gradient: ArrayLike<number>): readonly [norm: number, projection: number] {
  const values = Float64Array.from(gradient);
  const along = values.map((_, i) => Math.cos(i));
  const product = values.reduce((total, g, i) => total + g * along[i], 0);
  return [Math.hypot(...values), product / Math.hypot(...along)];
}

describe.each(VARIANTS)('$variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each(MODELS)('%s: logits, and the log-probability of every token', async (name) => {
    const run = fixture[name];
    const model = fixtureModel(device, `${name}.safetensors`);
    using _ = device.scope();
    const inputs = batch.map(({ tokens }) => tokens.slice(0, -1));
    const packing = new Packing(inputs.map(({ length }) => length));
    const tokens = Tensor.from(device, Uint32Array.from(inputs.flat()));
    const logits = await noGrad(() => model.forward(tokens, packing)).data();
    const V = model.config.vocabSize;
    positions.forEach((places, i) => {
      places.forEach((t, p) => {
        const row = packing.offsets[i] + t;
        expectClose(logits.slice(row * V, (row + 1) * V), run.logits[i][p], {
          ...allowed(run.logitsError),
          label: `sequence ${i}, position ${t}`,
        });
      });
    });
    const whole = batch.map(({ tokens }) => ({ tokens, from: 1 }));
    const logp = await noGrad(() => scoreTokens(model, whole).logp).data();
    expectClose(logp, run.logp.flat(), { ...allowed(run.logpError), label: 'log-probabilities' });
    model.dispose();
  });

  test.each(MODELS)('%s: the loss and the gradient of every parameter', async (name) => {
    const run = fixture[name];
    const model = fixtureModel(device, `${name}.safetensors`);
    using _ = device.scope();
    const { logp } = scoreTokens(model, batch);
    const loss = mul(sum(logp), -1 / logp.size);
    backward(loss);
    expectClose([await loss.item()], [run.losses[0]], { ...allowed(run.lossError), label: 'loss' });
    const found = await gradients(model);
    expect([...found.keys()].sort()).toEqual(Object.keys(run.gradients).sort());
    for (const [tensor, [norm, projection, error]] of Object.entries(run.gradients)) {
      // Neither the norm nor a projection onto a unit vector is off by more than the norm of the error.
      const got = signature(found.get(tensor) ?? []);
      expectClose(got, [norm, projection], { ...allowed(error), label: tensor });
    }
    model.dispose();
  });

  describe.each<readonly [string, boolean, CaptureOptions]>([
    ['eager', false, { replay: false }],
    ['captured and padded', true, { replay: true }],
  ])('%s', (_, padded, captureOptions) => {
    test.each(MODELS)('%s: the losses of ten steps', async (name) => {
      const run = fixture[name];
      const model = fixtureModel(device, `${name}.safetensors`);
      const optimizer = new AdamW(model.parameters, { weightDecay: 0.01, gradClip: 1 });
      const { arrays, scored } = packSequences(model, batch, { padded });
      const weights = new Float32Array(arrays.targets.length).fill(-1 / scored, 0, scored);
      const body = (packed: Packed<Tensor>, weights: Tensor, lr: Scalar): Tensor => {
        model.parameters.zeroGrad();
        const loss = sum(mul(scorePacked(model, packed).logp, weights));
        backward(loss);
        optimizer.step(lr);
        return loss;
      };
      using step = capture(device, body, captureOptions);
      const losses: number[] = [];
      const gradNorms: number[] = [];
      for (let i = 0; i < run.losses.length; i++) {
        using _scope = device.scope();
        losses.push(await step(arrays, weights, 1e-3).item());
        gradNorms.push((await optimizer.report()).gradNorm);
      }
      expectClose(losses, run.losses, { ...allowed(run.lossError), label: 'losses' });
      expectClose(gradNorms, run.gradNorms, { ...allowed(run.gradNormError), label: 'norms' });
      optimizer.dispose();
      model.dispose();
    });
  });
});
