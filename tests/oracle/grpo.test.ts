/** The reference losses against the golden values, an independent NumPy table, and the properties of GRPO.md. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Array64,
  array,
  backward,
  exp,
  gather,
  gradients,
  indexSelect,
  log,
  logSoftmax,
  logSumExp,
  mul,
  parameter,
  slice,
  softmax,
  sum,
} from './array.ts';
import { expectClose, gradCheck } from './compare.ts';
import {
  adaptiveKlCoef,
  advantages,
  clipFractions,
  clippedSurrogate,
  entropy,
  exactKl,
  klEstimate,
  type LossKind,
  overlongPenalty,
  type PolicyBatch,
  type PolicyLossOptions,
  policyLoss,
  tokenWeights,
  totalLoss,
} from './grpo.ts';
import { integers, normals, normalValues, seeded } from './random.ts';
import { referenceJson } from './reference.ts';
import { samplingLogProbs } from './sampler.ts';

const LOSSES: readonly LossKind[] = ['grpo', 'dr_grpo', 'dapo', 'gspo', 'cispo'];
const CLIP = { epsilonLow: 0.2, epsilonHigh: 0.2 } as const;
const tight = { rtol: 1e-12, atol: 1e-15 };

describe('golden values', () => {
  const ratios = [
    [1.5, 0.9, 1],
    [0.7, 1, 3.5],
    [1.1, 1, 1],
  ];
  const mask = array([1, 1, 0, 1, 1, 1, 1, 0, 0], [3, 3]);
  const batch = (): PolicyBatch => ({
    logProbs: log(parameter(ratios.flat(), [3, 3])),
    oldLogProbs: array(new Float64Array(9), [3, 3]),
    mask,
    advantages: array([1, -1, 0.5]),
  });

  test.each([
    ['grpo', CLIP, 0.0555556],
    ['dapo', CLIP, 0.4416667],
    ['dr_grpo', CLIP, 0.2208333],
    ['gspo', CLIP, -0.1212651],
    ['grpo', { ...CLIP, epsilonHigh: 0.28 }, 0.0422222],
    ['dapo', { ...CLIP, epsilonHigh: 0.28 }, 0.4283333],
    ['dr_grpo', { ...CLIP, epsilonHigh: 0.28 }, 0.2141667],
    ['grpo', { ...CLIP, epsilonHigh: 0.28, dualClip: 3 }, -0.0133333],
    ['dapo', { ...CLIP, epsilonHigh: 0.28, dualClip: 3 }, 0.345],
    ['dr_grpo', { ...CLIP, epsilonHigh: 0.28, dualClip: 3 }, 0.1725],
  ] as const)('%s with %o is %f', (loss, clip, expected) => {
    const value = policyLoss(batch(), { loss, maxLength: 4, ...clip });
    expectClose([value.item()], [expected], { rtol: 0, atol: 5.1e-8 });
  });

  test('cispo by hand: −(min(r, 1.28)·A·ℓ summed)/6', () => {
    const value = policyLoss(batch(), { loss: 'cispo', maxLength: 4, ...CLIP, epsilonHigh: 0.28 });
    const terms =
      1.28 * Math.log(1.5) +
      0.9 * Math.log(0.9) -
      0.7 * Math.log(0.7) -
      1.28 * Math.log(3.5) +
      0.55 * Math.log(1.1);
    expectClose([value.item()], [-terms / 6], tight);
  });

  test("dapo's gradient: clipped tokens exactly 0", () => {
    const logProbs = parameter(ratios.flat().map(Math.log), [3, 3]);
    backward(policyLoss({ ...batch(), logProbs }, { loss: 'dapo', maxLength: 4, ...CLIP }));
    const expected = [0, -0.15, 0, 0, 1 / 6, 3.5 / 6, -1.1 / 12, 0, 0];
    expectClose(logProbs.grad ?? [], expected, { rtol: 1e-12, atol: 0 });
  });

  test('clip fractions of the same batch', () => {
    const { low, high, region } = clipFractions(batch(), CLIP);
    expectClose([low, high, region], [1 / 6, 1 / 6, 2 / 6], tight);
  });

  describe('the expected gradient of each KL estimate', () => {
    const policy = array([0.5, 0.3, 0.2].map(Math.log), [1, 3]);
    const reference = array([0.25, 0.25, 0.5].map(Math.log), [1, 3]);

    test.each([
      ['k1', [0, 0, 0], 1e-15],
      ['k2', [0.237568, -0.010707, -0.226861], 6e-7],
      ['k3', [0.25, 0.05, -0.3], 1e-15],
    ] as const)('%s', (kind, expected, atol) => {
      const logits = parameter(policy.data, [1, 3]);
      const probabilities = exp(policy);
      backward(sum(mul(probabilities, klEstimate(kind, logSoftmax(logits), reference))));
      expectClose(logits.grad ?? [], expected, { rtol: 0, atol });
    });

    test('the exact KL has the gradient that k2 expects', () => {
      const logits = parameter(policy.data, [1, 3]);
      const divergence = exactKl(logSoftmax(logits), reference);
      const value = 0.5 * Math.log(2) + 0.3 * Math.log(1.2) + 0.2 * Math.log(0.4);
      expectClose(divergence.data, [value], tight);
      backward(sum(divergence));
      expectClose(logits.grad ?? [], [0.237568, -0.010707, -0.226861], { rtol: 0, atol: 6e-7 });
    });
  });
});

describe('the table from NumPy', () => {
  interface TokenLoss {
    readonly case: number;
    readonly mode: 'sequence_mean' | 'token_mean';
    readonly clip: number;
    readonly kl_coef: number;
    readonly logp: number[][];
    readonly old_logp: number[][];
    readonly ref_logp: number[][];
    readonly mask: number[][];
    readonly advantages: number[];
    readonly loss: number;
    readonly policy_loss: number;
    readonly kl: number;
    readonly dloss_dlogp: number[][];
  }
  const table = referenceJson<{
    readonly advantages: {
      readonly group_size: number;
      readonly rewards: number[];
      readonly advantages: number[];
    }[];
    readonly kl: Record<'logp' | 'ref_logp' | 'k1' | 'k2' | 'k3' | 'dk3_dlogp', number[]>[];
    readonly token_loss: TokenLoss[];
  }>('grpo');
  const matrix = (rows: readonly number[][]): Array64 => array(rows.flat(), [rows.length, rows[0].length]);

  test('advantages', () => {
    for (const { group_size, rewards, advantages: expected } of table.advantages) {
      expectClose(advantages(rewards, group_size), expected, {
        rtol: 1e-12,
        atol: 1e-14,
        label: `${rewards}`,
      });
    }
  });

  test('KL estimates and the gradient of k3', () => {
    for (const { logp, ref_logp, k1, k2, k3, dk3_dlogp } of table.kl) {
      const logProbs = parameter(logp);
      const estimate = (kind: 'k1' | 'k2' | 'k3'): Array64 => klEstimate(kind, logProbs, array(ref_logp));
      const closely = { rtol: 1e-12, atol: 1e-15 };
      expectClose(estimate('k1').data, k1, { ...closely, label: 'k1' });
      expectClose(estimate('k2').data, k2, { ...closely, label: 'k2' });
      expectClose(estimate('k3').data, k3, { ...closely, label: 'k3' });
      backward(sum(estimate('k3')));
      expectClose(logProbs.grad ?? [], dk3_dlogp, { ...closely, label: 'dk3' });
    }
  });

  test.each(table.token_loss)('case $case: $mode, clip $clip, kl $kl_coef', (row) => {
    const logProbs = parameter(row.logp.flat(), [row.logp.length, row.logp[0].length]);
    const { total, policy, kl } = totalLoss(
      {
        logProbs,
        oldLogProbs: matrix(row.old_logp),
        refLogProbs: matrix(row.ref_logp),
        mask: matrix(row.mask),
        advantages: array(row.advantages),
      },
      {
        loss: row.mode === 'sequence_mean' ? 'grpo' : 'dapo',
        maxLength: 1,
        epsilonLow: row.clip,
        epsilonHigh: row.clip,
        klCoef: row.kl_coef,
      },
    );
    const found = [total.item(), policy.item(), kl.item()];
    expectClose(found, [row.loss, row.policy_loss, row.kl], { rtol: 1e-11, atol: 1e-14, label: 'losses' });
    backward(total);
    expectClose(logProbs.grad ?? [], row.dloss_dlogp.flat(), { rtol: 1e-11, atol: 1e-14, label: 'gradient' });
  });
});

/** Four rows of up to five tokens, ratios off the clip borders, the last row empty. */
function randomBatch(seed: number, rows = 4, columns = 5): PolicyBatch {
  const old = normals(seed, rows * columns, -1, 0.4);
  const step = normals(seed + 1, rows * columns, 0, 0.3);
  const lengths = [5, 3, 1, 0];
  return {
    logProbs: array(
      old.map((x, i) => x + step[i]),
      [rows, columns],
    ),
    oldLogProbs: array(old, [rows, columns]),
    mask: array(
      Array.from({ length: rows * columns }, (_, k) =>
        Number(k % columns < lengths[Math.floor(k / columns) % 4]),
      ),
      [rows, columns],
    ),
    advantages: array([1.2, -0.7, 0.4, -1].slice(0, rows)),
  };
}

const optionsOf = (loss: LossKind): PolicyLossOptions => ({
  loss,
  maxLength: 6,
  epsilonLow: 0.2,
  epsilonHigh: 0.28,
});

function lossAndGradient(
  batch: PolicyBatch,
  options: PolicyLossOptions,
): { loss: number; grad: Float64Array } {
  const logProbs = parameter(batch.logProbs.data, batch.logProbs.shape);
  const loss = policyLoss({ ...batch, logProbs }, options);
  return { loss: loss.item(), grad: gradients(loss, [logProbs])[0] };
}

describe('properties of every loss', () => {
  test.each(LOSSES)('%s: masked positions never matter, not even NaN, nor does padding', (loss) => {
    const batch = randomBatch(1);
    const masked = (values: Float64Array, junk: number): Float64Array =>
      values.map((x, i) => (batch.mask.data[i] === 1 ? x : junk));
    const clean = lossAndGradient(batch, optionsOf(loss));
    const dirty = lossAndGradient(
      {
        ...batch,
        logProbs: array(masked(batch.logProbs.data, Number.NaN), batch.mask.shape),
        oldLogProbs: array(masked(batch.oldLogProbs.data, Number.NEGATIVE_INFINITY), batch.mask.shape),
      },
      optionsOf(loss),
    );
    expect(dirty).toEqual(clean);
    batch.mask.data.forEach((m, i) => {
      if (m === 0) expect(clean.grad[i]).toBe(0);
    });
    const narrow = (a: Array64): Array64 => slice(slice(a, 0, 1, 3), 1, 0, 3);
    const wide = (a: Array64): Array64 => slice(a, 0, 1, 3);
    const pick = (cut: (a: Array64) => Array64): PolicyBatch => ({
      logProbs: cut(batch.logProbs),
      oldLogProbs: cut(batch.oldLogProbs),
      mask: cut(batch.mask),
      advantages: slice(batch.advantages, 0, 1, 3),
    });
    const unpadded = lossAndGradient(pick(narrow), optionsOf(loss)).loss;
    expectClose([unpadded], [lossAndGradient(pick(wide), optionsOf(loss)).loss], tight);
  });

  test.each(LOSSES)('%s: permuting the rows permutes the gradient', (loss) => {
    const batch = randomBatch(3);
    const order = [2, 0, 3, 1];
    const permuted: PolicyBatch = {
      logProbs: indexSelect(batch.logProbs, 0, order),
      oldLogProbs: indexSelect(batch.oldLogProbs, 0, order),
      mask: indexSelect(batch.mask, 0, order),
      advantages: indexSelect(batch.advantages, 0, order),
    };
    const [a, b] = [lossAndGradient(batch, optionsOf(loss)), lossAndGradient(permuted, optionsOf(loss))];
    expectClose([b.loss], [a.loss], tight);
    expectClose(b.grad, indexSelect(array(a.grad, batch.mask.shape), 0, order).data, tight);
  });

  test.each(LOSSES)('%s: an all-masked batch gives 0 and no gradient', (loss) => {
    const batch = { ...randomBatch(5), mask: array(new Float64Array(20), [4, 5]) };
    const { loss: value, grad } = lossAndGradient(batch, optionsOf(loss));
    expect(Math.abs(value)).toBe(0);
    expectClose(grad, new Float64Array(20), { rtol: 0, atol: 0 });
  });

  test.each(LOSSES)('%s: on policy the gradient is −Σ w·A·∇ℓ', (loss) => {
    const batch = randomBatch(7);
    const onPolicy = { ...batch, oldLogProbs: batch.logProbs };
    const weights = tokenWeights(loss, batch.mask, 6).data;
    const expected = weights.map((w, i) => -w * batch.advantages.data[Math.floor(i / 5)]);
    expectClose(lossAndGradient(onPolicy, optionsOf(loss)).grad, expected, tight);
  });

  test.each(LOSSES.filter((loss) => loss !== 'cispo'))(
    '%s: the gradient passes finite differences',
    (loss) => {
      const batch = randomBatch(9);
      const options = { ...optionsOf(loss), dualClip: 3 };
      gradCheck(([logProbs]) => policyLoss({ ...batch, logProbs }, options), [batch.logProbs], {
        label: loss,
      });
    },
  );

  test.each(LOSSES.filter((loss) => loss !== 'cispo'))(
    '%s, corrected for who sampled: the gradient passes finite differences',
    (loss) => {
      const batch = randomBatch(9);
      const drift = normals(17, batch.oldLogProbs.size, 0, 0.4);
      const proxLogProbs = batch.oldLogProbs;
      const oldLogProbs = array(
        batch.oldLogProbs.data.map((old, i) => old + drift[i]),
        batch.oldLogProbs.shape,
      );
      const options = { ...optionsOf(loss), dualClip: 3, importanceCap: 1.3 };
      gradCheck(
        ([logProbs]) => policyLoss({ ...batch, proxLogProbs, oldLogProbs, logProbs }, options),
        [batch.logProbs],
        { label: loss },
      );
    },
  );

  test('cispo: the ratio is a constant in the gradient, so no token loses it', () => {
    const batch = randomBatch(9);
    const { grad } = lossAndGradient(batch, optionsOf('cispo'));
    const expected = Array.from(batch.mask.data, (m, i) => {
      const ratio = Math.exp(batch.logProbs.data[i] - batch.oldLogProbs.data[i]);
      return (-m * Math.min(ratio, 1.28) * batch.advantages.data[Math.floor(i / 5)]) / 9;
    });
    expectClose(grad, expected, tight);
  });

  test('a token loses its gradient only for (A > 0, r > 1 + ε_high) and (A < 0, r < 1 − ε_low)', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        fc.constantFrom(-2, -0.5, 0.5, 2),
        (value, advantage) => {
          const ratio = parameter([value]);
          backward(sum(clippedSurrogate(ratio, array([advantage]), { epsilonLow: 0.2, epsilonHigh: 0.28 })));
          const stopped = advantage > 0 ? value > 1.28 : value < 0.8;
          expect(ratio.grad?.[0]).toBe(stopped ? 0 : advantage);
        },
      ),
      { ...seeded, numRuns: 200 },
    );
  });
});

describe('advantages', () => {
  test('the example of four', () => {
    expectClose(advantages([1, 0, 1, 0], 4), [0.866, -0.866, 0.866, -0.866], { rtol: 0, atol: 3e-5 });
    expect(advantages([1, 0, 1, 0], 4, 'center')).toEqual(Float64Array.of(0.5, -0.5, 0.5, -0.5));
  });

  test('equal rewards give exactly 0, even when their mean rounds', () => {
    for (const kind of ['group', 'center'] as const) {
      expect(advantages([0.1, 0.1, 0.1, 7], 1, kind)).toEqual(new Float64Array(4));
      expect(advantages([0.1, 0.1, 0.1], 3, kind)).toEqual(new Float64Array(3));
    }
  });

  test('shift-invariant, and of mean 0 in each group', () => {
    fc.assert(
      fc.property(normalValues(12), fc.integer({ min: -50, max: 50 }), (rewards, shift) => {
        const plain = advantages(rewards, 4);
        expectClose(
          advantages(
            Array.from(rewards, (r) => r + shift),
            4,
          ),
          plain,
          { rtol: 1e-9, atol: 1e-9 },
        );
        for (let g = 0; g < 12; g += 4) {
          expectClose([plain.slice(g, g + 4).reduce((a, b) => a + b, 0)], [0], { atol: 1e-12 });
        }
      }),
      { ...seeded, numRuns: 50 },
    );
  });

  test('rewards that are not whole groups are refused', () => {
    expect(() => advantages([1, 2, 3], 2)).toThrow('3 rewards are not groups of 2');
  });
});

describe('KL and entropy', () => {
  test('sampled estimates agree with the exact value on average, and k3 is never negative', () => {
    const [p, q] = [logSoftmax(array(normals(1, 6), [1, 6])), logSoftmax(array(normals(2, 6), [1, 6]))];
    const exact = exactKl(p, q).item();
    for (const kind of ['k1', 'k3'] as const) {
      expectClose([sum(mul(exp(p), klEstimate(kind, p, q))).item()], [exact], { rtol: 1e-12, atol: 0 });
    }
    for (const value of klEstimate('k3', p, q).data) expect(value).toBeGreaterThanOrEqual(0);
  });

  test('tokens outside the kept set add nothing, in value or gradient', () => {
    const [p, q] = [logSoftmax(array(normals(3, 3), [1, 3])), logSoftmax(array(normals(4, 3), [1, 3]))];
    const withExcluded = (a: Array64): Array64 => array([...a.data, Number.NEGATIVE_INFINITY], [1, 4]);
    expectClose(exactKl(withExcluded(p), withExcluded(q)).data, exactKl(p, q).data, tight);
    const leaf = parameter(withExcluded(p).data, [1, 4]);
    backward(sum(entropy(leaf)));
    expectClose(entropy(withExcluded(p)).data, entropy(p).data, tight);
    expect(leaf.grad?.every(Number.isFinite)).toBe(true);
    expect(Math.abs(leaf.grad?.[3] ?? 1)).toBe(0);
  });

  test('the total loss, from logits down, passes finite differences', () => {
    const [rows, columns, vocabulary] = [2, 3, 4];
    const logits = array(normals(5, 24), [rows, columns, vocabulary]);
    const reference = logSoftmax(array(normals(6, 24), [rows, columns, vocabulary]));
    const chosen = { data: integers(7, 6, vocabulary), shape: [rows, columns, 1] };
    const selected = (table: Array64): Array64 => sum(gather(table, 2, chosen), 2);
    const old = array(
      selected(logSoftmax(logits)).data.map((x, i) => x + [0.1, -0.1, 0.05, 0.3, -0.4, 0][i]),
      [rows, columns],
    );
    for (const exact of [false, true]) {
      gradCheck(
        ([x]) => {
          const table = logSoftmax(x);
          return totalLoss(
            {
              logProbs: selected(table),
              oldLogProbs: old,
              mask: array([1, 1, 0, 1, 1, 1], [rows, columns]),
              advantages: array([1, -0.5]),
              tokenEntropy: entropy(table),
              ...(exact ? { tokenKl: exactKl(table, reference) } : { refLogProbs: selected(reference) }),
            },
            { ...optionsOf('dapo'), klCoef: 0.3, entropyCoef: 0.2 },
          ).total;
        },
        [logits],
        { label: exact ? 'exact KL' : 'k3' },
      );
    }
  });

  test('entropy: log V when uniform, log k when k tokens are kept alike, lse − Σ p·x in general', () => {
    const kept = samplingLogProbs(array([7, 7, -1, 0], [1, 4]), { topK: 2 });
    expectClose(entropy(kept).data, [Math.LN2], tight);
    const x = array(normals(9, 6), [1, 6]);
    const closed = logSumExp(x).item() - sum(mul(softmax(x), x)).item();
    expectClose(entropy(logSoftmax(x)).data, [closed], tight);
    expectClose(entropy(log(softmax(array(new Float64Array(8), [1, 8])))).data, [Math.log(8)], tight);
  });
});

test('the adaptive coefficient moves by at most a fifth of n/horizon', () => {
  expectClose([adaptiveKlCoef(0.1, 0.02, 0.02, 64, 640)], [0.1], tight);
  expectClose([adaptiveKlCoef(0.1, 9, 0.02, 64, 640)], [0.1 * 1.02], tight);
  expectClose([adaptiveKlCoef(0.1, 0, 0.02, 64, 640)], [0.1 * 0.98], tight);
  expectClose([adaptiveKlCoef(0.1, 0.022, 0.02, 64, 640)], [0.1 * 1.01], tight);
});

test('the overlong penalty starts where the buffer does and reaches the factor at the limit', () => {
  expect([90, 80, 100, 110].map((length) => overlongPenalty(length, 100, 20, 0.5) + 0)).toEqual([
    -0.25, 0, -0.5, -0.75,
  ]);
  expect(overlongPenalty(10, 100, 20)).toBe(0);
});
