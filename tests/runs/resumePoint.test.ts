/** The step at which a run is resumed. No training is silently started over. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import { invocation } from '../../src/cli/invocation.ts';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { resumePoint } from '../../src/runs/resumePoint.ts';

const config = modelConfig('tiny', { nLayers: 1, vocabSize: 8 });
const EMPTY = '{"version":1,"checkpoints":[],"best":null}';

let directory: string;
let checkpoints: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-resume-'));
  checkpoints = join(directory, 'checkpoints');
});
afterEach(() => rmSync(directory, { recursive: true }));

function save(name: string, step: number, session: Record<string, unknown>): void {
  const model = { config, stateDict: initialStateDict(config, step), metadata: new Map<string, string>() };
  const state = { progress: { step }, optimizer: new Map(), reference: initialStateDict(config, 7) };
  new Checkpoints(checkpoints).save({ model, state, session }, { name, step });
}

const session = (steps: number) => ({
  phase: 'grpo',
  totals: { steps, tokens: 10, seconds: 1 },
  rows: steps,
  finished: {},
});

const point = () =>
  resumePoint(
    directory,
    (error) => {
      throw error;
    },
    (model) => invocation('train', ['grpo', '--checkpoint', model]),
  );

function refusal(): MathformerError {
  try {
    point();
  } catch (error) {
    if (error instanceof MathformerError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

it('is the last checkpoint', () => {
  for (const step of [0, 1, 2]) save(`rl_model_step${step}`, step, session(step));
  expect(point()).toMatchObject({ name: 'rl_model_step2', step: 2, session: session(2) });
});

it('is no checkpoint of something else', () => {
  save('rl_model_step1', 1, { ...session(1), rows: -1 });
  expect(refusal()).toMatchObject({
    code: 'DAMAGED',
    message: expect.stringContaining('session.rows is not'),
  });
});

describe('a run without a checkpoint is begun again', () => {
  it.each([
    ['with nothing but its config', () => undefined],
    ['with an empty directory of checkpoints', () => mkdirSync(checkpoints)],
    ['with empty metrics', () => writeFileSync(join(directory, 'metrics.jsonl'), '')],
    [
      'that was killed in its first save',
      () => {
        for (const name of ['rl_model_step0', 'model_update0']) save(name, 0, session(0));
        rmSync(join(checkpoints, 'manifest.json'));
        writeFileSync(join(checkpoints, '.manifest.json.0123abcd.tmp'), '{');
        writeFileSync(join(directory, 'metrics.jsonl'), '');
        writeFileSync(join(directory, 'baseline_completions.jsonl'), '{}\n');
      },
    ],
  ])('%s', (_, prepare) => {
    prepare();
    expect(point()).toBeUndefined();
  });
});

describe.each([
  ['no manifest', () => rmSync(join(checkpoints, 'manifest.json'), { force: true })],
  ['an empty manifest', () => writeFileSync(join(checkpoints, 'manifest.json'), EMPTY)],
] as const)('with %s, a run that has trained is not begun again', (_, lose) => {
  it.each([
    ['rows of metrics', 'metrics.jsonl', '{"phase":"grpo","step":1}\n'],
    ['half a row', 'metrics.jsonl', '{'],
    ['a summary', 'summary.json', '{}'],
    ['final answers', 'final_completions.jsonl', '{}\n'],
    ['a document of a checkpoint', 'checkpoints/rl_model_step10.json', '{}'],
    ['a name that begins alike', 'checkpoints/model_update01.json', '{}'],
  ])('because of %s', (__, name, text) => {
    save('rl_model_step0', 0, session(0));
    lose();
    writeFileSync(join(directory, name), text);
    const { code, where, message } = refusal();
    expect([code, where]).toEqual(['DAMAGED', join(checkpoints, 'manifest.json')]);
    expect(message).toContain(`there is ${name.replace('checkpoints/', '')}`);
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  });

  it('but shows how to train on from its last model', () => {
    for (const step of [0, 10, 9]) save(`rl_model_step${step}`, step, session(step));
    lose();
    // Later by its time, and neither is a model's name.
    for (const name of ['my_model_a.safetensors', 'rl_model_a.safetensors.bak']) {
      writeFileSync(join(checkpoints, name), '');
    }
    const age = (name: string, seconds: number) => utimesSync(join(checkpoints, name), seconds, seconds);
    for (const [step, seconds] of Object.entries({ 0: 3, 10: 1, 9: 2 })) {
      age(`rl_model_step${step}.safetensors`, seconds);
    }
    const { message, fix } = refusal();
    expect(message).toContain(
      'there is my_model_a.safetensors, rl_model_a.safetensors.bak, rl_model_step10.json, ' +
        'rl_model_step10.optimizer.safetensors and 4 more files;',
    );
    const last = join(checkpoints, 'rl_model_step9.safetensors');
    expect(fix).toMatch(/^put a copy of it back, .*: npx tsx \S*train\.ts grpo --checkpoint /);
    expect(fix.endsWith(last)).toBe(true);
    for (const step of [10, 9]) rmSync(join(checkpoints, `rl_model_step${step}.safetensors`));
    writeFileSync(join(checkpoints, 'model_step1.safetensors'), '');
    expect(refusal().fix.endsWith(join(checkpoints, 'model_step1.safetensors'))).toBe(true);
  });

  it('and names four files at most', () => {
    save('rl_model_step0', 0, session(0));
    lose();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) writeFileSync(join(checkpoints, name), '');
    expect(refusal().message).toContain('there is a, b, c, d;');
    writeFileSync(join(checkpoints, 'e'), '');
    expect(refusal().message).toContain('there is a, b, c, d and 1 more files;');
  });
});

it('without its directory of checkpoints, a run that has trained is not begun again either', () => {
  writeFileSync(join(directory, 'metrics.jsonl'), '{}\n');
  expect(refusal().fix).toBe('put a copy of it back, with the checkpoints that it names, or begin a new run');
});
