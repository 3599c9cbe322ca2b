/** Calls of samplers, split into parts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { mostResultBytes } from '../../../src/cluster/protocol/result.ts';
import { fittingSequences, joinParts, splitCall } from '../../../src/cluster/trainer/workItems.ts';

const IDS = 2 ** 32;

const calls = fc.record({
  prompts: fc.array(fc.array(fc.nat(9), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 20 }),
  sampling: fc.record({
    groupSize: fc.integer({ min: 1, max: 40 }),
    maxNewTokens: fc.integer({ min: 1, max: 100 }),
    temperature: fc.constant(1),
    topK: fc.nat(3),
    topP: fc.constant(1),
    minP: fc.constant(0),
    seed: fc.nat(9),
    firstSequenceId: fc.oneof(fc.nat(100), fc.integer({ min: IDS - 100, max: IDS - 1 })),
  }),
  limits: fc.record({
    maxPayload: fc.integer({ min: 8_000, max: 100_000 }),
    vocabSize: fc.constant(57),
    sequences: fc.integer({ min: 1, max: 200 }),
    machines: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
  }),
});

/** List every completion of some prompts: its prompt and the id that its random numbers come from. */
const sequencesOf = (prompts: readonly (readonly number[])[], { groupSize, firstSequenceId }: WireSampling) =>
  prompts.flatMap((prompt, i) =>
    Array.from({ length: groupSize }, (_, member) => ({
      prompt,
      id: (firstSequenceId + i * groupSize + member) % IDS,
    })),
  );

test('parts have the completions of the call, once and in order, with their random numbers', () => {
  fc.assert(
    fc.property(calls, ({ prompts, sampling, limits }) => {
      const parts = splitCall(prompts, sampling, limits);
      expect(parts.flatMap((part) => sequencesOf(part.prompts, part.sampling))).toEqual(
        sequencesOf(prompts, sampling),
      );
      expect(parts.map((part) => part.sequences)).toEqual(
        parts.map((part) => part.prompts.length * part.sampling.groupSize),
      );
      const logps = new Float32Array();
      const joined = joinParts(
        parts.map((part) => ({
          part,
          completions: sequencesOf(part.prompts, part.sampling).map(({ prompt }) => ({
            ...{ prompt: part.prompts.indexOf(prompt), tokens: [], logps, finished: true },
          })),
        })),
      );
      expect(joined.map(({ prompt }) => prompts[prompt])).toEqual(
        sequencesOf(prompts, sampling).map(({ prompt }) => prompt),
      );
    }),
  );
});

test('the result of a part fits a message where that of one completion does', () => {
  fc.assert(
    fc.property(calls, ({ prompts, sampling, limits }) => {
      const parts = splitCall(prompts, sampling, limits);
      const least = fittingSequences(sampling, limits) === 0 ? 1 : 0;
      for (const part of parts) {
        const bytes = mostResultBytes(part.sequences, part.sampling, limits.vocabSize);
        if (part.sequences > least) expect(bytes).toBeLessThan(limits.maxPayload);
      }
    }),
  );
});

test('a group stays whole where its result fits', () => {
  fc.assert(
    fc.property(calls, ({ prompts, sampling, limits }) => {
      fc.pre(fittingSequences(sampling, limits) >= sampling.groupSize);
      expect(splitCall(prompts, sampling, limits).every(({ isWhole }) => isWhole)).toBe(true);
    }),
  );
});

test('parts for several machines become smaller, and the last ones are single groups', () => {
  const sampling = { groupSize: 4, maxNewTokens: 8, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 };
  const prompts = Array.from({ length: 64 }, () => [1]);
  const limits = { maxPayload: 2 ** 20, vocabSize: 57, sequences: 256, machines: 3 };
  const sizes = splitCall(prompts, { ...sampling, firstSequenceId: 0 }, limits).map(
    ({ sequences }) => sequences,
  );
  expect(sizes).toEqual([40, 40, 40, 20, 20, 20, 12, 12, 12, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
});
