/** The pipeline with small sizes: the order of its phases, and both evaluations on the same problems. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseOptions } from '../../src/base/options.ts';
import { resumeFlags, resumeRun } from '../../src/cli/commands/resume.ts';
import { readConfig } from '../../src/cli/flags/configFile.ts';
import { pipelineFlags, pipelineSections } from '../../src/cli/flags/trainingFlags.ts';
import { PIPELINE } from '../../src/cli/pipeline.ts';
import { runPipeline } from '../../src/cli/runTrainings.ts';
import { parseEvaluationSet } from '../../src/tasks/arithmetic/evaluationSet.ts';
import { run, savedModels } from './cliProcess.ts';

vi.mock('../../src/cli/pipeline.ts', async (original) => {
  const actual = await original<typeof import('../../src/cli/pipeline.ts')>();
  const { PIPELINE } = actual;
  return {
    ...actual,
    PIPELINE: {
      ...PIPELINE,
      evalSize: 20,
      pretrain: { ...PIPELINE.pretrain, numExamples: 64, batchSize: 32 },
      grpo: { ...PIPELINE.grpo, steps: 2, batchSize: 4, groupSize: 2, maxNewTokens: 16 },
    },
  };
});

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-pipeline-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(parent, { recursive: true });
});

describe('runPipeline', () => {
  it('pretrains, evaluates, improves, evaluates again and compares', async () => {
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
    const out = join(parent, 'run');
    await runPipeline(pipelineFlags.parse({ out, seed: 3 }), { grpo: { temperature: 0.9 } });
    vi.restoreAllMocks();
    const order = [
      /Device: /,
      /Pretraining 2\/2/,
      /Baseline: .*\/20/,
      /GRPO 2\/2/,
      /Final: .*\/20/,
      /Improvement: /,
      /Saved/,
    ];
    const places = order.map((pattern) => printed.search(pattern));
    expect(places, printed).toEqual([...places].sort((a, b) => a - b));
    expect(places[0]).toBe(0);
    const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
    expect(summary).toMatchObject({ kind: 'pipeline', seed: 3, interrupted: false });
    const { options } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(options).toMatchObject({
      seed: 3,
      pretrain: { batchSize: 32 },
      grpo: { steps: 2, temperature: 0.9 },
    });
    // What a run writes down, the next one takes.
    const fed = readConfig(join(out, 'config.json'), pipelineFlags, pipelineSections);
    expect(fed.grpo).toEqual(options.grpo);
    expect(readdirSync(out)).toContain('samples_step2.jsonl');
    expect(readdirSync(join(out, 'trace'))).toEqual(['step1.safetensors', 'step2.safetensors']);
    expect(options).toMatchObject({ traceGroups: 2, traceInterval: 10 });
    expect(summary.phases).toMatchObject({ pretrain: { steps: 2 }, grpo: { steps: 2 } });
    expect(summary.improvement).toHaveProperty('mcnemarP');
    expect(savedModels(out)).toEqual(
      ['model_step1', 'rl_model_final', 'rl_model_step2'].map((name) => `${name}.safetensors`),
    );
    const problems = parseEvaluationSet(readFileSync(join(out, 'evaluation.jsonl'), 'utf8'));
    for (const name of ['baseline', 'final']) {
      const lines = readFileSync(join(out, `${name}_completions.jsonl`), 'utf8')
        .trimEnd()
        .split('\n');
      expect(lines.map((line) => JSON.parse(line).expression)).toEqual(
        problems.map((each) => each.expression),
      );
    }
    // evaluate knows from the run what was asked, and how: it finds the same answers.
    const answers = join(parent, 'answers.jsonl');
    const evaluated = await run('evaluate', out, '--completions', answers);
    const accuracy = /^Final: (.*)$/m.exec(printed)?.[1];
    expect(evaluated.stdout.split('\n')).toContain(`Accuracy: ${accuracy}`);
    expect(evaluated.stdout).toContain(
      `${out} is a run; taking its last checkpoint, rl_model_step2 (step 2)\n`,
    );
    expect(evaluated.stdout).toMatch(
      /As it was trained .*: --task arithmetic --max_digits 1 --max_depth 2 --operators \+,- --max_gen_len 16 --eval_size 20$/m,
    );
    expect(readFileSync(answers, 'utf8')).toBe(readFileSync(join(out, 'final_completions.jsonl'), 'utf8'));
    // Going on neither pretrains nor evaluates the baseline again.
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    config.adapter.description = 'another adapter';
    writeFileSync(join(out, 'config.json'), JSON.stringify(config));
    printed = '';
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
    await resumeRun(out, parseOptions(resumeFlags, { steps: 4 }));
    spy.mockRestore();
    expect(printed).toMatch(
      /Going on from rl_model_step2 .*\nwarning: adapter was another adapter and is .*bits/,
    );
    expect(printed).not.toMatch(/Pretraining/);
    const resumed = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
    expect(resumed).toMatchObject({
      baseline: summary.baseline,
      phases: { pretrain: summary.phases.pretrain, grpo: { steps: 4 } },
    });
    const rows = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row)).map(({ phase, step }) => `${phase} ${step}`)).toEqual([
      ...['pretrain 1', 'pretrain 2', 'grpo 1', 'grpo 2', 'grpo 3', 'grpo 4'],
    ]);
  });
});

it('the settings of the pipeline are options the trainers take', async () => {
  const { PIPELINE: real } =
    await vi.importActual<typeof import('../../src/cli/pipeline.ts')>('../../src/cli/pipeline.ts');
  const { pretrain, grpo } = pipelineSections;
  expect(parseOptions(pretrain, real.pretrain)).toMatchObject(real.pretrain);
  expect(parseOptions(grpo, real.grpo)).toMatchObject(real.grpo);
  expect(real.evalSize).toBeGreaterThanOrEqual(1000);
  expect(PIPELINE.evalSize).toBe(20);
});
