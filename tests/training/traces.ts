/** Arbitrary traces, as files hold them: numbers are float32. */
import fc from 'fast-check';
import type { GroupRewards, StepTrace, TracedCompletion, TracedGroup } from '../../src/training/trace.ts';

const text = fc.string({ unit: 'binary', maxLength: 6 });
const float = fc.float();
const floats = (length: number) =>
  fc.array(float, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));

const completionOf = (isCorrected: boolean): fc.Arbitrary<TracedCompletion> =>
  fc.nat({ max: 5 }).chain((length) =>
    fc.record({
      tokens: fc.array(fc.nat({ max: 2 ** 24 - 1 }), { minLength: length, maxLength: length }),
      texts: fc.array(text, { minLength: length, maxLength: length }),
      reward: float,
      advantage: float,
      correct: fc.boolean(),
      finished: fc.boolean(),
      logp: floats(length),
      oldLogp: floats(length),
      kl: floats(length),
      entropy: floats(length),
      ...(isCorrected && { proxLogp: floats(length) }),
    }),
  );

const groupOf = (isCorrected: boolean): fc.Arbitrary<TracedGroup> =>
  fc.record({
    expression: text,
    expected: text,
    prompt: fc.array(text, { maxLength: 4 }),
    completions: fc.array(completionOf(isCorrected), { maxLength: 3 }),
  });

const groupRewards: fc.Arbitrary<GroupRewards> = fc.record({
  expression: text,
  dropped: fc.boolean(),
  rewards: fc.nat({ max: 4 }).chain(floats),
});

/** Any trace. */
export const arbitraryTrace: fc.Arbitrary<StepTrace> = fc.boolean().chain((isCorrected) =>
  fc.record({
    step: fc.nat(),
    loss: fc.constantFrom('grpo', 'gspo'),
    clipRatio: fc.double({ min: 0, max: 1, noNaN: true }),
    clipRatioHigh: fc.double({ min: 0, max: 1, noNaN: true }),
    rewards: fc.array(groupRewards, { maxLength: 3 }),
    groups: fc.array(groupOf(isCorrected), { maxLength: 3 }),
  }),
);

/** A trace with made-up numbers: two groups of four completions of three tokens. */
export function exampleTrace(step = 1): StepTrace {
  const values = (first: number): Float32Array => Float32Array.of(first, first / 2, first / 4);
  const groups = ['1+2', '3+4'].map((expression, g): TracedGroup => {
    const expected = String(3 + 4 * g);
    const completions = Array.from({ length: 4 }, (_, member): TracedCompletion => {
      const correct = member === 0;
      const digit = correct ? Number(expected) : member;
      return {
        tokens: [20, digit, 21],
        texts: ['<answer>', String(digit), '<eos>'],
        reward: Number(correct),
        advantage: correct ? 1.5 : -0.5,
        correct,
        finished: true,
        logp: values(-0.5),
        oldLogp: values(-0.5 + 0.1 * member),
        kl: values(0.01 * member),
        entropy: values(0.3),
      };
    });
    return { expression, expected, prompt: ['<bos>', ...expression, '='], completions };
  });
  const rewards = groups.map(({ expression, completions }) => ({
    expression,
    dropped: false,
    rewards: Float32Array.from(completions, ({ reward }) => reward),
  }));
  const equal = { expression: '5+5', dropped: true, rewards: new Float32Array(4) };
  return { step, loss: 'grpo', clipRatio: 0.2, clipRatioHigh: 0.2, rewards: [...rewards, equal], groups };
}
