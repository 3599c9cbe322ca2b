/** Advice names flags of the current command, or the command that has them. */
import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/cli/advice.ts';
import { resumeFlags } from '../../src/cli/commands/resume.ts';
import { flagsOf } from '../../src/cli/flags/flags.ts';
import { grpoFlags, pipelineFlags } from '../../src/cli/flags/trainingFlags.ts';
import { invocation } from '../../src/cli/invocation.ts';

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

  it('names a flag once, and the places by training', () => {
    expect(adviceFor('--lr, --lr or --top_k, not --dropout', ['--top_k'])).toBe(
      '--lr, --lr or --top_k, not --dropout (--lr: of npx tsx src/cli/train.ts grpo; --dropout: of npx tsx src/cli/train.ts pretrain)',
    );
    expect(adviceFor('lower --lr and --group_size', [])).toBe(
      'lower --lr and --group_size (--lr and --group_size: of npx tsx src/cli/train.ts grpo)',
    );
  });

  it('takes no part of a word for a flag, and no flag of another program', () => {
    for (const advice of ['a--lr', '---lr', '--', '--5', 'raise --no_such_flag'])
      expect(adviceFor(advice, [])).toBe(advice);
    expect(adviceFor('use --lr: npx tsx a.ts --group_size 2', [])).toMatch(/\(--lr: of \S+ \S+ \S+ grpo\)$/);
  });

  it('knows the pipeline by its --config, and by what it lacks', () => {
    expect(adviceFor('lower --lr', ['--config'])).toBe('lower --lr (in a --config: grpo.lr)');
    expect(adviceFor('lower --group_size', ['--config', '--lr'])).toMatch(/: of \S+ \S+ \S+ grpo\)$/);
    expect(adviceFor('give --seed and --task', ['--config', '--seed'])).toMatch(
      /^\S+ --seed and --task \(--task: of /,
    );
  });

  it('says for the pipeline what a --config calls them', () => {
    expect(adviceFor('lower --lr, --num_examples or --reward partial', flagsOf(pipelineFlags))).toBe(
      'lower --lr, --num_examples or --reward partial (in a --config: grpo.lr, pretrain.numExamples; --reward: of npx tsx src/cli/train.ts grpo)',
    );
  });
});
