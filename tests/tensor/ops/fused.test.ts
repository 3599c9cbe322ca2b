/** Fused losses have the bits of their ops one by one, and so have their gradients. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { LOSS_NAMES } from '../../../src/grpo/clipping.ts';
import { grpoLoss } from '../../../src/grpo/grpoLoss.ts';
import { type KL_ESTIMATORS, tokenKl } from '../../../src/grpo/kl.ts';
import { add, backward, cumsum, exp, mul, sub, sum, Tensor } from '../../../src/tensor/index.ts';
import { fused } from '../../../src/tensor/ops/fused.ts';
import { openDevice } from '../../device.ts';
import { normals } from '../../oracle/random.ts';

let device: Device;
let narrow: Device;
beforeAll(async () => {
  device = await openDevice();
  narrow = await openDevice({ limits: { maxStorageBuffersPerShaderStage: 8 } });
});
afterAll(() => {
  device.destroy();
  narrow.destroy();
});

const ESTIMATORS = ['k1', 'k2', 'k3', 'k3+'] as const satisfies readonly (keyof typeof KL_ESTIMATORS)[];

/** Return the losses and the gradients of log-probabilities and entropies, and the number of dispatches. */
async function results(
  on: Device,
  N: number,
  {
    loss,
    klEstimator,
    isCorrected,
  }: { loss: (typeof LOSS_NAMES)[number]; klEstimator: (typeof ESTIMATORS)[number]; isCorrected: boolean },
  isFused: boolean,
) {
  using _ = on.scope();
  const values = (seed: number, mean = 0, deviation = 0.5) =>
    Tensor.from(on, normals(seed, N, mean, deviation));
  const [logp, entropy] = [values(1, -1).requireGrad(), values(2, 1).requireGrad()];
  const constants = {
    oldLogp: values(3, -1),
    refLogp: values(4, -1),
    advantages: values(5),
    weights: values(6, 0.1),
  };
  const correction = isCorrected ? { proxLogp: values(7, -1), importance: values(8, 1) } : undefined;
  const index = Tensor.from(
    on,
    Uint32Array.from({ length: N }, (_, i) => i % 3),
  );
  const sequences = { index, share: values(9, 0.2) };
  const before = on.counters().dispatches;
  type Tokens = { logp: Tensor; entropy: Tensor } & typeof constants &
    Partial<NonNullable<typeof correction>>;
  const body = ({ refLogp, proxLogp, importance, ...token }: Tokens) => {
    const policy = { ...token, logits: token.logp };
    const kl = tokenKl(klEstimator, policy, { logits: refLogp, logp: refLogp }, { oldLogp: token.oldLogp });
    const corrected = proxLogp && importance ? { correction: { proxLogp, importance } } : {};
    const { total, policy: alone } = grpoLoss(
      { ...token, ...corrected, kl, sequences },
      { loss, klCoef: () => 0.3, entropyCoef: 0.01, dualClip: 3 },
    );
    return { total, policy: alone };
  };
  const tokens: Tokens = { logp, entropy, ...constants, ...correction };
  const { total, policy } = isFused ? fused('loss', tokens, body) : body(tokens);
  backward(total);
  const dispatches = on.counters().dispatches - before;
  const read = async (tensor: Tensor | undefined) => [...((await tensor?.data()) ?? [])];
  const found = await Promise.all([total, policy, logp.grad, entropy.grad].map(read));
  return { found, dispatches };
}

describe.each(LOSS_NAMES.map((loss) => ({ loss })))('$loss', ({ loss }) => {
  test.each(ESTIMATORS.map((klEstimator) => ({ klEstimator })))('$klEstimator', async ({ klEstimator }) => {
    for (const N of [7, 1020]) {
      for (const isCorrected of [false, true]) {
        const form = { loss, klEstimator, isCorrected };
        const apart = await results(device, N, form, false);
        const together = await results(device, N, form, true);
        expect(together.found).toEqual(apart.found);
        // Sequences need other ops: tracing ends there, and the ops run one by one.
        if (loss !== 'gspo') expect(together.dispatches).toBeLessThan(apart.dispatches / 3);
        // Where a kernel would bind too many buffers, ops run one by one.
        expect((await results(narrow, N, form, true)).found).toEqual(apart.found);
      }
    }
  });
});

test('tensors from outside are inputs, with gradients of their own', async () => {
  using _ = device.scope();
  const [x, y] = [1, 2].map((seed) => Tensor.from(device, normals(seed, 300)).requireGrad());
  if (!x || !y) throw new Error('no inputs');
  const body = (input: Tensor) => ({ result: mul(sum(mul(exp(input), sub(y, input.detach()))), -2) });
  const run = async (isFused: boolean) => {
    for (const leaf of [x, y]) leaf.grad = undefined;
    const { result } = isFused ? fused('outside', { x }, ({ x: input }) => body(input)) : body(x);
    backward(result);
    return Promise.all(
      [result, x.grad, y.grad].map(async (each) => [...((await (each as Tensor | undefined)?.data()) ?? [])]),
    );
  };
  expect(await run(true)).toEqual(await run(false));
});

test('what cannot be traced runs one by one', async () => {
  using _ = device.scope();
  const x = Tensor.from(device, normals(1, 40)).requireGrad();
  const before = device.counters().dispatches;
  const { result } = fused('untraceable', { x }, ({ x: input }) => ({
    result: sum(add(cumsum(input, 0), 1)),
  }));
  expect(device.counters().dispatches).toBeGreaterThan(before);
  const values = await x.data();
  let [total, running] = [0, 0];
  for (const value of values) {
    running += value;
    total += running + 1;
  }
  expect(await result.item()).toBeCloseTo(total, 3);
});
