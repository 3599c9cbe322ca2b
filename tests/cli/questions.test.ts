/** Questions to a model, and how its answers are printed. */
import { expect, it } from 'vitest';
import { answerLines, answerOf, askingText } from '../../src/cli/questions.ts';

const WORDS = ['<s>', 'Hi', '\n', '!'];
const asking = askingText({
  vocabSize: WORDS.length,
  bos: 0,
  eos: 3,
  encode: (text) => [WORDS.indexOf(text)],
  decode: (ids) => [...ids].map((id) => WORDS[id]).join(''),
});

it('puts the first token before a text, and prints a token that breaks lines in its line', () => {
  const question = asking.question('Hi');
  expect(question).toEqual({ text: 'Hi', tokens: [0, 1] });
  const answer = answerOf(asking, question, { tokens: [2, 1, 3], logps: Float32Array.of(-0.5, -0.25, -1) });
  expect(answer).toMatchObject({ completion: '\nHi!', logProbability: -1.75 });
  expect(answerLines(question, [answer])).toEqual([
    'Hi',
    '  1. log-probability -1.7500: Hi\nHi!',
    '     \\u000a -0.500 | Hi -0.250 | ! -1.000',
  ]);
});
