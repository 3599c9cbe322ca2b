import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTunable, tunedKernels } from '../../src/cli/chooseKernels.ts';
import { describe as describeModel, modelConfig } from '../../src/model/config.ts';
import { adapterIdentity, addTunedKernels, tunedKernelsPath } from '../../src/runs/tunedKernels.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tuning-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const FLAGS = { tune: 'auto', matmulPrecision: 'highest' } as const;
const MODELS = [modelConfig('tiny', { vocabSize: VOCAB_SIZE })];
const silent = { note: vi.fn(), bar: vi.fn() };

test('a software adapter is not tuned by itself, but uses what was tuned for it', async () => {
  const { MATHFORMER_ADAPTER: name } = process.env;
  const opened = await openTunable(name, FLAGS);
  const software = { ...opened, kind: 'software' } as const;
  expect(await tunedKernels(software, MODELS, FLAGS, silent)).toEqual({});
  const identity = adapterIdentity(opened.adapter, 'highest');
  const choices = { 'matmul none K1 N1 M1': { variant: 'portable', source: '00000000' } };
  addTunedKernels(tunedKernelsPath(identity), identity, { models: [], choices });
  expect(await tunedKernels(software, MODELS, FLAGS, silent)).toEqual(choices);
  expect(await tunedKernels(software, MODELS, { ...FLAGS, matmulPrecision: 'medium' }, silent)).toEqual({});
  expect(silent.note).not.toHaveBeenCalled();
});

test('a GPU is tuned once for each model, and never if that was asked for', async () => {
  const { MATHFORMER_ADAPTER: name } = process.env;
  const opened = await openTunable(name, FLAGS);
  const gpu = { ...opened, kind: 'hardware' } as const;
  expect(await tunedKernels(gpu, MODELS, { ...FLAGS, tune: 'never' }, silent)).toEqual({});
  const identity = adapterIdentity(opened.adapter, 'highest');
  addTunedKernels(tunedKernelsPath(identity), identity, { models: MODELS.map(describeModel), choices: {} });
  expect(await tunedKernels(gpu, MODELS, FLAGS, silent)).toEqual({});
  expect(silent.note).not.toHaveBeenCalled();
});

test('a command goes on untuned where tuning fails, and says why', async () => {
  const { MATHFORMER_ADAPTER: name } = process.env;
  const opened = { ...(await openTunable(name, FLAGS)), name: 'no such adapter' };
  const said: string[] = [];
  const reporter = { ...silent, note: (text: string) => void said.push(text) };
  expect(await tunedKernels(opened, MODELS, { ...FLAGS, tune: 'always' }, reporter)).toEqual({});
  expect(said.at(-1)).toMatch(/^Going on without: .*no such adapter/);
});
