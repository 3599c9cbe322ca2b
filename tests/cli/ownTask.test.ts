/** Another task and a reward of the user's own, from the command line: trained, evaluated, repeated from its config. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './cliProcess.ts';

let directory: string;
let reward: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-own-'));
  reward = join(directory, 'my-reward.ts');
  const types = resolve('src/grpo/index.ts');
  writeFileSync(
    reward,
    `import type { Reward } from '${types}';
    const reward: Reward['reward'] = async (problem, { text }) =>
      problem.expression.startsWith('sort') ? text.split(' ').length / 10 : Number.NaN;
    export default reward;`,
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

const json = (...path: string[]) => JSON.parse(readFileSync(join(directory, ...path), 'utf8'));
const rows = (...path: string[]): Record<string, unknown>[] =>
  readFileSync(join(directory, ...path), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('--task sort', () => {
  const base = () => join(directory, 'base', 'checkpoints', 'model_step1.safetensors');

  it('is pretrained in a vocabulary of its own', async () => {
    const sizes = ['--modelsize', 'tiny', '--steps', '1', '--num_examples', '64', '--batch_size', '32'];
    const args = [
      '--task',
      'sort',
      ...sizes,
      '--eval_size',
      '12',
      '--out',
      join(directory, 'base'),
      '--quiet',
    ];
    const { code, stderr } = await run('train', 'pretrain', ...args);
    expect(code, stderr).toBe(0);
    expect(json('base', 'config.json')).toMatchObject({
      model: { vocabSize: 14 },
      options: { task: 'sort' },
    });
    expect(rows('base', 'evaluation.jsonl')[0]?.expression).toMatch(/^sort \d \d \d =$/);
  });

  it('is improved by rewards of several kinds, and again from the config of that run', async () => {
    const options = ['--batch_size', '4', '--max_gen_len', '12', '--steps', '2', '--max_digits', '3'];
    const rewards = ['--reward', `correctness,${reward}:0.5`, '--curriculum', '--eval_size', '12', '--quiet'];
    const first = join(directory, 'first');
    const args = ['--task', 'sort', '--checkpoint', base(), ...options, ...rewards, '--out', first];
    const { code, stderr } = await run('train', 'grpo', ...args);
    expect(code, stderr).toBe(0);
    const metrics = rows('first', 'metrics.jsonl');
    expect(metrics[1]).toHaveProperty(['rewards/my-reward/mean']);
    expect(metrics[1]).toHaveProperty(['curriculum/digits_3/pass_rate']);
    expect(rows('first', 'samples_step2.jsonl')[0]).toMatchObject({
      step: 2,
      truncated: expect.any(Boolean),
    });

    const config = join(first, 'config.json');
    const out = ['--config', config, '--out', join(directory, 'again')];
    const refused = await run('train', 'grpo', ...out);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/config\.json names \S*my-reward\.ts: code, .* --trust$/m);
    const again = await run('train', 'grpo', ...out, '--trust');
    expect(again.code, again.stderr).toBe(0);
    const timeless = (row: Record<string, unknown>) => ({ ...row, step_time: 0 });
    expect(rows('again', 'metrics.jsonl').map(timeless)).toEqual(metrics.map(timeless));
  });

  it('is evaluated, on the problems of a file too', async () => {
    const set = join(directory, 'base', 'evaluation.jsonl');
    const args = ['--task', 'sort', '--max_digits', '3', '--max_gen_len', '12', '--json'];
    const drawn = await run('evaluate', base(), ...args, '--eval_size', '12');
    expect(drawn.code, drawn.stderr).toBe(0);
    const read = await run('evaluate', base(), ...args, '--eval_set', set);
    expect(JSON.parse(read.stdout).results).toEqual(JSON.parse(drawn.stdout).results);
    // The checkpoint knows the task, its digits and how many problems there were; of a run it is the last one.
    const known = await run('evaluate', join(directory, 'base'), '--max_gen_len', '12', '--json');
    expect(JSON.parse(known.stdout).results).toEqual(JSON.parse(drawn.stdout).results);
    expect(known.stderr).toMatch(/As it was trained .*: --task sort --max_digits 3 --eval_size 12$/m);
  });

  it('and arithmetic have no checkpoints in common', async () => {
    const { code, stderr } = await run('evaluate', base(), '--task', 'arithmetic');
    expect(code).toBe(2);
    expect(stderr).toMatch(/vocabulary has 14 tokens, the task's has 57 — .* another --task/);
    const asked = await run('generate', base(), '1+1', '--task', 'arithmetic');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/vocabulary has 14 tokens, the task's has 57 — .* another --task/);
  });
});

describe('what the user gives', () => {
  const easy = ['grpo', '--checkpoint', 'tests/fixtures/checkpoints/tiny_easy.pt', '--eval_size', '2'];

  it('is refused as a usage error if it is not there', async () => {
    for (const [flag, value] of [
      ['--reward', './no-such-reward.ts'],
      ['--task', './no-such-task.ts'],
    ] as const) {
      const { code, stderr } = await run('train', ...easy, flag, value);
      expect(code).toBe(2);
      expect(stderr).toMatch(new RegExp(`^error: ${flag} ${value}: there is no such module — give `));
    }
  });

  it('fails with its name, the problem and the completion where it gives no number', async () => {
    const sizes = ['--batch_size', '2', '--max_gen_len', '8', '--max_digits', '1', '--max_depth', '1'];
    const out = join(directory, 'failed');
    const { code, stderr } = await run('train', ...easy, ...sizes, '--reward', reward, '--out', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: the reward my-reward gave NaN, not a finite number, for problem ".+" and completion ".*" — correct the reward$/m,
    );
  });
});
