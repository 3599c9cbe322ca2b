/** Calls of samplers, split into parts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { mostResultBytes } from '../../../src/cluster/protocol/result.ts';
import type { Shares } from '../../../src/cluster/trainer/shares.ts';
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
    shares: fc.option(
      fc.record({
        own: fc.double({ min: 0, max: 1, noNaN: true }),
        workers: fc.double({ min: 1, max: 10, noNaN: true }),
        trainer: fc.double({ min: 1, max: 10, noNaN: true }),
        least: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(Number.POSITIVE_INFINITY)),
        most: fc.oneof(fc.integer({ min: 50, max: 200 }), fc.constant(Number.POSITIVE_INFINITY)),
      }),
      { nil: undefined },
    ),
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

test('a group stays whole where its result fits and smaller parts are not worth it', () => {
  fc.assert(
    fc.property(calls, ({ prompts, sampling, limits }) => {
      fc.pre(fittingSequences(sampling, limits) >= sampling.groupSize);
      fc.pre((limits.shares?.least ?? sampling.groupSize) >= sampling.groupSize);
      const parts = splitCall(prompts, sampling, limits);
      expect(parts.every((part) => part.sampling.groupSize === sampling.groupSize)).toBe(true);
    }),
  );
});

test('parts become smaller towards the place where workers and the trainer meet', () => {
  const sampling = { groupSize: 4, maxNewTokens: 8, temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 };
  const prompts = Array.from({ length: 64 }, () => [1]);
  const sizesOf = (shares: Shares) =>
    splitCall(
      prompts,
      { ...sampling, firstSequenceId: 0 },
      { maxPayload: 2 ** 20, vocabSize: 57, shares },
    ).map(({ sequences }) => sequences);
  const most = 256;
  // Two workers, and a trainer at their speed.
  expect(sizesOf({ own: 1 / 3, workers: 2, trainer: 1, least: 4, most })).toEqual([
    ...[44, 44, 20, 20, 12, 12, 4, 4, 4, 4, 4],
    ...[4, 4, 12, 20, 44],
  ]);
  // Groups are split where they are much of a share.
  const fine = sizesOf({ own: 1 / 3, workers: 2, trainer: 1, least: 1, most });
  expect(Math.min(...fine)).toBe(1);
  expect(fine.indexOf(1)).toBeLessThan(fine.length / 2 + 4);
  // Where an item takes as long whatever its size, every machine gets one.
  expect(
    sizesOf({ own: 1 / 4, workers: 3, trainer: 1, least: Number.POSITIVE_INFINITY, most: Infinity }),
  ).toEqual([64, 64, 64, 64]);
});
