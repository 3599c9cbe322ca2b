/** Faults in the middle of a training: the device is lost, memory runs out, the disk is full, a reward fails or hangs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { flagsAndTask } from '../../src/cli/flags/taskFlags.ts';
import { grpoFlags } from '../../src/cli/flags/trainingFlags.ts';
import { runGrpo } from '../../src/cli/runTrainings.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { tracesOf } from '../crash/kill.ts';
import { run, savedModels } from './cliProcess.ts';

const CHECKPOINT = 'tests/fixtures/checkpoints/tiny_easy.pt';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-faults-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const OPTIONS = {
  checkpoint: CHECKPOINT,
  ...{ operators: '+,-', maxDigits: 1, maxDepth: 1, evalSize: 8, batchSize: 4, maxNewTokens: 16, lr: 1e-3 },
  ...{ steps: 9, saveInterval: 2, evalInterval: 0, quiet: true },
};

/** Trains in this process; `onStep` is called before each step that is begun, with the device and the step. */
async function train(name: string, options: object, onStep: (trainer: GrpoTrainer, count: number) => void) {
  const original = GrpoTrainer.prototype.step;
  let count = 0;
  const spy = vi.spyOn(GrpoTrainer.prototype, 'step').mockImplementation(function (this: GrpoTrainer) {
    const step = original.call(this);
    onStep(this, ++count);
    return step;
  });
  let said = '';
  const hear = (text: unknown): boolean => {
    said += String(text);
    return true;
  };
  const streams = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(hear as typeof stream.write),
  );
  const out = join(directory, name);
  try {
    await runGrpo(...(await flagsAndTask(grpoFlags, { ...OPTIONS, ...options, out }, 'other')));
  } finally {
    for (const each of [spy, ...streams]) each.mockRestore();
  }
  return { out, said, steps: count };
}

describe('a device that is lost', () => {
  it('at random moments, is replaced, and the run ends as the one without the loss', async () => {
    const whole = await train('whole', {}, () => undefined);
    const lost = await train('lost', {}, (trainer, count) => {
      // In the middle of steps: some commands are submitted, and others are not.
      if (count === 4 || count === 9) setTimeout(() => trainer.policy.device.gpu.destroy(), 10 * (count % 3));
    });
    expect(whole.steps).toBe(9);
    expect(lost.steps).toBeGreaterThan(9);
    expect(lost.said.match(/the device was lost: .*; opening another one/g)?.length).toBe(2);
    expect(tracesOf(lost.out)).toEqual(tracesOf(whole.out));
    const { resumed } = JSON.parse(readFileSync(join(lost.out, 'config.json'), 'utf8'));
    expect(resumed.length).toBe(2);
  });

  it('again and again at the same step, is given up', async () => {
    const losing = train('hopeless', {}, (trainer, count) => {
      if (count > 3) trainer.policy.device.gpu.destroy();
    });
    await expect(losing).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    expect(savedModels(join(directory, 'hopeless'))).toContain('rl_model_step2.safetensors');
  });
});

describe('memory that runs out', () => {
  // Enough for the rollout, not for a micro-batch of all sequences.
  const LIMIT = ['--memory_limit', '48', '--micro_batch_tokens', '65536', '--max_gen_len', '64'];
  const ARGS = [
    ...['grpo', '--checkpoint', CHECKPOINT, '--operators', '+,-', '--max_digits', '1', '--max_depth', '1'],
    ...[
      '--eval_size',
      '8',
      '--batch_size',
      '32',
      '--group_size',
      '8',
      '--steps',
      '2',
      '--eval_interval',
      '0',
    ],
  ];

  it('says which flags to lower', async () => {
    const out = join(directory, 'memory');
    const { code, stderr } = await run('train', ...ARGS, ...LIMIT, '--out', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(/bytes of GPU memory were asked for .*lower --micro_batch_tokens \(now 65536\)/);
    expect(savedModels(out)).toEqual(['rl_model_step0.safetensors']);
  });

  it('for a single generated sequence is no matter of micro-batches, nor of batches', async () => {
    const args = ['--auto_micro_batch', '--memory_limit', '2', '--max_gen_len', '4096'];
    const { code, stdout, stderr } = await run('train', ...ARGS, ...args, '--out', join(directory, 'cache'));
    expect(code).toBe(1);
    expect(stdout).not.toContain('micro_batch');
    expect(stderr).toMatch(
      /generating a sequence .* — lower --max_gen_len \(now 4096\), or raise --memory_limit \(now 2\)/,
    );
  });

  it('--auto_micro_batch lowers them by itself, and writes down to what', async () => {
    const out = join(directory, 'automatic');
    const { code, stdout } = await run('train', ...ARGS, ...LIMIT, '--auto_micro_batch', '--out', out);
    expect(code).toBe(0);
    const lowered = [...stdout.matchAll(/with --micro_batch_tokens (\d+)/g)].map(([, tokens]) =>
      Number(tokens),
    );
    expect(lowered.length).toBeGreaterThan(0);
    const { options } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    expect(options.microBatchTokens).toBe(lowered.at(-1));
    expect(tracesOf(out).steps).toEqual([1, 2]);
  });
});

describe('a reward of one’s own', () => {
  it.each([
    ['throws', 'throw new Error("out of ideas")', /threw "out of ideas"/],
    ['hangs', 'return new Promise(() => undefined)', /took more than 0\.2 s/],
  ])(
    'that %s ends the run with what it did, and the run goes on when it is mended',
    async (name, body, said) => {
      const module = join(directory, `${name}.mjs`);
      const counted = (faulty: string) =>
        `let n = 0; export default () => { if (++n > 40) { ${faulty} } return n % 2; };`;
      writeFileSync(module, counted(body));
      const out = join(directory, name);
      const options = { reward: module, rewardTimeout: 0.2, saveInterval: 1, steps: 4 };
      const failing = train(name, options, () => undefined);
      await expect(failing).rejects.toMatchObject({ message: expect.stringMatching(said) });
      expect(savedModels(out)).toContain('rl_model_step2.safetensors');
      expect(existsSync(join(out, 'lock'))).toBe(false);
      writeFileSync(module, counted(''));
      const { code } = await run('train', 'resume', out, '--quiet', '--trust');
      expect(code).toBe(0);
      expect(tracesOf(out).steps).toEqual([1, 2, 3, 4]);
    },
  );
});
