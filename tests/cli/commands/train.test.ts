/** The command lines of trainings: what they begin with, and what a checkpoint adds; the machine is of paper. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { world } from '../fakeMachine.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/train.ts';

vi.mock('../../../src/cli/commandMachine.ts', async (original) => {
  const { openMachine, withMachine } = await import('../fakeMachine.ts');
  return { ...(await original<object>()), openMachine, withMachine };
});
vi.mock('../../../src/model/transformer.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/grpo/trainer.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/pretrain/trainer.ts', () => import('../fakeMachine.ts'));

const CHECKPOINT = 'tests/fixtures/checkpoints/tiny_easy.pt';
const TASK = ['--operators', '+,-', '--max_digits', '1', '--max_depth', '1', '--eval_size', '4'];

let directory: string;
let base: string;
let runs = 0;
const place = () => join(directory, `run${runs++}`);
const json = (out: string, name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'));
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-train-'));
  base = place();
  const { code, stderr } = await run(
    'pretrain',
    '--modelsize',
    'tiny',
    ...TASK,
    '--steps',
    '1',
    '--out',
    base,
  );
  expect(code, stderr).toBe(0);
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => world.reset());

describe('grpo', () => {
  it('begins with the last model of a run, on the task of that, and says so first', async () => {
    const out = place();
    const { code, stdout } = await run(
      'grpo',
      '--checkpoint',
      base,
      '--steps',
      '1',
      '--eval_size',
      '4',
      '--out',
      out,
    );
    expect(code).toBe(0);
    const model = join(base, 'checkpoints', 'model_step1.safetensors');
    expect(stdout.split('\n').slice(0, 5)).toEqual([
      'Device: paper (a GPU of paper)',
      `${base} is a run; taking its last checkpoint, model_step1 (step 2)`,
      'The task of the checkpoint (flags win over it): --task arithmetic --max_digits 1 --max_depth 1 --operators +,-',
      `Loading checkpoint from ${model}`,
      expect.stringMatching(/^Model loaded: 2 layers/),
    ]);
    expect(json(out, 'config.json')).toMatchObject({
      checkpoint: model,
      options: { checkpoint: resolve(model), maxDigits: 1, maxDepth: 1, operators: ['+', '-'] },
    });
  });

  it('takes flags over the task of the checkpoint, and defaults where there is none', async () => {
    const out = place();
    const steps = ['--steps', '1', '--eval_size', '4', '--out'];
    await run('grpo', '--checkpoint', base, '--max_digits', '2', ...steps, out);
    expect(json(out, 'config.json').options).toMatchObject({ maxDigits: 2, maxDepth: 1 });
    const other = place();
    const { stdout } = await run('grpo', '--checkpoint', CHECKPOINT, ...steps, other);
    expect(stdout).not.toContain('The task of the checkpoint');
    expect(json(other, 'config.json').options).toMatchObject({ maxDigits: 2, maxDepth: 3 });
  });

  it('tells a flag at fault before it reads the checkpoint, and a size that disagrees after', async () => {
    const wrong = await run('grpo', '--checkpoint', 'no.pt', '--group_size', '1');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--group_size cannot be 1/)]);
    const size = await run('grpo', '--checkpoint', base, '--modelsize', 'small');
    expect([size.code, size.stderr]).toEqual([2, expect.stringMatching(/--modelsize small is not the size/)]);
    expect(world.opened).toEqual([]);
  });
});

describe('pretrain', () => {
  it('begins anew unless a checkpoint is given, whose run it says', async () => {
    const out = place();
    const { stdout } = await run(
      'pretrain',
      '--checkpoint',
      base,
      '--steps',
      '1',
      '--eval_size',
      '4',
      '--out',
      out,
    );
    expect(stdout).toMatch(/^\S+ is a run; taking its last checkpoint, model_step1/m);
    expect(json(out, 'config.json').options.maxDepth).toBe(1);
    expect(json(base, 'config.json')).toMatchObject({ checkpoint: null });
  });
});

describe('train', () => {
  it('takes its flags and the sections of a --config', async () => {
    const [out, config] = [place(), join(directory, 'config.json')];
    const sections = { pretrain: { steps: 1, numExamples: 64 }, grpo: { steps: 1, maxNewTokens: 16 } };
    writeFileSync(config, JSON.stringify({ ...sections, seed: 4 }));
    const { code, stderr } = await run('train', '--config', config, '--out', out, '--quiet');
    expect(code, stderr).toBe(0);
    expect(json(out, 'config.json')).toMatchObject({
      ...{
        kind: 'pipeline',
        options: { seed: 4, pretrain: { numExamples: 64 }, grpo: { maxNewTokens: 16 } },
      },
    });
  });

  it('hands its words to the part that they name', async () => {
    const out = place();
    const args = ['--checkpoint', CHECKPOINT, '--steps', '1', ...TASK, '--out', out];
    expect((await run('train', 'grpo', ...args)).code).toBe(0);
    expect(json(out, 'config.json').kind).toBe('grpo');
    expect((await run('train', 'resume', out, '--steps', '2')).code).toBe(0);
    expect(json(out, 'summary.json').phases.grpo.steps).toBe(2);
    const unknown = await run('train', 'grop');
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/no command 'grop' — give pretrain, grpo,/),
    ]);
  });
});

describe('resume', () => {
  it('takes a run and its own flags', async () => {
    const { code, stdout } = await run('resume', base, '--steps', '2', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'pretrain',
      directory: base,
      phases: { pretrain: { steps: 4 } },
    });
  });

  it.each([
    [
      '{"kind": "evaluate", "options": {}}',
      2,
      /config\.json is not the config of a training run \(kind\) — give the directory/,
    ],
    ['{"kind": "grpo"}', 2, /is not the config of a training run \(options\)/],
    [
      '{"kind": "grpo", "options": {}, "versions": {"node": 1}}',
      2,
      /is not the config of a training run \(versions\.node\)/,
    ],
    ['{"kind": "grpo", "options": {"batchSize": 0, "checkpoint": "a"}}', 2, /--batch_size cannot be 0/],
    ['{"kind": "grpo", "options": {"pretrain": 5, "checkpoint": "a"}}', 2, /there is no option --pretrain/],
    ['{"kind": "pipeline", "options": {"grpo": {"groupSize": 1}}}', 2, /--group_size cannot be 1/],
    ['{"kind": "pipeline", "options": {"grpo": null, "pretrain": {"lr": 5}}}', 2, /--lr cannot be 5/],
  ])('refuses a run of %s', async (config, code, message) => {
    const path = place();
    mkdirSync(path);
    writeFileSync(join(path, 'config.json'), config);
    const ended = await run('resume', path);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(existsSync(join(path, 'lock'))).toBe(false);
  });
});
