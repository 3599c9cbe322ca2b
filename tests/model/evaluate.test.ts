/** Evaluation: prompts, order, batches and grades. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { countCorrect, evaluate } from '../../src/model/evaluate.ts';
import {
  type Completion,
  type CompletionSampler,
  type SampleOptions,
  Sampler,
} from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { grade } from '../../src/tasks/arithmetic/grader.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { decode, EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { fixtureModel } from './referenceModels.ts';

const EXPRESSIONS = ['1+2', '5-5', '3+4', '-2+1', '9-1', '8+8', '7-(-2)', '6+1', '4-9', '2+2'];

describe('evaluate', () => {
  let device: Device;
  let model: Transformer;
  let sampler: Sampler;
  beforeAll(async () => {
    device = await openDevice();
    model = fixtureModel(device, 'tiny_easy.pt');
    sampler = new Sampler(model, { eos: EOS });
  });
  afterAll(() => device.destroy());

  test('grades what the model says to each problem, in order', async () => {
    const plain = await sampler.generate(
      EXPRESSIONS.map((expression) => prompt(expression)),
      { maxNewTokens: 40, temperature: 0, seed: 0 },
    );
    const said = plain.map(({ tokens }) => /<answer>(.*)<eos>$/.exec(decode(tokens))?.[1]);
    // Every other problem takes what the model says for its answer, so that half are correct whatever it says.
    const problems = EXPRESSIONS.map((expression, i) => ({
      expression,
      answer: i % 2 === 0 ? (said[i] ?? 'none') : '1000',
    }));
    expect(said.filter((answer) => answer !== undefined).length).toBeGreaterThan(5);
    const result = await evaluate(sampler, problems, { task: ARITHMETIC, maxNewTokens: 40 });
    expect(result.completions.map(({ tokens }) => tokens)).toEqual(plain.map(({ tokens }) => tokens));
    expect(result.correct).toEqual(said.map((answer, i) => answer !== undefined && i % 2 === 0));
    expect(result.outcomes).toEqual(problems.map((problem, i) => grade(problem, plain[i].tokens).outcome));
    expect(result.accuracy).toBe(result.correct.filter(Boolean).length / problems.length);
    expect(result.accuracy).toBeGreaterThan(0);
    expect(result.accuracy).toBeLessThanOrEqual(0.5);
  });

  test.each([0, 1])(
    'temperature %f: batches change nothing, and progress is told after each',
    async (temperature) => {
      const problems = EXPRESSIONS.map((expression) => ({ expression, answer: '3' }));
      const options = { task: ARITHMETIC, maxNewTokens: 24, temperature, seed: 4 };
      const whole = await evaluate(sampler, problems, options);
      const seen: number[] = [];
      const parts = await evaluate(sampler, problems, {
        ...options,
        batchSize: 4,
        onProgress: (done) => seen.push(done),
      });
      expect(seen).toEqual([4, 8, 10]);
      expect(parts).toEqual(whole);
      expect(parts.completions.map((completion) => completion.prompt)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    },
  );

  test('no problems: an accuracy of 0, not NaN', async () => {
    const nothing = { correct: [], outcomes: [], completions: [], accuracy: 0 };
    expect(await evaluate(sampler, [], { task: ARITHMETIC })).toEqual(nothing);
  });

  test('samples: each is drawn as generate draws its sequence, whatever the batches and how many follow', async () => {
    // The first problem is asked twice: its samples must differ by more than the problem.
    const problems = ['1+2', '1+2', '5-5', '2+2'].map((expression) => ({ expression, answer: '3' }));
    const sampling = { maxNewTokens: 24, temperature: 1.5, seed: 4 };
    const expected = [0, 1, 2].map(() => [0, 0, 0, 0]);
    for (let sample = 0; sample < 3; sample++) {
      for (const [i, problem] of problems.entries()) {
        const firstSequenceId = sample * 2 ** 20 + i;
        const [alone] = await sampler.generate([prompt(problem.expression)], {
          ...sampling,
          firstSequenceId,
        });
        const before = expected[sample - 1]?.[i] ?? 0;
        expected[sample][i] = before + (grade(problem, alone.tokens).outcome === 'correct' ? 1 : 0);
      }
    }
    // Neither none nor all are right, or nothing would have been compared.
    const right = expected[2][0] + expected[2][1];
    expect(right).toBeGreaterThan(0);
    expect(right).toBeLessThan(6);
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    const count = (samples: number, batchSize: number) =>
      countCorrect(sampler, problems, { task: ARITHMETIC, ...sampling, samples, batchSize, onProgress });
    expect(await count(3, 3)).toEqual(expected[2]);
    expect(seen).toEqual([3, 4, 7, 8, 11, 12]);
    expect(await count(3, 256)).toEqual(expected[2]);
    expect(await count(2, 256)).toEqual(expected[1]);
  });

  test.each([0, 1.5, 4097])('refuses %d samples', async (samples) => {
    const counting = countCorrect(sampler, [], { task: ARITHMETIC, samples });
    await expect(counting).rejects.toThrow(`cannot draw ${samples} samples`);
  });
});

describe('what the sampler is asked', () => {
  /** Record the options of every call, and end every completion at once. */
  class Noting implements CompletionSampler {
    readonly asked: (SampleOptions & { readonly prompts: number })[] = [];

    async generate(prompts: readonly unknown[], options: SampleOptions): Promise<Completion[]> {
      this.asked.push({ ...options, prompts: prompts.length });
      return prompts.map((_, prompt) => ({
        ...{ prompt, tokens: [EOS], logps: new Float32Array(1), finished: true },
      }));
    }

    dispose(): void {}
  }

  const problems = Array.from({ length: 300 }, (_, i) => ({ expression: `${i}+1`, answer: `${i + 1}` }));

  test('unless told otherwise: greedy, 256 tokens, 256 problems at a time, numbered through', async () => {
    const sampler = new Noting();
    const { outcomes } = await evaluate(sampler, problems, { task: ARITHMETIC });
    const asked = { maxNewTokens: 256, temperature: 0, seed: 0 };
    expect(sampler.asked).toEqual([
      { ...asked, firstSequenceId: 0, prompts: 256 },
      { ...asked, firstSequenceId: 256, prompts: 44 },
    ]);
    expect(new Set(outcomes)).toEqual(new Set(['no answer']));
  });

  test('an option that is none is refused, with the right name', async () => {
    const typo = { task: ARITHMETIC, maxTokens: 7 };
    const message = /there is no option 'maxTokens'.*did you mean 'maxNewTokens'/;
    await expect(evaluate(new Noting(), problems, typo)).rejects.toThrow(message);
    await expect(countCorrect(new Noting(), problems, { samples: 1, ...typo })).rejects.toThrow(message);
  });

  test('every option that is given', async () => {
    const sampler = new Noting();
    const asked = { maxNewTokens: 7, temperature: 0.5, seed: 9 };
    await evaluate(sampler, problems, { task: ARITHMETIC, ...asked, batchSize: 200 });
    expect(sampler.asked).toEqual([
      { ...asked, firstSequenceId: 0, prompts: 200 },
      { ...asked, firstSequenceId: 200, prompts: 100 },
    ]);
  });

  test('samples: temperature 1 unless given, and numbers of their own in every round', async () => {
    const sampler = new Noting();
    const options = { task: ARITHMETIC, samples: 3, maxNewTokens: 5 };
    expect(await countCorrect(sampler, problems.slice(0, 2), options)).toEqual([0, 0]);
    const asked = { maxNewTokens: 5, temperature: 1, seed: 0, prompts: 2 };
    expect(sampler.asked).toEqual([0, 1, 2].map((round) => ({ ...asked, firstSequenceId: round * 2 ** 20 })));
  });

  test.each([0, 1.5, Number.NaN])('a batch of %d is refused', async (batchSize) => {
    await expect(evaluate(new Noting(), problems, { task: ARITHMETIC, batchSize })).rejects.toThrow(
      `batchSize is ${batchSize}`,
    );
  });
});
