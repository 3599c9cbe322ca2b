/** The training of all chaos, and what it becomes without workers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunTraces, runAndKill, tracesOf } from '../crash/kill.ts';

/** Size of the training. */
export interface TrainingSize {
  readonly steps: number;
  /** Steps by which the weights that sample may be behind. Default: 0. */
  readonly staleness?: number;
}

/**
 * Return the arguments of a training. Rollouts are most of a step, and dynamic sampling asks for some more than once a
 * step. One thread leaves the other cores to workers.
 */
export const training = ({ steps, staleness = 0 }: TrainingSize): string[] => [
  ...['grpo', '--checkpoint', 'tests/fixtures/checkpoints/tiny_easy.pt', '--steps', String(steps)],
  ...['--operators', '+,-', '--max_digits', '2', '--max_depth', '1', '--eval_size', '20', '--quiet'],
  ...['--batch_size', '32', '--group_size', '16', '--max_gen_len', '48', '--lr', '1e-3'],
  ...['--dynamic_sampling', '--mini_batches', '2', '--threads', '1'],
  ...['--save_interval', '1', '--keep_last', '2', '--staleness', String(staleness)],
];

/** Run a training to its end, without workers and undisturbed. Return what it became, and its seconds. */
export async function undisturbed(
  args: readonly string[],
): Promise<{ readonly traces: RunTraces; readonly seconds: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'mathformer-chaos-'));
  try {
    const out = join(directory, 'run');
    const started = performance.now();
    const { code, output } = await runAndKill('src/cli/main.ts', [...args, '--out', out], {
      milliseconds: Number.POSITIVE_INFINITY,
    });
    if (code !== 0) throw new Error(output);
    return { traces: tracesOf(out), seconds: (performance.now() - started) / 1000 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
