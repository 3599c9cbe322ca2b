/** Requests, counts, comparisons and files of `evaluate`, with fake models: one of n layers is right every n-th time. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newModel } from '../../../src/cli/flags/modelFlags.ts';
import { modelConfig } from '../../../src/model/config.ts';
import { initialStateDict } from '../../../src/model/stateDict.ts';
import { saveCheckpoint } from '../../../src/runs/checkpointFile.ts';
import { Checkpoints } from '../../../src/runs/checkpoints.ts';
import { ARITHMETIC, arithmetic } from '../../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { sorting } from '../../../src/tasks/sorting.ts';
import { heldOut } from '../../../src/training/heldOut.ts';
import { settingsEntry, type TrainedSettings } from '../../../src/training/trainedSettings.ts';
import { Sampler, world } from '../fakeMachine.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/evaluate.ts';

vi.mock('../../../src/cli/commandMachine.ts', async (original) => {
  const { withMachine } = await import('../fakeMachine.ts');
  return { ...(await original<object>()), withMachine };
});
vi.mock('../../../src/model/transformer.ts', () => import('../fakeMachine.ts'));

const TASK: TrainedSettings = { task: 'arithmetic', maxDigits: 1, maxDepth: 1, operators: ['+', '-'] };
const EASY = ['--max_digits', '1', '--max_depth', '1', '--operators', '+,-', '--eval_size', '12'];

let directory: string;
const file = (name: string) => join(directory, name);
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-evaluate-'));
  const model = (name: string, nLayers: number, settings?: TrainedSettings) => {
    const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers });
    const metadata = new Map(settings ? [settingsEntry(settings)] : []);
    saveCheckpoint(file(name), { config, stateDict: initialStateDict(config, 0), metadata });
  };
  model('one.safetensors', 1);
  model('two.safetensors', 2);
  model('three.safetensors', 3);
  model('trained.safetensors', 2, { ...TASK, maxNewTokens: 32, evalSize: 6, temperature: 0.5 });
  model('longer.safetensors', 3, { ...TASK, maxNewTokens: 64, evalSize: 9, temperature: 0.5, topK: 3 });
  const other = newModel({ modelsize: 'tiny' }, 0, sorting());
  saveCheckpoint(file('sort.safetensors'), {
    ...other,
    metadata: new Map([settingsEntry({ task: 'sort', maxDigits: 1 })]),
  });
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => world.reset());

async function evaluated(...args: string[]) {
  const { code, stdout, stderr } = await run('evaluate', ...args);
  expect(code, stderr).toBe(0);
  return stdout;
}
const document = async (...args: string[]) => JSON.parse(await evaluated(...args, '--json'));

describe('one model', () => {
  it('is asked each held-out problem once, greedily', async () => {
    const said = await evaluated(file('two.safetensors'), ...EASY);
    expect(said.split('\n')).toEqual([
      'Device: paper (a GPU of paper)',
      `Loading checkpoint from ${file('two.safetensors')}`,
      expect.stringMatching(/^Model loaded: 2 layers, 32 dim, /),
      expect.stringMatching(/^Accuracy: 50\.00% \(6\/12\), 95% interval /),
      '',
    ]);
    const found = await document(file('three.safetensors'), ...EASY);
    expect(found).toEqual({
      results: [
        {
          checkpoint: file('three.safetensors'),
          correct: 4,
          total: 12,
          accuracy: 1 / 3,
          low: expect.any(Number),
          high: expect.any(Number),
        },
      ],
      ...{
        difference: null,
        sampling: null,
        adapter: { name: 'paper', kind: 'software', description: 'a GPU of paper' },
      },
    });
    expect(world.held.size).toBe(0);
  });

  it('is asked for as many tokens as the flags say', async () => {
    const generate = vi.spyOn(Sampler.prototype, 'generate');
    await evaluated(file('two.safetensors'), ...EASY, '--max_gen_len', '9', '--num_samples', '2');
    expect(generate.mock.calls.map(([, { maxNewTokens }]) => maxNewTokens)).toEqual([9, 9, 9]);
    generate.mockRestore();
  });

  it('writes what it answered, one row a problem', async () => {
    const path = file('answers.jsonl');
    await evaluated(file('two.safetensors'), file('one.safetensors'), ...EASY, '--completions', path);
    const rows = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const problems = heldOut(arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' }), 12);
    expect(rows.map(({ expression, expected }) => ({ expression, answer: expected }))).toEqual(
      problems.map(({ expression, answer }) => ({ expression, answer })),
    );
    // Of the first model, which knows every second one.
    expect(rows.map(({ verdict }) => verdict === 'correct')).toEqual(rows.map((_, i) => i % 2 === 0));
  });

  it('is sampled for pass@k, with the temperature and seed that were given', async () => {
    const args = ['--num_samples', '4', '--temperature', '0.5', '--seed', '7'];
    const { results, sampling } = await document(file('two.safetensors'), ...EASY, ...args);
    expect(sampling).toEqual({ numSamples: 4, temperature: 0.5, seed: 7 });
    // Of samples j of problem i those are right whose i + j is even.
    expect(results[0].counts).toEqual(Array.from({ length: 12 }, () => 2));
    expect(results[0].passAtK).toMatchObject({ 1: { estimate: 0.5 }, 4: { estimate: 1 } });
    const said = await evaluated(file('two.safetensors'), ...EASY, ...args);
    expect(said).toMatch(/^pass@1: 50\.00%, .*\npass@2: 83\.33%, .*\npass@4: 100\.00%, /m);
    expect(await evaluated(file('two.safetensors'), ...EASY)).not.toContain('pass@');
  });

  it('is asked the problems of a file instead', async () => {
    const problems = heldOut(arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' }), 3);
    const path = file('set.jsonl');
    writeFileSync(path, problems.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const { results } = await document(file('two.safetensors'), '--eval_set', path);
    expect(results).toMatchObject([{ correct: 2, total: 3 }]);
    expect(await evaluated(file('two.safetensors'), '--eval_set', path)).not.toContain('There are only');
  });

  it('gets all problems where there are fewer than were asked for, and is told so', async () => {
    const said = await evaluated(file('sort.safetensors'), '--eval_size', '1000');
    expect(said).toMatch(/^There are only \d+ such held-out problems: taking all$/m);
    expect(said).toMatch(/^Accuracy: 0\.00% \(0\/\d\), /m);
  });

  it('of a run is its last checkpoint, which is said first', async () => {
    const path = file('run');
    const { config, stateDict } = newModel({ modelsize: 'tiny' }, 0, ARITHMETIC);
    const checkpoint = { model: { config, stateDict, metadata: new Map<string, string>() }, session: {} };
    const state = { progress: {}, optimizer: new Map(), reference: null };
    mkdirSync(path);
    new Checkpoints(join(path, 'checkpoints')).save(
      { ...checkpoint, state },
      { name: 'model_step1', step: 1 },
    );
    const [first] = (await evaluated(path, ...EASY)).split('\n');
    expect(first).toBe(`${path} is a run; taking its last checkpoint, model_step1 (step 1)`);
  });
});

describe('what a model was trained on', () => {
  const TAKEN = '--task arithmetic --max_digits 1 --max_depth 1 --operators +,- --max_gen_len 32';
  const said = (text: string) => /^As it was trained \(flags win over it\): (.*)$/m.exec(text)?.[1];

  it('is what it is asked, unless flags say another', async () => {
    const trained = file('trained.safetensors');
    expect(said(await evaluated(trained))).toBe(`${TAKEN} --eval_size 6`);
    expect((await document(trained)).results).toMatchObject([{ total: 6 }]);
    expect((await document(trained, '--eval_size', '8')).results).toMatchObject([{ total: 8 }]);
    expect(said(await evaluated(file('one.safetensors'), ...EASY))).toBeUndefined();
  });

  it('has a temperature where it is sampled, and no number of problems where these are given', async () => {
    const trained = file('trained.safetensors');
    expect(said(await evaluated(trained, '--num_samples', '2'))).toBe(
      `${TAKEN} --eval_size 6 --temperature 0.5`,
    );
    expect((await document(trained, '--num_samples', '2')).sampling).toMatchObject({ temperature: 0.5 });
    expect(said(await evaluated(trained, '--eval_set', file('set.jsonl')))).toBe(TAKEN);
  });

  it('is of the first of two, and a warning says where the second differs in what decides', async () => {
    const [trained, longer] = [file('trained.safetensors'), file('longer.safetensors')];
    const text = await evaluated(trained, longer);
    expect(said(text)).toBe(`${TAKEN} --eval_size 6`);
    expect(text).toMatch(new RegExp(`^warning: ${longer} was trained with --max_gen_len 64$`, 'm'));
    expect(await evaluated(trained, longer, '--max_gen_len', '32')).not.toContain('warning');
    expect(await evaluated(trained, trained)).not.toContain('warning');
    // What the first does not say, the second does.
    expect(said(await evaluated(file('two.safetensors'), longer))).toMatch(
      / --max_gen_len 64 --eval_size 9$/,
    );
  });

  it('does not run on a task of another vocabulary', async () => {
    const { code, stderr } = await run(
      'evaluate',
      file('trained.safetensors'),
      file('sort.safetensors'),
      ...EASY,
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/sort\.safetensors: its vocabulary has 14 tokens/),
    ]);
    expect(world.opened).toEqual([]);
  });
});

describe('two models', () => {
  it('are compared on the same problems', async () => {
    const { results, difference } = await document(
      file('two.safetensors'),
      file('three.safetensors'),
      ...EASY,
    );
    expect(results).toMatchObject([{ correct: 6 }, { correct: 4 }]);
    // Of 0 … 11 both know 0 and 6.
    expect(difference).toMatchObject({ onlyFirst: 4, onlySecond: 2 });
    expect(difference.difference).toBeCloseTo(-1 / 6, 12);
    expect(difference).not.toHaveProperty('passAtK');
    const said = await evaluated(file('two.safetensors'), file('three.safetensors'), ...EASY);
    expect(said).toMatch(/^Difference: -16\.67 points, /m);
    expect(world.opened.at(-1)?.models.map(({ nLayers }) => nLayers)).toEqual([2, 3]);
  });

  it('are compared in pass@k too', async () => {
    const args = [...EASY, '--num_samples', '2'];
    const models = [file('three.safetensors'), file('one.safetensors')];
    const { difference } = await document(...models, ...args);
    // Of two samples in a row one in three problems has none right, and two have one.
    expect(difference.passAtK['1'].estimate).toBeCloseTo(2 / 3, 12);
    expect(difference.passAtK['2'].estimate).toBeCloseTo(1 / 3, 12);
    expect(await evaluated(...models, ...args)).toMatch(/^pass@2 difference: \+33\.33 points, /m);
  });
});
