/** The KL estimates, the exact KL and the coefficient, against golden values and the float64 reference. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { adaptedKlCoef, exactKl, excludedLogits, KL_ESTIMATORS, tokenKl } from '../../src/grpo/kl.ts';
import { backward, exp, logSoftmax, mul, noGrad, sub, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { array, logSoftmax as logSoftmax64, backward as oracleBackward, parameter } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import * as oracle from '../oracle/grpo.ts';
import { normals, normalValues, seeded } from '../oracle/random.ts';
import { referenceJson } from '../oracle/reference.ts';
import { keptTokens, samplingLogProbs } from '../oracle/sampler.ts';

const NAMES = ['k1', 'k2', 'k3', 'k3+'] as const;

describe.each(VARIANTS)('$variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  const tensor = (values: Iterable<number>): Tensor => Tensor.from(device, Float32Array.from(values));

  describe('golden: the expected gradient on the logits of (.5, .3, .2), reference (.25, .25, .5)', () => {
    const policy = [0.5, 0.3, 0.2].map(Math.log);
    const reference = [0.25, 0.25, 0.5].map(Math.log);
    const REVERSE = [0.237568, -0.010707, -0.226861];

    test.each([
      ['k1', [0, 0, 0]],
      ['k2', REVERSE],
      ['k3', [0.25, 0.05, -0.3]],
      ['k3+', REVERSE],
    ] as const)('%s', async (name, wanted) => {
      using _ = device.scope();
      const logits = tensor(policy).requireGrad();
      const logp = logSoftmax(logits);
      const probabilities = noGrad(() => exp(logp));
      backward(sum(mul(probabilities, KL_ESTIMATORS[name].tensor(sub(logp, tensor(reference))))));
      expectClose((await logits.grad?.data()) ?? [], wanted, { rtol: 0, atol: 6e-7 });
    });

    test('k3+ of tokens of another policy: the same', async () => {
      using _ = device.scope();
      const sampled = [0.2, 0.2, 0.6];
      const logits = tensor(policy).requireGrad();
      const logp = logSoftmax(logits);
      const logRatio = sub(logp, tensor(sampled.map(Math.log)));
      const kl = KL_ESTIMATORS['k3+'].tensor(sub(logp, tensor(reference)), logRatio);
      backward(sum(mul(tensor(sampled), kl)));
      expectClose((await logits.grad?.data()) ?? [], REVERSE, { rtol: 0, atol: 6e-7 });
    });

    test('the exact KL has that of k2, and is ½·ln 2 + 0.3·ln 1.2 + 0.2·ln 0.4', async () => {
      using _ = device.scope();
      const logits = Tensor.from(device, Float32Array.from(policy), [1, 3]).requireGrad();
      const kl = exactKl(logits, Tensor.from(device, Float32Array.from(reference), [1, 3]));
      backward(sum(kl));
      const value = 0.5 * Math.log(2) + 0.3 * Math.log(1.2) + 0.2 * Math.log(0.4);
      expectClose(await kl.data(), [value], { rtol: 1e-5 });
      expectClose((await logits.grad?.data()) ?? [], REVERSE, { rtol: 0, atol: 6e-7 });
    });
  });

  test.each(NAMES)('%s: values and gradients of NumPy’s table and of the float64 reference', async (name) => {
    const { kl: table } = referenceJson<{
      readonly kl: (Record<'logp' | 'ref_logp' | 'k1' | 'k2' | 'k3' | 'dk3_dlogp', number[]> & {
        readonly 'k3+'?: undefined;
      })[];
    }>('grpo');
    const random = [normals(1, 64, -1), normals(2, 64, -1)].map((values) => Array.from(values));
    const cases = [
      ...table.map((row) => ({ logp: row.logp, refLogp: row.ref_logp, value: row[name] })),
      { logp: random[0], refLogp: random[1], value: undefined },
    ];
    for (const { logp, refLogp, value } of cases) {
      using _ = device.scope();
      const leaf = tensor(logp).requireGrad();
      const found = KL_ESTIMATORS[name].tensor(sub(leaf, tensor(refLogp)));
      const wanted = parameter(logp);
      const estimate = oracle.klEstimate(name, wanted, array(refLogp));
      expectClose(await found.data(), value ?? estimate.data, { rtol: 1e-5, atol: 1e-6 });
      backward(sum(found));
      oracleBackward(
        estimate,
        refLogp.map(() => 1),
      );
      expectClose((await leaf.grad?.data()) ?? [], wanted.grad ?? [], { rtol: 1e-5, atol: 1e-6 });
    }
  });

  test('exactly: any logits, temperature and filters, value and gradient of the float64 reference', async () => {
    const cases = fc.record({
      seed: fc.nat({ max: 10_000 }),
      rows: fc.integer({ min: 1, max: 5 }),
      temperature: fc.constantFrom(0.5, 1, 1.7),
      topK: fc.constantFrom(0, 1, 3, 20),
      minP: fc.constantFrom(0, 0.1),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ seed, rows, ...filter }) => {
        using _ = device.scope();
        const [V, words] = [57, 2];
        const [logits, refLogits] = [normals(seed, rows * V, 0, 2), normals(seed + 1, rows * V, 0, 2)];
        const kept = new Uint32Array(rows * words);
        const dropped = new Float64Array(rows * V);
        for (let row = 0; row < rows; row++) {
          keptTokens(logits.subarray(row * V, (row + 1) * V), filter).forEach((keep, v) => {
            if (keep) kept[row * words + (v >> 5)] |= 1 << (v & 31);
            else dropped[row * V + v] = 1;
          });
        }
        const shaped = (values: Float32Array | Float64Array): Tensor =>
          Tensor.from(device, Float32Array.from(values), [rows, V]);
        const policy = shaped(logits).requireGrad();
        const filtered = filter.topK > 0 || filter.minP > 0;
        const found = exactKl(policy, shaped(refLogits), {
          temperature: filter.temperature,
          ...(filtered && { excluded: shaped(excludedLogits(kept, V)) }),
        });
        backward(sum(found));
        const leaf = parameter(Float64Array.from(logits), [rows, V]);
        const references = array(
          Float64Array.from(refLogits, (x, i) =>
            dropped[i] ? Number.NEGATIVE_INFINITY : x / filter.temperature,
          ),
          [rows, V],
        );
        const wanted = oracle.exactKl(samplingLogProbs(leaf, filter), logSoftmax64(references));
        oracleBackward(wanted, new Array(rows).fill(1));
        expectClose(await found.data(), wanted.data, { rtol: 1e-4, atol: 1e-5 });
        const gradient = (await policy.grad?.data()) ?? [];
        expectClose(gradient, leaf.grad ?? [], { rtol: 1e-4, atol: 1e-5 });
        dropped.forEach((drop, i) => {
          if (drop) expect(Math.abs(gradient[i])).toBe(0);
        });
      }),
      { ...seeded, numRuns: 40 },
    );
  });
});

describe('properties', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('all are 0 where the models agree; k2 and k3 are nowhere negative', async () => {
    using _ = device.scope();
    const [logits, others] = fc.sample(normalValues(3 * 8), { ...seeded, numRuns: 2 });
    const at = (values: ArrayLike<number>) => {
      const table = Tensor.from(device, Float32Array.from(values), [3, 8]);
      return { logits: table, logp: Tensor.from(device, Float32Array.from(values).subarray(0, 3)) };
    };
    for (const name of [...NAMES, 'exact'] as const) {
      expect(Array.from(await tokenKl(name, at(logits), at(logits)).data(), Math.abs)).toEqual([0, 0, 0]);
      const apart = Array.from(await tokenKl(name, at(logits), at(others)).data());
      expect(apart.some((kl) => Math.abs(kl) > 1e-3)).toBe(true);
      if (name !== 'k1') expect(Math.min(...apart)).toBeGreaterThanOrEqual(0);
    }
  });

  test('the numbers that are reported are those of the tensors', async () => {
    using _ = device.scope();
    const d = normals(9, 100, 0, 1.5);
    for (const { tensor, number } of Object.values(KL_ESTIMATORS)) {
      const found = await tensor(Tensor.from(device, Float32Array.from(d))).data();
      expectClose(
        found,
        Array.from(d, (each) => number(each)),
        { rtol: 1e-5, atol: 1e-6 },
      );
    }
    // Where 1 − d + d²/2 rounds.
    expectClose([KL_ESTIMATORS.k3.number(1e-6)], [0.5e-12], { rtol: 1e-3, atol: 0 });
  });

  test('far from the reference, or from the sampler, values are bounded and gradients 0', async () => {
    // Bounds of d of 20, and of k3 of 10.
    const far = [-1000, -88, -20.5, -16, -3, 12, 20.5, 88, 1000];
    const wanted = {
      k1: far.map((d) => Math.min(Math.max(d, -20), 20)),
      k2: [200, 200, 200, 128, 4.5, 72, 200, 200, 200],
      k3: far.map(() => 10),
    } as const;
    for (const [name, values] of Object.entries(wanted)) {
      using _ = device.scope();
      const { tensor, number } = KL_ESTIMATORS[name as keyof typeof wanted];
      const d = Tensor.from(device, Float32Array.from(far)).requireGrad();
      const found = tensor(d);
      backward(sum(found));
      expectClose(await found.data(), values, { rtol: 1e-6 });
      expectClose(
        far.map((each) => number(each)),
        values,
        { rtol: 1e-12 },
      );
      const gradient = Array.from((await d.grad?.data()) ?? []);
      far.forEach((each, i) => {
        if (name === 'k3' || Math.abs(each) > 20)
          expect(Math.abs(gradient[i] ?? 1), `${name} ${each}`).toBe(0);
        else expect(gradient[i]).toBe(name === 'k1' ? 1 : each);
      });
    }
    using _ = device.scope();
    const logRatio = Tensor.from(device, Float32Array.from([-1000, 3, 1000])).requireGrad();
    const d = Tensor.from(device, Float32Array.from([1, 2, 1])).requireGrad();
    const found = KL_ESTIMATORS['k3+'].tensor(d, logRatio);
    backward(sum(found));
    const numbers = [-1000, 3, 1000].map((ratio, i) => KL_ESTIMATORS['k3+'].number([1, 2, 1][i] ?? 0, ratio));
    expectClose(await found.data(), numbers, { rtol: 1e-5 });
    expectClose(numbers, [Math.exp(-21), 10, 10], { rtol: 1e-12 });
    expect(Array.from((await logRatio.grad?.data()) ?? [], Math.abs)).toEqual([0, 0, 0]);
  });
});

describe('the adaptive coefficient', () => {
  const options = { klTarget: 0.02, klHorizon: 640 };

  test('stays at the target, and moves by up to a fifth of n/horizon', () => {
    expectClose(
      [0.02, 9, 0, 0.022].map((kl) => adaptedKlCoef(0.1, kl, 64, options)),
      [0.1, 0.1 * 1.02, 0.1 * 0.98, 0.1 * 1.01],
      { rtol: 1e-12 },
    );
  });

  test('is that of the reference, never turns, and outlives a KL that is no number', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
        fc.double({ min: -1, max: 10, noNaN: true }),
        fc.integer({ min: 1, max: 640 }),
        (coefficient, kl, n) => {
          const found = adaptedKlCoef(coefficient, kl, n, options);
          const wanted = oracle.adaptiveKlCoef(coefficient, kl, options.klTarget, n, options.klHorizon);
          expectClose([found], [wanted], { rtol: 1e-12, atol: 0 });
          expect(Math.sign(found - coefficient)).toBe(Math.sign(kl - options.klTarget));
          expect(found).toBeGreaterThan(0);
        },
      ),
      seeded,
    );
    expect(adaptedKlCoef(0.1, Number.NaN, 64, options)).toBe(0.1);
    expect(adaptedKlCoef(0.1, Number.POSITIVE_INFINITY, 64, options)).toBeCloseTo(0.102, 12);
  });
});
