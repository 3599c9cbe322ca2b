/** Training sequences: their parts, the reversed digits, the shares of the forms, resuming. */

import { beforeAll, describe, expect, test } from 'vitest';
import { ArgumentError } from '../../../src/base/arguments.ts';
import { prompt, reverseNumbers, type Sample, SampleStream } from '../../../src/tasks/arithmetic/sample.ts';
import { firstFalseStep } from '../../../src/tasks/arithmetic/scratchpadChecker.ts';
import { decode, encode } from '../../../src/tasks/arithmetic/tokenizer.ts';
import { evaluateText } from '../../../src/tasks/expressions/parser.ts';
import { shareExcess } from './chiSquare.ts';

const PARTS = /^<sos><(big|little)>([^<]+)(?:<scratchpad>([^<]+))?<answer>([^<]+)<eos>$/;

function reversed(text: string): string {
  return text.replace(/\d+/g, (number) => number.split('').reverse().join(''));
}

test('the prompts', () => {
  expect(decode(prompt(' (12-4)/-6'))).toBe('<sos><big> (12-4)/-6<scratchpad>');
  expect(decode(prompt('12+345', { little: true, scratchpad: false }))).toBe('<sos><little>21+543<answer>');
  expect(() => prompt('1\t+2')).toThrow('unknown character');
});

test('reverseNumbers', () => {
  expect(reverseNumbers('156+7=163, carry 1, -12/340')).toBe('651+7=361, carry 1, -21/043');
});

describe('SampleStream', () => {
  let stream: SampleStream;
  let samples: readonly Sample[];
  beforeAll(() => {
    stream = new SampleStream({ seed: 4, maxDigits: 3, operators: '+,-,*,/,%,min,max,next,prev,abs' });
    samples = Array.from({ length: 6000 }, () => stream.next());
  });

  test('every sample has its parts, true in the order of digits it announces', () => {
    for (const { tokens, problem, little, scratchpad } of samples) {
      const text = decode(tokens);
      expect(encode(text)).toEqual(tokens);
      const [, endian, expression, steps, answer] = PARTS.exec(text) ?? [];
      expect(endian).toBe(little ? 'little' : 'big');
      expect(steps !== undefined).toBe(scratchpad);
      const ordinary = little ? reversed : (same: string) => same;
      expect(ordinary(expression)).toBe(problem.expression);
      expect(evaluateText(ordinary(expression)).toString()).toBe(answer);
      if (steps !== undefined) expect(firstFalseStep(ordinary(steps))).toBeNull();
    }
  });

  test('the prompt ends with the first <scratchpad> or <answer>', () => {
    for (const { tokens, promptLength, problem, little, scratchpad } of samples.slice(0, 500)) {
      expect(tokens.slice(0, promptLength)).toEqual(prompt(problem.expression, { little, scratchpad }));
      const rest = decode(tokens.slice(promptLength));
      expect(rest.includes('<scratchpad>')).toBe(false);
      expect(rest.endsWith(`${scratchpad ? '<answer>' : ''}${problem.answer}<eos>`)).toBe(true);
    }
  });

  test('half are little, half have a scratchpad, independently', () => {
    const count = (keep: (sample: Sample) => boolean) => samples.filter(keep).length;
    expect(
      shareExcess(
        count(({ little }) => little),
        6000,
        0.5,
      ),
    ).toBeLessThanOrEqual(0);
    expect(
      shareExcess(
        count(({ scratchpad }) => scratchpad),
        6000,
        0.5,
      ),
    ).toBeLessThanOrEqual(0);
    expect(
      shareExcess(
        count(({ little, scratchpad }) => little && scratchpad),
        6000,
        0.25,
      ),
    ).toBeLessThanOrEqual(0);
  });

  test('the shares can be set, without changing the problems', () => {
    const set = new SampleStream({
      ...stream.problems.options,
      littleProbability: 0,
      scratchpadProbability: 1,
    });
    for (let i = 0; i < 200; i++) {
      const { little, scratchpad, problem } = set.next();
      expect([little, scratchpad]).toEqual([false, true]);
      expect(problem.expression).toBe(samples[i].problem.expression);
    }
  });

  test('resumes from its cursor', () => {
    const resumed = new SampleStream(stream.problems.options, { cursor: 100 });
    expect(resumed.next().tokens).toEqual(samples[100].tokens);
    expect(resumed.cursor).toBe(101);
  });

  test('maxTokens drops the scratchpads that are too long, and only those', () => {
    const limited = new SampleStream({ ...stream.problems.options, maxTokens: 120 });
    let dropped = 0;
    for (const full of samples.slice(0, 1000)) {
      const { tokens, scratchpad } = limited.next();
      if (full.tokens.length <= 120 || !full.scratchpad) expect(tokens).toEqual(full.tokens);
      else {
        dropped++;
        expect(scratchpad).toBe(false);
        expect(decode(tokens)).toBe(decode(full.tokens).replace(/<scratchpad>[^<]*/, ''));
      }
    }
    expect(dropped).toBeGreaterThan(50);
  });

  test.each([{ littleProbability: 1.5 }, { scratchpadProbability: Number.NaN }, { maxTokens: 0 }])(
    'refuses %o',
    (options) => {
      expect(() => new SampleStream(options)).toThrow(ArgumentError);
    },
  );
});
