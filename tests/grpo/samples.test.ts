/** The choice and the content of shown completions. */
import { expect, test } from 'vitest';
import { sampleRows } from '../../src/grpo/samples.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';

const texts = ['<answer>3<eos>', '<answer>4<eos>', '1+2', '<eos>', '<answer>3<eos>', '<answer>3'];
const problems = ['1+2', '5-2', '2+1'].map((expression) => ({ expression, answer: '3' }));
const completions = texts.map((text, i) => ({
  prompt: i >> 1,
  tokens: ARITHMETIC.tokenizer.encode(text),
  logps: new Float32Array(),
  finished: text.endsWith('<eos>'),
}));
const rollout = { problems, completions, rewards: [1, 0, 0, 0, 1, 0] };
const shown = { task: ARITHMETIC, groupSize: 2 };

test('groups that teach come first, whole', () => {
  expect(sampleRows(rollout, [0.5, -0.5, 0, 0, 0.7, -0.7], shown)).toEqual([
    {
      prompt: '1+2',
      completion: '<answer>3<eos>',
      answer: '3',
      expected: '3',
      reward: 1,
      advantage: 0.5,
      truncated: false,
    },
    {
      prompt: '1+2',
      completion: '<answer>4<eos>',
      answer: '4',
      expected: '3',
      reward: 0,
      advantage: -0.5,
      truncated: false,
    },
    {
      prompt: '2+1',
      completion: '<answer>3<eos>',
      answer: '3',
      expected: '3',
      reward: 1,
      advantage: 0.7,
      truncated: false,
    },
    {
      prompt: '2+1',
      completion: '<answer>3',
      answer: '3',
      expected: '3',
      reward: 0,
      advantage: -0.7,
      truncated: true,
    },
  ]);
});

test('others where there are too few, and at most four of each', () => {
  const equal = sampleRows({ ...rollout, rewards: [0, 0, 0, 0, 0, 0] }, [0, 0, 0, 0, 0, 0], shown);
  expect(equal.map(({ prompt, answer, truncated }) => [prompt, answer, truncated])).toEqual([
    ['1+2', '3', false],
    ['1+2', '4', false],
    ['5-2', null, true],
    ['5-2', null, false],
  ]);
  expect(sampleRows(rollout, [], { ...shown, groupSize: 6 }).length).toBe(4);
  expect(sampleRows({ problems: [], completions: [], rewards: [] }, [], shown)).toEqual([]);
});
