/** The report on a checkpoint: statistics by definition, and files that hold no model. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeHuggingFace } from '../../src/formats/huggingFace/index.ts';
import { type NamedArray, writeSafetensors } from '../../src/formats/index.ts';
import { inspectCheckpoint, inspectHuggingFace } from '../../src/formats/inspect.ts';
import { modelConfig } from '../../src/model/config.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { randomCheckpoint, readFixture } from '../model/referenceModels.ts';
import { refusal } from './refusal.ts';

const fixture = (file: string) => readFileSync(`tests/fixtures/checkpoints/${file}`);

function fileOf(tensors: Record<string, NamedArray>, metadata: Record<string, string> = {}): Uint8Array {
  return writeSafetensors({
    tensors: new Map(Object.entries(tensors)),
    metadata: new Map(Object.entries(metadata)),
  });
}

/** The statistics of some values. */
function statistics(data: Float32Array) {
  const { tensors } = inspectCheckpoint(fileOf({ a: { dtype: 'F32', shape: [data.length], data } }), 'file');
  return tensors[0]?.statistics;
}

describe('statistics', () => {
  it('are those of the finite values, whatever else there is', () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
    const other = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1 }), fc.array(other), (values, others) => {
        const data = Float32Array.from([...values.slice(1), ...others, ...values.slice(0, 1)]);
        const sorted = values.toSorted((a, b) => a - b);
        const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
        const std = Math.hypot(...sorted.map((value) => value - mean)) / Math.sqrt(sorted.length);
        const found = statistics(data);
        // Sorted numerically, -0 and 0 are equal.
        expect(found?.min === sorted[0] && found?.max === sorted.at(-1)).toBe(true);
        expect(found?.nonFinite).toBe(others.length);
        const scale = Math.max(...sorted.map(Math.abs));
        expect(Math.abs((found?.mean ?? Number.NaN) - mean)).toBeLessThanOrEqual(1e-12 * scale);
        expect(Math.abs((found?.std ?? Number.NaN) - std)).toBeLessThanOrEqual(1e-9 * scale);
      }),
    );
  });

  it('worked by hand', () => {
    expect(statistics(Float32Array.of(2, 4, 4, 4, 5, 5, 7, 9, Number.NaN))).toEqual({
      min: 2,
      max: 9,
      mean: 5,
      std: 2,
      nonFinite: 1,
    });
    const none = { min: null, max: null, mean: null, std: null };
    expect(statistics(Float32Array.of(Number.NaN))).toEqual({ ...none, nonFinite: 1 });
    expect(statistics(Float32Array.of())).toEqual({ ...none, nonFinite: 0 });
  });
});

describe('inspectCheckpoint', () => {
  it.each([
    ['tiny.pt', 'torch-zip'],
    ['tiny_legacy.pt', 'torch-legacy'],
    ['tiny.safetensors', 'safetensors'],
  ])('tells the model of %s, and every tensor of it', (file, format) => {
    const found = inspectCheckpoint(fixture(file), file);
    expect(found).toMatchObject({ format, config: readFixture(file).config, problem: null });
    const names = found.tensors.map(({ name }) => name).filter((name) => !name.endsWith('alibi_slopes'));
    expect(names.sort()).toEqual([...readFixture(file).stateDict.keys()].sort());
  });

  it('looks into a file that cannot be loaded, and says why', () => {
    const { config, stateDict } = readFixture('tiny.safetensors');
    const tensors = Object.fromEntries(
      [...stateDict].map(([name, tensor]) => [
        name,
        { ...tensor, dtype: 'F32' as const, data: tensor.data.slice() },
      ]),
    );
    tensors['out_proj.bias']?.data.fill(Number.POSITIVE_INFINITY, 3, 5);
    const diverged = inspectCheckpoint(fileOf(tensors, { config: JSON.stringify(config) }), 'diverged');
    expect(diverged.config).toEqual(config);
    expect(diverged.problem).toMatch(/"out_proj.bias": element 3 is Infinity/);
    expect(diverged.tensors.find(({ name }) => name === 'out_proj.bias')?.statistics?.nonFinite).toBe(2);

    const steps: NamedArray = { dtype: 'I64', shape: [2], data: BigInt64Array.of(1n, 2n) };
    const other = inspectCheckpoint(fileOf({ steps }, { kind: 'optimizer' }), 'other');
    expect(other).toMatchObject({
      config: null,
      problem: expect.stringContaining('it has no tok_emb.weight'),
      metadata: new Map([['kind', 'optimizer']]),
      tensors: [{ name: 'steps', dtype: 'I64', shape: [2], statistics: null }],
    });
  });

  it('refuses what is no checkpoint', () => {
    expect(refusal(() => inspectCheckpoint(fixture('tiny.pt').subarray(0, 5000), 'cut')).code).toBe(
      'TRUNCATED',
    );
  });
});

it('inspectHuggingFace goes by config.json', () => {
  const files = writeHuggingFace({ ...randomCheckpoint({ shape: 'mpt' }), metadata: new Map() }, ARITHMETIC);
  const weights = files.get('model.safetensors');
  if (!(weights instanceof Uint8Array)) throw new Error('there are no weights');
  const config = String(files.get('config.json'));
  expect(inspectHuggingFace({ config, weights }, 'DIR')).toMatchObject({
    format: 'hugging-face',
    config: modelConfig('tiny', { vocabSize: VOCAB_SIZE, shape: 'mpt', dropout: 0 }),
    problem: null,
  });
  const foreign = config.replace('"no_bias": true', '"no_bias": false');
  expect(inspectHuggingFace({ config: foreign, weights }, 'DIR')).toMatchObject({
    config: null,
    problem: expect.stringContaining('no_bias is false'),
  });
});
