/** The source of rollouts, with a sampler that answers by a rule: requests to it, arguments of rewards, and the state. */
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import { Curriculum } from '../../src/grpo/curriculum.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import { builtInReward, type Reward, type RewardedCompletion } from '../../src/grpo/reward.ts';
import { RolloutSource } from '../../src/grpo/rolloutSource.ts';
import type { Completion, CompletionSampler, SampleOptions } from '../../src/model/sampler.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import { TaskStream } from '../../src/tasks/stream.ts';

const task = sorting({ maxDigits: 3 });
const { tokenizer } = task;
type Asked = SampleOptions & { readonly prompts: readonly (readonly number[])[] };
type Answer = (sequence: number, sorted: string) => string;

/** Answer sequences of even number correctly, and others with the digits reversed. */
const everyOther: Answer = (sequence, sorted) =>
  `${sequence % 2 === 0 ? sorted : [...sorted].reverse().join('')}<eos>`;

/** A sampler that reads the prompt's digits, and answers with `answer`. */
class Rule implements CompletionSampler {
  readonly asked: Asked[] = [];

  constructor(readonly answer: Answer = everyOther) {}

  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    this.asked.push({ prompts, ...options });
    const { groupSize = 1, firstSequenceId = 0 } = options;
    return prompts.flatMap((ids, prompt) =>
      Array.from({ length: groupSize }, (_, member) => {
        const digits = tokenizer.decode(ids).match(/\d/g) ?? [];
        const sequence = firstSequenceId + prompt * groupSize + member;
        const tokens = tokenizer.encode(this.answer(sequence, digits.sort().join(' ')));
        const finished = tokens.at(-1) === tokenizer.eos;
        return { prompt, tokens, logps: new Float32Array(tokens.length), finished };
      }),
    );
  }

  dispose(): void {}
}

const OPTIONS = { batchSize: 3, groupSize: 2, maxNewTokens: 9, seed: 11 };
const correctness = builtInReward('correctness', task);
function sourceOf(
  options: Parameters<typeof grpoOptions>[0] = {},
  { rewards = [correctness], answer = everyOther }: { rewards?: readonly Reward[]; answer?: Answer } = {},
) {
  const sampler = new Rule(answer);
  const resolved: GrpoOptions = grpoOptions({ ...OPTIONS, ...options });
  return { sampler, source: new RolloutSource(sampler, resolved, task, rewards) };
}

describe('what is sampled', () => {
  test('is the stream of problems of the seed, with every option of sampling', async () => {
    const sampling = { temperature: 0.7, topK: 5, topP: 0.9, minP: 0.01 };
    const { sampler, source } = sourceOf(sampling);
    const first = await source.next();
    const second = await source.next();
    const problems = new TaskStream(task, { seed: 11, stream: 2 });
    const expected = Array.from({ length: 6 }, () => problems.next());
    expect([...first.problems, ...second.problems]).toEqual(expected);
    const asked = { ...sampling, groupSize: 2, maxNewTokens: 9, seed: 11 };
    expect(sampler.asked).toEqual([
      { ...asked, firstSequenceId: 0, prompts: expected.slice(0, 3).map(task.prompt) },
      { ...asked, firstSequenceId: 6, prompts: expected.slice(3).map(task.prompt) },
    ]);
    expect(source.metrics()).toEqual({});
  });

  test('with another seed is other problems', async () => {
    const problems = async (seed: number) => (await sourceOf({ seed }).source.next()).problems;
    expect(await problems(12)).not.toEqual(await problems(11));
  });

  test('goes on in a refill of dynamic sampling: no sequence number comes twice', async () => {
    // Of the first three problems one teaches: its second completion is wrong.
    const answer: Answer = (sequence, sorted) => `${sequence === 3 || sequence > 8 ? '9' : sorted}<eos>`;
    const { sampler, source } = sourceOf({ dynamicSampling: true }, { answer });
    const rollout = await source.next();
    const [first, second] = sampler.asked;
    expect(first?.firstSequenceId).toBe(0);
    expect(second?.firstSequenceId).toBe(6);
    expect(rollout.problems.length + (rollout.dropped?.problems.length ?? 0)).toBe(
      sampler.asked.reduce((sum, { prompts }) => sum + prompts.length, 0),
    );
    expect(rollout.rewards.slice(0, 2)).toEqual([1, 0]);
  });
});

describe('what is rewarded', () => {
  test('is each completion for its own problem, as the task grades it', async () => {
    const seen: [string, RewardedCompletion][] = [];
    const reward: Reward = {
      name: 'noting',
      reward: ({ answer }, completion) => {
        seen.push([answer, { ...completion, tokens: [...completion.tokens] }]);
        return completion.tokens.length;
      },
    };
    const answer: Answer = (sequence, sorted) =>
      ['<eos>', '1 2', `${sorted}<eos>`, '0<eos>'][sequence % 4] ?? '';
    const { problems, completions, rewards } = await sourceOf(
      {},
      { rewards: [reward], answer },
    ).source.next();
    const expected = completions.map(({ prompt, tokens, finished }) => {
      const problem = problems[prompt];
      if (!problem) throw new Error('no problem');
      const text = tokenizer.decode(tokens);
      return [problem.answer, { tokens, text, finished, maxLength: 9, ...task.grade(problem, tokens) }];
    });
    expect(seen).toEqual(expected);
    expect(new Set(seen.map(([, { outcome }]) => outcome))).toEqual(
      new Set(['no answer', 'unfinished', 'correct', 'wrong']),
    );
    expect(rewards).toEqual(completions.map(({ tokens }) => tokens.length));
  });

  test('several rewards add up by their weights, and the penalty of length on top', async () => {
    const length: Reward = { name: 'length', weight: 0.5, reward: (_, { tokens }) => tokens.length };
    const answer: Answer = (sequence, sorted) => (sequence === 1 ? `${sorted} 1 1<eos>` : `${sorted}<eos>`);
    const options = { overlongBuffer: 4, overlongPenalty: 2 };
    const { source } = sourceOf(options, { rewards: [correctness, length], answer });
    const { rewards, parts } = await source.next();
    expect(parts?.correctness).toEqual([1, 0, 1, 1, 1, 1]);
    expect(parts?.length).toEqual([6, 10, 6, 6, 6, 6]);
    // 1 + 6/2 less 1/4 · 2 for one token of four over five; 10/2 less 5/4 · 2.
    expect(rewards).toEqual([3.5, 2.5, 3.5, 3.5, 3.5, 3.5]);
  });
});

describe('a curriculum', () => {
  test('draws levels by their record, from random numbers of the problem’s index', async () => {
    const { source, sampler } = sourceOf({ curriculum: true, batchSize: 4 });
    const shadow = new Curriculum(task.levels);
    const problems = new TaskStream(task, { seed: 11, stream: 2 });
    for (let step = 0; step < 5; step++) {
      const levels = [0, 1, 2, 3].map((i) =>
        shadow.choose(new RandomStream({ seed: 11, stream: 4, item: 4 * step + i })),
      );
      const expected = levels.map((level) => problems.next(level));
      const rollout = await source.next();
      expect(rollout.problems).toEqual(expected);
      for (const [i, level] of levels.entries()) {
        shadow.record(
          level,
          rollout.rewards.slice(2 * i, 2 * i + 2).map((reward) => reward === 1),
        );
      }
      expect(source.metrics()).toEqual(shadow.metrics());
    }
    expect(sampler.asked.at(-1)?.firstSequenceId).toBe(32);
    expect(source.progress()).toEqual({ problems: 20, curriculum: shadow.state() });
  });

  test.each([true, false])(
    'curriculum %s: a source restored goes on as the first would',
    async (curriculum) => {
      const one = sourceOf({ curriculum }).source;
      await one.next();
      const progress = JSON.parse(JSON.stringify(one.progress()));
      const two = sourceOf({ curriculum }).source;
      two.restore(progress);
      expect(await two.next()).toEqual(await one.next());
      expect(two.progress()).toEqual(one.progress());
      expect(progress.curriculum === null).toBe(!curriculum);
    },
  );
});

test('rewards that cannot be added up are refused at once', () => {
  expect(() => sourceOf({}, { rewards: [] })).toThrow('there is no reward');
});

describe('rewards', () => {
  test('whose sum is beyond 32-bit floats are an error with their names', async () => {
    const huge = (name: string, weight: number): Reward => ({
      name,
      weight,
      reward: (_, { outcome }) => (outcome === 'correct' ? 1e308 : 0),
    });
    for (const rewards of [[huge('a', 1), huge('b', 1)], [huge('a', 10)], [huge('a', 1e-100)]]) {
      const error = sourceOf({}, { rewards }).source.next();
      await expect(error).rejects.toMatchObject({
        code: 'REWARD_NOT_FINITE',
        reward: rewards.map(({ name }) => name).join(' + '),
      });
      await expect(error).rejects.toThrow(/beyond 32-bit floats/);
    }
  });

  test('may abstain from all of a step that follows others, after resuming, too', async () => {
    let abstains = false;
    const rewards: Reward[] = [{ name: 'moody', reward: () => (abstains ? null : 1) }];
    const { source } = sourceOf({}, { rewards });
    await source.next();
    abstains = true;
    const resumed = sourceOf({}, { rewards }).source;
    resumed.restore(source.progress());
    expect((await resumed.next()).rewards).toEqual((await source.next()).rewards);
    await expect(sourceOf({}, { rewards }).source.next()).rejects.toThrow(/gave null for every completion/);
  });
});
