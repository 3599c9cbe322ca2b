/** Every option of the GRPO trainer from the command line: its effect on a run, and its record in config.json. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from './cliProcess.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-grpo-'));
afterAll(() => rmSync(directory, { recursive: true }));

const CHECKPOINT = 'tests/fixtures/checkpoints/tiny_easy.pt';

const FLAGS = [
  ...['--steps', '2', '--batch_size', '4', '--max_gen_len', '32', '--operators', '+,-', '--max_digits', '1'],
  ...['--max_depth', '1', '--eval_size', '8', '--eval_interval', '0'],
  ...['--loss', 'dapo', '--advantages', 'center', '--clip_ratio', '0.1', '--dual_clip', '3'],
  ...['--epochs', '2', '--mini-batches', '2', '--entropy_coef', '0.01', '--min_p', '0.001'],
  ...['--kl_estimator', 'exact', '--kl_target', '0.001', '--kl_horizon', '64', '--ref_sync_steps', '1'],
  ...['--mask_truncated', '--overlong_buffer', '16', '--overlong_penalty', '0.5', '--dynamic-sampling'],
  ...['--staleness', '1', '--importance_sampling_cap', '1.5'],
];

it('trains with all of them, and logs the same metrics as rows and as columns', async () => {
  const [out, csv] = [join(directory, 'run'), join(directory, 'metrics.csv')];
  const args = ['--checkpoint', CHECKPOINT, ...FLAGS, '--out', out, '--log_csv', csv, '--quiet'];
  const { code, stderr } = await run('train', 'grpo', ...args);
  expect(code, stderr).toBe(0);
  const { options, derived } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  expect(options).toMatchObject({
    ...{ loss: 'dapo', advantages: 'center', clipRatio: 0.1, dualClip: 3 },
    ...{ epochs: 2, miniBatches: 2, entropyCoef: 0.01, minP: 0.001 },
    ...{ klEstimator: 'exact', klTarget: 0.001, klHorizon: 64, refSyncSteps: 1 },
    ...{ maskTruncated: true, overlongBuffer: 16, overlongPenalty: 0.5, dynamicSampling: true },
    ...{ staleness: 1, importanceSamplingCap: 1.5 },
  });
  expect(options).not.toHaveProperty('clipRatioHigh');
  expect(derived).toEqual({ clipRatio: 0.1, clipRatioHigh: 0.28 });
  const rows = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [header, ...lines] = readFileSync(csv, 'utf8').trimEnd().split('\n');
  expect(lines.length).toBe(2);
  const columns = header.split(',');
  for (const [i, row] of rows.entries()) {
    expect(Object.keys(row)).toEqual(columns);
    expect(
      lines[i]
        .split(',')
        .map((text) => (text === '' ? null : Number(text)))
        .slice(1),
    ).toEqual(Object.values(row).slice(1));
  }
  expect(rows[1].kl_coef).not.toBe(rows[0].kl_coef);
  expect(columns).toContain('sampling/sampling_logp_difference/max');
  expect(columns).toContain('sampling/importance_sampling_ratio/truncated');
});

it('refuses what cannot work together, before anything is loaded', async () => {
  const { code, stderr } = await run(
    ...['train', 'grpo', '--checkpoint', CHECKPOINT, '--loss', 'cispo', '--dual_clip', '3'],
  );
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: cispo has no surrogate to bound — choose another --loss/);
});

it('evaluates with --max_gen_len, and knows the columns of the CSV file when the first step is skipped', async () => {
  const [out, csv, reward] = ['skipped', 'skipped.csv', 'mine.mjs'].map((name) => join(directory, name));
  // Eight completions a step.
  writeFileSync(reward, 'let calls = 0;\nexport default () => (calls++ < 8 ? Number.NaN : calls % 2);\n');
  const sizes = ['--steps', '2', '--batch_size', '2', '--max_gen_len', '3', '--eval_size', '4'];
  const args = ['--checkpoint', CHECKPOINT, ...sizes, '--reward', reward, '--out', out, '--log_csv', csv];
  const { code, stderr } = await run(
    'train',
    'grpo',
    ...args,
    '--max_digits',
    '1',
    '--max_depth',
    '1',
    '--quiet',
  );
  expect(code, stderr).toBe(0);
  const answers = readFileSync(join(out, 'baseline_completions.jsonl'), 'utf8').trimEnd().split('\n');
  expect(answers.length).toBe(4);
  for (const line of answers) {
    const { completion, verdict } = JSON.parse(line);
    expect([completion.length, verdict]).toEqual([3, 'unfinished']);
  }
  const [header = '', first = '', second = ''] = readFileSync(csv, 'utf8').split('\n');
  const at = header.split(',').indexOf('rewards/mine/mean');
  expect(at).toBeGreaterThan(0);
  expect([first.split(',')[at], second.split(',')[at]]).toEqual(['', '0.5']);
  expect(first).not.toContain('NaN');
});

it('ends with the task, the problem and the index where a task gives an id that it does not have', async () => {
  const task = join(directory, 'wrong.mjs');
  writeFileSync(
    task,
    `const ids = [0, 1, 77];
const problem = { expression: '1+1', answer: '2' };
export default {
  name: 'wrong', levels: ['one'], tokenizer: { vocabSize: 10, eos: 9, encode: () => [0], decode: () => '' },
  draw: () => problem, heldOut: () => [problem], prompt: () => [0, 1],
  example: () => ({ tokens: ids, promptLength: 2 }), grade: () => ({ outcome: 'wrong', answer: null }),
};
`,
  );
  const sizes = ['--modelsize', 'tiny', '--steps', '1', '--num_examples', '4', '--eval_size', '1'];
  const out = join(directory, 'wrong');
  const { code, stderr } = await run('train', 'pretrain', '--task', task, ...sizes, '--out', out, '--quiet');
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: the task wrong: example of "1\+1" has the id 77 at index 2 — use integers from 0 to 9, the ids of its tokenizer$/m,
  );
});
