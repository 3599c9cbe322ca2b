/** Log-probabilities and entropies against the reference: temperatures, restricted rows, extreme logits. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { add, backward, logSoftmaxGather, mul, sum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { integers, uniforms } from '../../oracle/random.ts';
import { type Computation, expectFiniteDifferences, expectSameAsOracle, random } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Problem {
  readonly R: number;
  readonly V: number;
  readonly temperature: number;
  /** Share of ids a row is restricted to; undefined for no restriction. */
  readonly share: number | undefined;
  readonly seed: number;
}

/** Ids and, per row, which ids are kept: the chosen one always is. */
function draw({ R, V, share = 1, seed }: Problem) {
  const ids = integers(seed, R, V);
  const drawn = uniforms(seed + 1, R * V);
  const kept = Array.from(drawn, (u, at) => u < share || at % V === ids[Math.floor(at / V)]);
  const words = new Uint32Array(R * Math.ceil(V / 32));
  kept.forEach((keep, at) => {
    const [row, v] = [Math.floor(at / V), at % V];
    const word = row * Math.ceil(V / 32) + Math.floor(v / 32);
    if (keep) words[word] = ((words[word] ?? 0) | (1 << (v % 32))) >>> 0;
  });
  return { ids, kept, words };
}

function computation(problem: Problem): Computation {
  const { R, V, temperature, share, seed } = problem;
  const { ids, kept, words } = draw(problem);
  return {
    inputs: [random([R, V], seed, 0, 2)],
    gpu: ([logits]) => {
      const { device } = logits as Tensor;
      const restricted = share === undefined ? {} : { kept: Tensor.from(device, words) };
      const chosen = Tensor.from(device, Uint32Array.from(ids));
      const { logp, entropy } = logSoftmaxGather(logits as Tensor, chosen, { temperature, ...restricted });
      return [logp, entropy];
    },
    oracle: ([logits]) => {
      const excluded = oracle.array(
        kept.map((keep) => Number(!keep)),
        [R, V],
      );
      const scaled = oracle.div(logits as oracle.Array64, temperature);
      const logps = oracle.logSoftmax(oracle.maskedFill(scaled, excluded, Number.NEGATIVE_INFINITY));
      const logp = oracle.reshape(oracle.gather(logps, 1, { data: ids, shape: [R, 1] }), [R]);
      // p·log p, whose limit at p = 0 is 0.
      const finite = oracle.maskedFill(logps, excluded, 0);
      const entropy = oracle.neg(oracle.sum(oracle.mul(oracle.exp(logps), finite), 1));
      return [logp, entropy];
    },
  };
}

describeOps('Log-probabilities', [
  {
    name: 'logSoftmaxGather',
    dtypes: 'f32; ids u32',
    runs: 40,
    cases: fc
      .record({
        R: fc.constantFrom(0, 1, 2, 63, 64, 65),
        V: fc.constantFrom(1, 2, 31, 32, 33, 57, 64, 65, 130),
        temperature: fc.constantFrom(1, 0.5, 0.7, 2),
        share: fc.option(fc.constantFrom(0, 0.1, 0.5, 1), { nil: undefined }),
        seed: fc.nat(),
      })
      .map(computation),
    small: computation({ R: 3, V: 5, temperature: 0.8, share: 0.6, seed: 3 }),
  },
]);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('both results in one loss', async () => {
    const {
      gpu,
      oracle: reference,
      inputs,
    } = computation({
      R: 9,
      V: 33,
      temperature: 0.8,
      share: 0.6,
      seed: 3,
    });
    await expectSameAsOracle(device, {
      inputs: [...inputs, random([9], 4), random([9], 5)],
      gpu: ([logits, a, b]) => {
        const [logp, entropy] = gpu([logits as Tensor]) as [Tensor, Tensor];
        return add(mul(logp, a as Tensor), mul(entropy, b as Tensor));
      },
      oracle: ([logits, a, b]) => {
        const [logp, entropy] = reference([logits as oracle.Array64]) as [oracle.Array64, oracle.Array64];
        return oracle.add(oracle.mul(logp, a as oracle.Array64), oracle.mul(entropy, b as oracle.Array64));
      },
    });
  });

  test('logits far apart', async () => {
    using _ = device.scope();
    const values = Float32Array.of(1000, -1000, 0, 0, -1e38, 1e38, 5e37, 0);
    const logits = Tensor.from(device, values, [2, 4]).requireGrad();
    const ids = Tensor.from(device, Uint32Array.of(0, 1));
    const { logp, entropy } = logSoftmaxGather(logits, ids);
    expectClose(await logp.data(), [0, 0]);
    expectClose(await entropy.data(), [0, 0]);
    backward(add(sum(logp), sum(entropy)));
    expectClose((await logits.grad?.data()) ?? [], new Float32Array(8));
  });

  test('an id left out has neither probability nor gradient, however high its logit', async () => {
    using _ = device.scope();
    const logits = Tensor.from(device, [50, 1, 2], [1, 3]).requireGrad();
    const kept = Tensor.from(device, Uint32Array.of(0b110));
    const { logp, entropy } = logSoftmaxGather(logits, Tensor.from(device, Uint32Array.of(1)), { kept });
    const p = 1 / (1 + Math.E);
    expectClose(await logp.data(), [Math.log(p)]);
    expectClose(await entropy.data(), [-p * Math.log(p) - (1 - p) * Math.log(1 - p)]);
    backward(sum(logp));
    expectClose((await logits.grad?.data()) ?? [], [0, 1 - p, p - 1]);
  });

  test('logits of −∞ have probability 0, add nothing to the entropy and get no gradient', async () => {
    using _ = device.scope();
    const none = Number.NEGATIVE_INFINITY;
    const logits = Tensor.from(device, [none, 1, none, 2, 0, none, none, none], [2, 4]).requireGrad();
    const { logp, entropy } = logSoftmaxGather(logits, Tensor.from(device, Uint32Array.of(1, 0)));
    const p = 1 / (1 + Math.E);
    const H = -p * Math.log(p) - (1 - p) * Math.log(1 - p);
    expectClose(await logp.data(), [Math.log(p), 0]);
    expectClose(await entropy.data(), [H, 0]);
    backward(sum(entropy));
    const slope = (q: number) => -q * (Math.log(q) + H);
    expectClose((await logits.grad?.data()) ?? [], [0, slope(p), 0, slope(1 - p), 0, 0, 0, 0]);
  });

  test.each([-3e37, -1e38, -3.4e38])('a row that begins with logits of %f', async (low) => {
    using _ = device.scope();
    const V = 57;
    const values = Float32Array.from({ length: 2 * V }, (_, at) => (at % V < 40 ? low : Math.sin(at)));
    for (const temperature of [1, 2]) {
      const logits = Tensor.from(device, values, [2, V]).requireGrad();
      const { logp, entropy } = logSoftmaxGather(logits, Tensor.from(device, Uint32Array.of(50, 45)), {
        temperature,
      });
      backward(sum(logp));
      const found = [...(await entropy.data()), ...((await logits.grad?.data()) ?? [])];
      const expected = [0, 1].map((row) => {
        const z = [...values.slice(row * V, (row + 1) * V)].map((x) => x / temperature);
        const total = z.reduce((total, x) => total + Math.exp(x), 0);
        const p = z.map((x) => Math.exp(x) / total);
        const chosen = [50, 45][row];
        return {
          entropy: -p.reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0),
          gradient: p.map((p, v) => (Number(v === chosen) - p) / temperature),
        };
      });
      expectClose(found, [
        ...expected.map(({ entropy }) => entropy),
        ...expected.flatMap(({ gradient }) => gradient),
      ]);
    }
  });

  test('logits of −∞ beside the chosen one', async () => {
    using _ = device.scope();
    const none = Number.NEGATIVE_INFINITY;
    const logits = Tensor.from(device, [none, 1, none, 2], [1, 4]).requireGrad();
    backward(sum(logSoftmaxGather(logits, Tensor.from(device, Uint32Array.of(1))).logp));
    const p = 1 / (1 + Math.E);
    expectClose((await logits.grad?.data()) ?? [], [0, 1 - p, 0, p - 1]);
  });

  test.each([0, -1, Number.NaN])('temperature %f is refused', (temperature) => {
    using _ = device.scope();
    const run = () =>
      logSoftmaxGather(Tensor.zeros(device, [1, 2]), Tensor.zeros(device, [1], 'u32'), { temperature });
    expect(run).toThrow(`logSoftmaxGather: temperature is ${temperature}`);
  });

  test('finite differences', async () => {
    const f = ([logits]: readonly Tensor[]) => {
      const ids = Tensor.from((logits as Tensor).device, Uint32Array.of(2, 0));
      const { logp, entropy } = logSoftmaxGather(logits as Tensor, ids, { temperature: 0.8 });
      return add(logp, entropy);
    };
    await expectFiniteDifferences(device, f, [random([2, 6], 1)]);
  });

  test('operands that do not fit are named', () => {
    using _ = device.scope();
    const logits = Tensor.zeros(device, [3, 40]);
    const ids = (n: number) => Tensor.zeros(device, [n], 'u32');
    expect(() => logSoftmaxGather(logits, ids(2))).toThrow(
      /logSoftmaxGather: logits \(3,40\), ids \(2\) u32/,
    );
    expect(() => logSoftmaxGather(logits, Tensor.zeros(device, [3]))).toThrow(/ids \(3\) has dtype f32/);
    expect(() => logSoftmaxGather(Tensor.zeros(device, [3]), ids(3))).toThrow(/logits \(3\)/);
    expect(() => logSoftmaxGather(logits, ids(3), { kept: ids(3) })).toThrow(/kept \(3\)/);
  });
});
