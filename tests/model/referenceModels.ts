/** Models for tests: the committed checkpoints of the original, and random ones, on the GPU and in the float64 reference. */
import { readFileSync } from 'node:fs';
import {
  type AssumedConfig,
  type Checkpoint,
  readCheckpoint,
  type StateDict,
} from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import {
  type ModelConfig,
  type ModelOverrides,
  type ModelShape,
  modelConfig,
} from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/stateDict.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { type Array64, parameter } from '../oracle/array.ts';
import { normals } from '../oracle/random.ts';

const checkpoints = new URL('../fixtures/checkpoints/', import.meta.url);

export function readFixture(file: string, assumed: AssumedConfig = {}): Checkpoint {
  return readCheckpoint(readFileSync(new URL(file, checkpoints)), file, assumed);
}

/** Load a committed checkpoint to the GPU. */
export function fixtureModel(device: Device, file: string): Transformer {
  const { config, stateDict } = readFixture(file);
  return new Transformer(device, config, stateDict);
}

/** Return the weights as leaves of the float64 reference, by their names in a checkpoint. */
export function parameters64(stateDict: StateDict): Map<string, Array64> {
  return new Map([...stateDict].map(([name, { shape, data }]) => [name, parameter(data, shape)]));
}

/** Return a changed `tiny` with normally distributed weights, scaled to logits of unit size. */
export function randomCheckpoint(
  overrides: Partial<ModelOverrides<ModelShape>>,
  seed = 1,
): { readonly config: ModelConfig; readonly stateDict: StateDict } {
  const config = modelConfig<ModelShape>('tiny', { vocabSize: VOCAB_SIZE, dropout: 0, ...overrides });
  const stateDict = new Map(
    [...parameterShapes(config)].map(([name, shape], i) => {
      const norm = /norm\w*\.weight$/.test(name);
      const size = shape.reduce((product, n) => product * n, 1);
      const std = shape.length > 1 ? 1 / Math.sqrt(shape.at(-1) ?? 1) : 0.2;
      return [name, { shape, data: normals(seed * 1000 + i, size, norm ? 1 : 0, std) }];
    }),
  );
  return { config, stateDict };
}

export function randomModel(
  device: Device,
  overrides: Partial<ModelOverrides<ModelShape>>,
  seed = 1,
): Transformer {
  const { config, stateDict } = randomCheckpoint(overrides, seed);
  return new Transformer(device, config, stateDict);
}

/** Return the gradients accumulated in a model's parameters, by their names in a checkpoint. */
export async function gradients(model: Transformer): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name, parts } of model.decoder.weights) {
    const values = Float32Array.from((await model.parameters.get(name).grad?.data()) ?? []);
    let start = 0;
    for (const part of parts) {
      const size = part.shape.reduce((product, n) => product * n, 1);
      found.set(part.name, values.slice(start, start + size));
      start += size;
    }
  }
  return found;
}

/** Expect two sets of gradients to agree: ‖a − b‖ ≤ rtol·‖b‖ + atol for every tensor. */
export function expectSameGradients(
  actual: ReadonlyMap<string, ArrayLike<number>>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
): void {
  const names = [...expected.keys()].sort();
  if (`${[...actual.keys()].sort()}` !== `${names}`) throw new Error('the gradients have other names');
  for (const name of names) {
    const [a, b] = [Float64Array.from(actual.get(name) ?? []), Float64Array.from(expected.get(name) ?? [])];
    const error = Math.hypot(...b.map((y, i) => (a[i] ?? Number.NaN) - y));
    const allowed = rtol * Math.hypot(...b) + atol;
    if (!(a.length === b.length && error <= allowed)) {
      throw new Error(`gradient of ${name}: off by ${error}, ${allowed} allowed, norm ${Math.hypot(...b)}`);
    }
  }
}

/** Return the gradients of the reference's leaves after `backward`; zeros for unused leaves. */
export function gradients64(params: ReadonlyMap<string, Array64>): Map<string, Float64Array> {
  return new Map([...params].map(([name, { grad, size }]) => [name, grad ?? new Float64Array(size)]));
}
