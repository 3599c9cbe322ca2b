/** The examples run as in the README, from the sources and with the package's name, here for a few steps. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cli/cliProcess.ts';

/** Run an example to its end, and return its output. */
async function say(example: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(`examples/${example}.ts`, ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Return the numbers in the first group of `pattern`, in order. */
const numbers = (text: string, pattern: RegExp): number[] =>
  [...text.matchAll(pattern)].map(([, number]) => Number(number));

it('spiral.ts learns the arms and draws them', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mathformer-spiral-'));
  try {
    const picture = join(directory, 'spiral.svg');
    const said = await say('spiral', '--steps', '50', '--out', picture);
    const [first = 0, last = 1] = numbers(said, /loss (\S+)/g);
    expect(last).toBeLessThan(first / 2);
    expect(numbers(said, /new points: (\S+) %/g)[0]).toBeGreaterThan(60);
    const svg = readFileSync(picture, 'utf8');
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>$/);
    expect(svg.match(/<path/g)?.length).toBeGreaterThan(600); // 300 points, and the regions
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('bandit.ts earns more', async () => {
  const rewards = numbers(await say('bandit', '--steps', '20'), /mean reward (\S+)/g);
  expect(rewards).toHaveLength(3);
  expect(rewards.at(-1)).toBeGreaterThan((rewards[0] ?? 1) + 0.15);
});

it('characterModel.ts learns a text and writes on', async () => {
  const said = await say('characterModel', 'docs/OPS.md', '--steps', '12', '--length', '40');
  const [first = 0, last = 9] = numbers(said, /loss (\S+)/g);
  expect(last).toBeLessThan(first - 0.5);
  expect(said.split('\n\n').slice(1).join('\n\n').trimEnd().length).toBeGreaterThan(20);
});

it('reverse.ts is a task with an option, for every command', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mathformer-reverse-'));
  const out = join(directory, 'run');
  const task = ['--task', 'examples/reverse.ts'];
  try {
    const sizes = ['--modelsize', 'tiny', '--steps', '1', '--num_examples', '64', '--batch_size', '32'];
    const trained = await run(
      'train',
      'pretrain',
      ...task,
      '--letters',
      '4',
      ...sizes,
      '--eval_size',
      '8',
      '--out',
      out,
    );
    expect(trained.code, trained.stderr).toBe(0);
    const [problem] = readFileSync(join(out, 'evaluation.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(problem ?? '').expression).toMatch(/^[a-j]{4}>$/);
    const asked = await run('generate', out, ...task, 'abcd', '--num_samples', '1', '--json');
    expect(asked.code, asked.stderr).toBe(0);
    expect(JSON.parse(asked.stdout).results[0]).toMatchObject({ expression: 'abcd>', answer: 'dcba' });
    const refused = await run('generate', out, 'abcd');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/task of a module.* — give --task /),
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
