/** Every choice of the GRPO trainer from the command line: what a run makes of it, and what it writes down. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
});

it('refuses what cannot work together, before anything is loaded', async () => {
  const { code, stderr } = await run(
    ...['train', 'grpo', '--checkpoint', CHECKPOINT, '--loss', 'cispo', '--dual_clip', '3'],
  );
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: cispo has no surrogate to bound — choose another --loss/);
});
