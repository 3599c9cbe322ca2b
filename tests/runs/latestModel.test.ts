/** The path of a run stands for its last complete checkpoint. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { isRun, modelSource } from '../../src/runs/latestModel.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 1 });

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'mathformer-latest-'));
});
afterEach(() => rmSync(run, { recursive: true }));

const weights = (step: number): string => join(run, 'checkpoints', `step${step}.safetensors`);

function saved(steps: readonly number[]): Checkpoints {
  const checkpoints = new Checkpoints(join(run, 'checkpoints'));
  for (const step of steps) {
    const model = { config, stateDict: initialStateDict(config, step), metadata: new Map() };
    const state = { progress: {}, optimizer: new Map(), reference: null };
    checkpoints.save({ model, state, session: {} }, { name: `step${step}`, step });
  }
  return checkpoints;
}

it('another path stands for itself', () => {
  expect(isRun(run)).toBe(false);
  expect(modelSource(run)).toEqual({ path: run, notes: [] });
  expect(modelSource(join(run, 'a.pt'))).toEqual({ path: join(run, 'a.pt'), notes: [] });
});

it('is the last checkpoint, and says so', () => {
  saved([1, 2]);
  expect(isRun(run)).toBe(true);
  expect(modelSource(run)).toEqual({
    path: weights(2),
    notes: [`${run} is a run; taking its last checkpoint, step2 (step 2)`],
  });
});

it('tells of a better one, but not where the last is the best', () => {
  const checkpoints = saved([1, 2]);
  checkpoints.offer('step1', 0.5);
  expect(modelSource(run).path).toBe(weights(2));
  expect(modelSource(run).notes.slice(1)).toEqual([`Its best was step1, 50.00%: ${weights(1)}`]);
  checkpoints.offer('step2', 0.75);
  expect(modelSource(run).notes).toHaveLength(1);
});

it('leaves out a damaged one with a warning, and refuses a run without a whole one', () => {
  saved([1, 2]);
  writeFileSync(weights(2), 'x');
  const { path, notes } = modelSource(run);
  expect(path).toBe(weights(1));
  expect(notes[0]).toMatch(/^warning: .*step2\.safetensors: .*; taking the checkpoint before it$/);
  expect(notes[1]).toContain('step1 (step 1)');
  writeFileSync(weights(1), 'x');
  expect(() => modelSource(run)).toThrow(expect.objectContaining({ code: 'DAMAGED', where: weights(1) }));
});

it('refuses a run that has saved none yet', () => {
  mkdirSync(join(run, 'checkpoints'));
  writeFileSync(
    join(run, 'checkpoints', 'manifest.json'),
    JSON.stringify({ version: 1, checkpoints: [], best: null }),
  );
  expect(() => modelSource(run)).toThrow(
    expect.objectContaining({
      code: 'FILE_NOT_FOUND',
      where: run,
      message: expect.stringContaining('the run has no checkpoint yet'),
      fix: expect.stringContaining('resume the run'),
    }),
  );
});
