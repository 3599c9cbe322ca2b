/** Compare an optimiser with its reference over the same steps. */
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { type Optimizer, Parameters } from '../../../src/tensor/index.ts';
import { expectClose } from '../../oracle/compare.ts';
import { clipGradNorm, type Parameter } from '../../oracle/optim.ts';
import { normals } from '../../oracle/random.ts';

/** Sizes off every tile; 300 values take more than one workgroup. */
export const SHAPES = new Map<string, readonly number[]>([
  ['a', [5]],
  ['b', [3, 100]],
  ['c', []],
]);

export function initialised(device: Device): Parameters {
  const parameters = new Parameters(device, SHAPES);
  let seed = 0;
  for (const [, tensor] of parameters.entries()) tensor.set(normals(++seed, tensor.size));
  return parameters;
}

/** Return the gradients of one step; some are large, so that clipping takes effect. */
export const gradientOf = (step: number, index: number, size: number): Float32Array<ArrayBuffer> =>
  normals(100 * (step + 1) + index, size, 0, step % 5 === 3 ? 50 : 0.5);

export function setGradients(parameters: Parameters, step: number): void {
  [...parameters.entries()].forEach(([, { grad, size }], index) => {
    grad?.set(gradientOf(step, index, size));
  });
}

export interface Course {
  readonly optimizer: Optimizer;
  /** Take one step of the reference, with clipped gradients. */
  readonly reference: (parameters: readonly Parameter[], lr: number) => void;
  readonly maxNorm: number;
  readonly steps: number;
}

/** Expect `steps` steps of both, at a falling learning rate, to give the same parameters. */
export async function expectSameCourse({ optimizer, reference, maxNorm, steps }: Course): Promise<void> {
  const { parameters } = optimizer;
  const values = new Map<string, Float64Array>();
  for (const [name, tensor] of parameters.entries()) values.set(name, Float64Array.from(await tensor.data()));
  for (let step = 0; step < steps; step++) {
    const lr = 0.05 / (1 + step);
    const expected = [...values.values()].map((value, index) => ({
      value,
      grad: Float64Array.from(gradientOf(step, index, value.length)),
    }));
    const norm = clipGradNorm(expected, maxNorm || Number.MAX_VALUE);
    reference(expected, lr);
    setGradients(parameters, step);
    optimizer.step(() => lr);
    const { gradNorm, skipped } = await optimizer.report();
    expectClose([gradNorm], [norm], { rtol: 3e-6, label: `norm of step ${step}` });
    expect(skipped).toBe(0);
  }
  expect(optimizer.steps).toBe(steps);
  for (const [name, tensor] of parameters.entries()) {
    expectClose(await tensor.data(), values.get(name) ?? [], { atol: 2e-5, label: name });
  }
}

/** Expect recorded steps, two in each replay, to give the same bits as single steps. */
export async function expectReplaysAlike(
  device: Device,
  create: (parameters: Parameters) => Optimizer,
): Promise<void> {
  const run = async (record: boolean): Promise<Float32Array> => {
    const parameters = initialised(device);
    const optimizer = create(parameters);
    setGradients(parameters, 1);
    let round = 0;
    const body = (): void => {
      device.onRun(() => {
        round += 1;
      });
      optimizer.step(() => 0.1 / round);
      optimizer.step(() => 0.2 / round);
    };
    if (record) {
      using recording = device.record(body);
      for (let i = 0; i < 12; i++) recording.replay();
    } else for (let i = 0; i < 12; i++) body();
    expect(optimizer.steps).toBe(24);
    const values = await parameters.data();
    optimizer.dispose();
    parameters.dispose();
    return values;
  };
  expect(await run(true)).toEqual(await run(false));
}
