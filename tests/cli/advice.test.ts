/** What is advised can be done: its flags are flags of the command, and its commands run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { split } from 'shlex';
import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/cli/advice.ts';
import { resumeFlags } from '../../src/cli/commands/resume.ts';
import { flagsOf } from '../../src/cli/flags/flags.ts';
import { grpoFlags, pipelineFlags, pretrainFlags } from '../../src/cli/flags/trainingFlags.ts';
import { COMMANDS, invocation } from '../../src/cli/invocation.ts';
import { run } from './cliProcess.ts';

describe('adviceFor', () => {
  it('leaves advice alone that the command can take', () => {
    const advice = 'lower --lr, or raise --kl_coef; see --help';
    expect(adviceFor(advice, flagsOf(grpoFlags))).toBe(advice);
    expect(adviceFor('lower the rate', [])).toBe('lower the rate');
    const call = `evaluate it: ${invocation('evaluate', ['a.pt', '--task', 'sort'])}`;
    expect(adviceFor(call, [])).toBe(call);
  });

  it('says which command takes the others', () => {
    expect(adviceFor('raise --max_gen_len or --steps', flagsOf(resumeFlags))).toBe(
      'raise --max_gen_len or --steps (--max_gen_len: of npx tsx src/cli/train.ts grpo)',
    );
    expect(adviceFor('with --shape mpt and --dropout 0', ['--out'])).toBe(
      'with --shape mpt and --dropout 0 (--shape: of npx tsx src/cli/train.ts grpo; --dropout: of npx tsx src/cli/train.ts pretrain)',
    );
  });

  it('says for the pipeline what a --config calls them', () => {
    expect(adviceFor('lower --lr, --num_examples or --reward partial', flagsOf(pipelineFlags))).toBe(
      'lower --lr, --num_examples or --reward partial (in a --config: grpo.lr, pretrain.numExamples; --reward: of npx tsx src/cli/train.ts grpo)',
    );
  });
});

describe('flags that texts of the sources name', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  /** By flag, the files whose texts name it. */
  const named = new Map<string, string[]>();
  for (const path of sources) {
    const code = readFileSync(join('src', path), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    // In a sentence: what is passed to other programs stands alone.
    for (const [flag] of code.matchAll(/(?<=[\w,;:(] )--[a-z][a-z_]+/g)) {
      named.set(flag, [...(named.get(flag) ?? []), path]);
    }
  }
  it('are flags of a command', async () => {
    const helps = await Promise.all([
      ...COMMANDS.map((command) => run(command, '--help')),
      ...['pretrain', 'grpo', 'resume'].map((command) => run('train', command, '--help')),
    ]);
    const known = new Set(helps.flatMap(({ stdout }) => stdout.match(/--[a-z][a-z_]+/g) ?? []));
    expect(known).toContain('--max_gen_len');
    const unknown = [...named].filter(([flag]) => !known.has(flag));
    expect(unknown).toEqual([]);
    expect(named.size).toBeGreaterThan(30);
  });

  it('are of the trainings, where trainers name them', () => {
    const trainings = [...flagsOf(grpoFlags), ...flagsOf(pretrainFlags)];
    const rooms = /^(grpo|pretrain|model|tasks|math|generation)\//;
    const foreign = [...named].filter(
      ([flag, paths]) => paths.some((path) => rooms.test(path)) && !trainings.includes(flag),
    );
    expect(foreign).toEqual([]);
  });
});

describe('README', () => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    ([, text = '']) => text,
  );
  const lines = blocks
    .flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/ #.*/, ''));
  const calls = lines.filter((line) => line.includes('src/cli/')).map((line) => split(line.trim()));

  it('has commands whose flags they take', async () => {
    expect(calls.length).toBeGreaterThan(5);
    for (const [npx, tsx, script = '', ...words] of calls) {
      expect([npx, tsx]).toEqual(['npx', 'tsx']);
      const subcommand = script.endsWith('train.ts') ? words.slice(0, 1) : [];
      const { stdout } = await run(script, ...subcommand, '--help');
      const known = stdout.match(/--[a-z_]+/g) ?? [];
      expect(known).toEqual(expect.arrayContaining(words.filter((word) => word.startsWith('--'))));
    }
  });
});
