/** Optimisers and clipping against PyTorch's trajectories; the schedule worked by hand. */
import { describe, expect, test } from 'vitest';
import { expectClose } from './compare.ts';
import { AdamW, clipGradNorm, cosineWithWarmup, type Parameter, Sgd } from './optim.ts';
import { referenceJson } from './reference.ts';

interface Trajectory {
  readonly options: { readonly lr: number };
  readonly initial: number[][];
  readonly grads: number[][][];
  readonly values: number[][][];
}

interface ClipCase {
  readonly maxNorm: number;
  readonly norm: number;
  readonly before: number[][];
  readonly after: number[][];
}

const torch = referenceJson<{
  readonly optim: Record<'adamw' | 'adamwBetas' | 'sgd' | 'sgdMomentum', Trajectory>;
  readonly clipGradNorm: ClipCase[];
}>('torch');

const withGrads = (values: readonly Float64Array[], grads: readonly number[][]): Parameter[] =>
  values.map((value, i) => ({ value, grad: Float64Array.from(grads[i]) }));

describe('five steps of PyTorch', () => {
  test.each([
    ['adamw', AdamW],
    ['adamwBetas', AdamW],
    ['sgd', Sgd],
    ['sgdMomentum', Sgd],
  ] as const)('%s', (name, Optimizer) => {
    const { options, initial, grads, values } = torch.optim[name];
    const optimizer = new Optimizer();
    const current = initial.map((value) => Float64Array.from(value));
    grads.forEach((step, i) => {
      optimizer.step(withGrads(current, step), options);
      current.forEach((value, tensor) => {
        expectClose(value, values[i][tensor], {
          rtol: 1e-12,
          atol: 1e-14,
          label: `step ${i}, tensor ${tensor}`,
        });
      });
    });
  });

  test('the first AdamW step moves every weight by about lr, against its gradient', () => {
    const value = Float64Array.of(1, 1, 1);
    new AdamW().step([{ value, grad: Float64Array.of(1e-3, -5, 0) }], { lr: 0.1 });
    expectClose(value, [0.9, 1.1, 1], { rtol: 2e-6, atol: 0 });
  });
});

describe('SGD by hand, lr 1, gradients 1, 2, 3', () => {
  const values = (options: object): number[] => {
    const value = Float64Array.of(0);
    const optimizer = new Sgd();
    return [1, 2, 3].map((g) => {
      optimizer.step([{ value, grad: Float64Array.of(g) }], { lr: 1, ...options });
      return value[0];
    });
  };

  test('dampening spares the first gradient: velocities 1, 1.5, 2.25', () => {
    expect(values({ momentum: 0.5, dampening: 0.5 })).toEqual([-1, -2.5, -4.75]);
  });

  test('Nesterov looks ahead: velocities 1, 2.5, 4.25, changes 1.5, 3.25, 5.125', () => {
    expect(values({ momentum: 0.5, nesterov: true })).toEqual([-1.5, -4.75, -9.875]);
  });
});

describe('clipGradNorm', () => {
  test.each(torch.clipGradNorm)('to $maxNorm', ({ maxNorm, norm, before, after }) => {
    const parameters = withGrads([new Float64Array(2), new Float64Array(4)], before);
    expectClose([clipGradNorm(parameters, maxNorm)], [norm], { rtol: 1e-14, atol: 0 });
    parameters.forEach(({ grad }, i) => {
      expectClose(grad, after[i], { rtol: 1e-14, atol: 0, label: `gradient ${i}` });
    });
  });

  test('zero gradients stay zero', () => {
    const parameter = { value: new Float64Array(2), grad: new Float64Array(2) };
    expect(clipGradNorm([parameter], 1)).toBe(0);
    expect(parameter.grad).toEqual(new Float64Array(2));
  });
});

describe('cosineWithWarmup', () => {
  const rates = (totalSteps: number, warmupRatio: number, minRatio = 0): number[] =>
    Array.from({ length: totalSteps + 1 }, (_, step) =>
      cosineWithWarmup(step, { totalSteps, warmupRatio, minRatio }),
    );

  test('ten steps, 40 % warm-up: quarters up to the peak, then sixths of a half cosine', () => {
    const r = Math.sqrt(3) / 2;
    const down = [1, (1 + r) / 2, 0.75, 0.5, 0.25, (1 - r) / 2];
    expectClose(rates(10, 0.4), [0.25, 0.5, 0.75, 1, ...down, 0], { rtol: 0, atol: 1e-15 });
  });

  test('no warm-up, a floor of a tenth', () => {
    expectClose(
      rates(4, 0, 0.1),
      [1, 0.1 + 0.9 * ((1 + Math.SQRT1_2) / 2), 0.55, 0.1 + 0.9 * ((1 - Math.SQRT1_2) / 2), 0.1],
      {
        rtol: 0,
        atol: 1e-15,
      },
    );
  });

  test('the warm-up length rounds, and may take the whole run', () => {
    expect(rates(3, 0.5).slice(0, 2)).toEqual([0.5, 1]);
    expect(rates(3, 0.1)[0]).toBe(1);
    expectClose(rates(3, 1), [1 / 3, 2 / 3, 1, 0], { atol: 1e-15 });
  });
});
