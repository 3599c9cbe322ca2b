/** The commands from end to end, with small sizes: pretrain, improve, evaluate, generate, interrupt. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { split } from 'shlex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../runs/metrics/eventFile.ts';
import { run, savedModels, start } from './cliProcess.ts';

const EASY = 'tests/fixtures/checkpoints/tiny_easy.pt';
const TASK = ['--max_digits', '1', '--max_depth', '1', '--operators', '+,-', '--eval_size', '12'];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mathformer's cli-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function json(...path: string[]) {
  return JSON.parse(readFileSync(join(directory, ...path), 'utf8'));
}

describe('train.ts pretrain, then grpo', () => {
  it('hands the checkpoint on and records both runs', async () => {
    const sizes = ['--modelsize', 'tiny', '--steps', '2', '--num_examples', '64', '--batch_size', '32'];
    const first = join(directory, 'first');
    const csv = join(directory, 'metrics.csv');
    const pretrained = await run('train', 'pretrain', ...sizes, ...TASK, '--out', first, '--log-csv', csv);
    expect(pretrained.code, pretrained.stderr).toBe(0);
    expect(pretrained.stdout).toMatch(/^Device: /);
    expect(pretrained.stdout).toContain('Model created: 2 layers, 32 dim, 128 hidden');
    const saved = join(first, 'checkpoints', 'model_step2.safetensors');
    expect(pretrained.stdout).toContain(`Saved final model to ${saved}`);
    expect(readFileSync(csv, 'utf8').trimEnd().split('\n')).toHaveLength(1 + 4);

    const second = join(directory, 'second');
    const options = ['--steps', '2', '--batch_size', '4', '--max_gen_len', '24', '--save_interval', '1'];
    const args = [
      '--checkpoint',
      saved,
      ...options,
      ...TASK,
      '--eval_interval',
      '1',
      '--out',
      second,
      '--tensorboard',
      '--json',
    ];
    const improved = await run('train', 'grpo', ...args);
    expect(improved.code, improved.stderr).toBe(0);
    const summary = JSON.parse(improved.stdout);
    expect({ ...summary, directory: undefined }).toEqual({
      ...json('second', 'summary.json'),
      directory: undefined,
    });
    expect(summary).toMatchObject({ kind: 'grpo', interrupted: false, seed: 0, directory: second });
    expect(summary.baseline.total).toBe(12);
    expect(summary.improvement.difference).toBeCloseTo(
      summary.final.accuracy - summary.baseline.accuracy,
      12,
    );
    expect(summary.tokensPerSecond).toBeGreaterThan(0);
    for (const line of [
      `Loading checkpoint from ${saved}`,
      'Model loaded: 2 layers, 32 dim, 128 hidden',
      /^Baseline: \d+\.\d\d% \(\d+\/12\)/m,
      /^GRPO 2\/2 steps, loss .*, reward .*, kl .*$/m,
      /^Step 1 Eval: \d+\.\d\d% \(\d+\/12\)$/m,
      /^Final: \d+\.\d\d% \(\d+\/12\)/m,
      /^Improvement: [+-]\d+\.\d\d points, .*McNemar p = /m,
      /^Saved final model to .*rl_model_final\.safetensors$/m,
    ]) {
      expect(improved.stderr).toMatch(line);
    }
    expect(readdirSync(second).sort()).toEqual([
      'baseline_completions.jsonl',
      'checkpoints',
      'config.json',
      'eval_step1_completions.jsonl',
      'evaluation.jsonl',
      'final_completions.jsonl',
      'metrics.jsonl',
      'samples_step1.jsonl',
      'samples_step2.jsonl',
      'summary.json',
      'tensorboard',
      'trace',
    ]);
    const [version, ...events] = readEvents(
      readFileSync(join(second, 'tensorboard', 'events.out.tfevents.mathformer')),
    );
    expect(version?.version).toBe('brain.Event:2');
    expect(events.map(({ step }) => step)).toEqual([1, 2]);
    expect(events[1]?.scalars).toMatchObject({ 'grpo/reward': expect.any(Number) });
    expect(savedModels(second)).toEqual(
      ['final', 'step1', 'step2'].map((name) => `rl_model_${name}.safetensors`),
    );
    expect(json('second', 'config.json')).toMatchObject({
      options: { groupSize: 4, klCoef: 0.1 },
      model: { dModel: 32 },
    });
  });
});

describe('Ctrl-C', () => {
  it('finishes the step, saves, sums up and exits with 130', async () => {
    const out = join(directory, 'interrupted');
    const options = ['--steps', '100000', '--batch_size', '4', '--max_gen_len', '24', '--log_csv', ''];
    const { child, ended, said } = start('train', [
      'grpo',
      '--checkpoint',
      EASY,
      ...options,
      ...TASK,
      '--out',
      out,
      '--eval_interval',
      '1',
    ]);
    await said(/Step 2 Eval/);
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const summary = json('interrupted', 'summary.json');
    const { steps } = summary.phases.grpo;
    expect(summary).toMatchObject({ interrupted: true, final: null, improvement: null });
    expect(savedModels(out)).toContain(`rl_model_step${steps}.safetensors`);
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(steps);
    expect(stdout).toContain(`Interrupted; saved the model to ${summary.checkpoint}`);
    // The line that is printed, as a shell reads it.
    const [npx, tsx, script = '', ...words] = split(/^Go on with: (.*)$/m.exec(stdout)?.[1] ?? '');
    expect([npx, tsx, script, ...words]).toEqual(['npx', 'tsx', 'src/cli/train.ts', 'resume', out]);
    const loaded = await run('evaluate', summary.checkpoint, ...TASK, '--max_gen_len', '24', '--json');
    expect(JSON.parse(loaded.stdout).results[0].total).toBe(12);
    const resumed = await run(script, ...words, '--steps', String(steps + 2));
    expect(resumed).toMatchObject({ code: 0 });
    expect(resumed.stdout).toContain(`Going on from rl_model_step${steps} `);
    expect(json('interrupted', 'summary.json')).toMatchObject({
      interrupted: false,
      baseline: summary.baseline,
      phases: { grpo: { steps: steps + 2 } },
    });
    const rows = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row).step)).toEqual(rows.map((_, i) => i + 1));
    expect(json('interrupted', 'config.json')).toMatchObject({
      options: { steps: steps + 2, batchSize: 4 },
      resumed: [{ step: steps }],
    });
  });

  it('quits at once the second time, and SIGTERM is heard too', async () => {
    const fake = start('tests/cli/endlessStep.ts', []);
    await fake.said(/ready/);
    fake.child.kill('SIGTERM');
    await fake.said(/asked to stop, code 143/);
    fake.child.kill('SIGINT');
    expect(await fake.ended).toMatchObject({ code: null, signal: 'SIGINT' });
  });
});

describe('evaluate.ts', () => {
  it('compares two checkpoints on the problems of a file', async () => {
    const completions = join(directory, 'completions.jsonl');
    const set = join(directory, 'second', 'evaluation.jsonl');
    const tiny = 'tests/fixtures/checkpoints/tiny.pt';
    const samples = ['--num_samples', '4', '--seed', '3'];
    const args = [tiny, EASY, '--eval_set', set, '--completions', completions, ...samples, '--json'];
    const { code, stdout, stderr } = await run('evaluate', ...args);
    expect(code, stderr).toBe(0);
    const { results, difference, sampling } = JSON.parse(stdout);
    expect(sampling).toEqual({ numSamples: 4, temperature: 1, seed: 3 });
    for (const { counts, passAtK } of results) {
      expect(counts).toHaveLength(12);
      expect(Object.keys(passAtK)).toEqual(['1', '2', '4']);
      const sum = counts.reduce((total: number, count: number) => total + count, 0);
      expect(passAtK[1].estimate).toBeCloseTo(sum / 48, 12);
      expect(passAtK[4].estimate).toBeCloseTo(counts.filter((count: number) => count > 0).length / 12, 12);
    }
    for (const k of [1, 2, 4]) {
      const [first, second] = results.map(
        ({ passAtK }: Record<string, Record<number, object>>) => passAtK[k],
      );
      expect(difference.passAtK[k].estimate).toBeCloseTo(second.estimate - first.estimate, 12);
    }
    expect(stderr).toMatch(/^pass@4: \d+\.\d\d%, 95% interval \d+\.\d\d% to \d+\.\d\d%$/m);
    expect(stderr).toMatch(/^pass@2 difference: [+-]\d+\.\d\d points, 95% interval [+-]/m);
    expect(results.map(({ checkpoint }: { checkpoint: string }) => checkpoint)).toEqual([tiny, EASY]);
    expect(difference.difference).toBeCloseTo(results[1].accuracy - results[0].accuracy, 12);
    const rows = readFileSync(completions, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.filter(({ verdict }) => verdict === 'correct')).toHaveLength(results[0].correct);
  });
});

describe('generate.ts', () => {
  const ask = ['--max_gen_len', '32', '--json'];

  it('gives every token its log-probability, whatever the expression begins with', async () => {
    const args = ['-1+2', '3-1', '--num-samples', '3', '--seed', '5', ...ask];
    const { code, stdout, stderr } = await run('generate', EASY, ...args);
    expect(code, stderr).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results.map(({ expression, answer }: Record<string, string>) => [expression, answer])).toEqual([
      ['-1+2', '1'],
      ['3-1', '2'],
    ]);
    for (const { completions } of results) {
      expect(completions).toHaveLength(3);
      for (const { tokens, completion, logProbability } of completions) {
        expect(tokens.map(({ token }: { token: string }) => token).join('')).toBe(completion);
        const sum = tokens.reduce(
          (total: number, each: { logProbability: number }) => total + each.logProbability,
          0,
        );
        expect(sum).toBeCloseTo(logProbability, 5);
        expect(logProbability).toBeLessThan(0);
      }
    }
  });

  it('prints for people too, and refuses several greedy completions', async () => {
    const { stdout } = await run('generate', EASY, '1+2', '--greedy', '--max_gen_len', '32');
    expect(stdout).toMatch(/^1\+2 = 3\n {2}1\. (correct|wrong|no answer|unfinished), log-probability -/m);
    const refused = await run('generate', EASY, '1+2', '--greedy', '--num_samples', '2');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^error: 2 greedy completions .* equal — leave out --num_samples/);
  });
});
