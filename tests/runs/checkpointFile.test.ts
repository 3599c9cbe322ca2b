/** Paths that can be loaded: a file, a Hugging Face directory, and nothing else. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeHuggingFace } from '../../src/formats/huggingFace/index.ts';
import { writeDirectoryAtomically } from '../../src/runs/atomicDirectory.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/runs/checkpointFile.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { randomCheckpoint } from '../model/referenceModels.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-load-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it('is the same model from a file and from a Hugging Face directory', () => {
  const checkpoint = { ...randomCheckpoint({ shape: 'mpt' }), metadata: new Map([['kind', 'test']]) };
  const [file, exported] = [join(directory, 'model.safetensors'), join(directory, 'export')];
  saveCheckpoint(file, checkpoint);
  writeDirectoryAtomically(exported, writeHuggingFace(checkpoint, ARITHMETIC));
  expect(loadCheckpoint(file)).toEqual({ ...checkpoint, format: 'safetensors' });
  expect(loadCheckpoint(exported)).toEqual({ ...checkpoint, format: 'hugging-face' });
});

it.each([
  ['model.safetensors.index.json', /does not list files of weights/, /download/],
  ['pytorch_model.bin', /a pickle/, /as safetensors/],
  ['metrics.jsonl', /a directory without model\.safetensors/, /a file of its checkpoints\/ directory/],
] as const)('refuses a directory with %s in the place of model.safetensors', (file, problem, fix) => {
  for (const name of ['config.json', file]) writeFileSync(join(directory, name), '{}');
  const error = expect.objectContaining({
    code: 'NOT_A_FILE',
    message: expect.stringMatching(problem),
    fix: expect.stringMatching(fix),
  });
  expect(() => loadCheckpoint(directory)).toThrow(error);
});

it('names the file that is missing, or no file', () => {
  writeFileSync(join(directory, 'model.safetensors'), '');
  expect(() => loadCheckpoint(directory)).toThrow(/config\.json: there is no such file/);
  mkdirSync(join(directory, 'config.json'));
  expect(() => loadCheckpoint(directory)).toThrow(/config\.json: it is no ordinary file/);
});
