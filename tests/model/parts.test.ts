/** Batches split into parts that a device can bind: no sequence is lost, and no part is too long. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { architectureOf, modelConfig } from '../../src/model/config.ts';
import { generationParts } from '../../src/model/generationParts.ts';
import { mostTokens, paddedSize, partsOf } from '../../src/model/microBatches.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

const DEFAULTS = {
  maxBufferSize: 268_435_456,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
};

const lengths = fc.array(fc.integer({ min: 2, max: 40 }), { maxLength: 30 });
const sequencesOf = (all: readonly number[]) =>
  all.map((length) => ({ tokens: new Array<number>(length).fill(1) }));

test('parts of a batch are its sequences in order, each as long as it may be', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 100 }), (all, most) => {
      const batch = sequencesOf(all);
      const parts = partsOf(batch, most);
      expect(parts.flatMap(({ sequences }) => sequences)).toEqual(batch);
      const rows = (part: readonly { readonly tokens: readonly number[] }[]): number =>
        part.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
      for (const [i, { sequences, firstRow }] of parts.entries()) {
        expect(firstRow).toBe(rows(parts.slice(0, i).flatMap((part) => part.sequences)));
        expect(sequences.length === 1 || rows(sequences) <= most).toBe(true);
        const [next] = parts[i + 1]?.sequences ?? [];
        if (next) expect(rows([...sequences, next])).toBeGreaterThan(most);
      }
    }),
  );
});

test('the most tokens of a pass are a padded size whose widest tensor fits, and the next size does not', () => {
  for (const [size, widest] of [
    ['tiny', 128],
    ['small', 256],
    ['medium', 2048],
    ['large', 3072],
  ] as const) {
    for (const bytes of [65_536, 134_217_728, 2_147_483_644]) {
      const limits = { ...DEFAULTS, maxStorageBufferBindingSize: bytes };
      const config = modelConfig(size, { vocabSize: VOCAB_SIZE });
      const most = mostTokens({ device: { limits }, decoder: architectureOf(config).decoder(config) });
      expect(paddedSize(most)).toBe(most);
      expect(most === 1 || most * widest * 4 <= bytes).toBe(true);
      expect(paddedSize(most + 1) * widest * 4).toBeGreaterThan(bytes);
    }
  }
});

test('every completion of every prompt is generated once, in order', () => {
  const group = fc.integer({ min: 1, max: 20 });
  const most = fc.record({ slots: fc.integer({ min: 1, max: 30 }), rows: fc.integer({ min: 1, max: 90 }) });
  fc.assert(
    fc.property(lengths, group, most, (all, groupSize, limits) => {
      const prompts = sequencesOf(all).map(({ tokens }) => tokens);
      const parts = generationParts(prompts, groupSize, limits);
      const generated = parts.flatMap(({ first, count, member, members }) =>
        Array.from({ length: count * members }, (_, i) => [
          first + Math.floor(i / members),
          member + (i % members),
        ]),
      );
      expect(generated).toEqual(
        prompts.flatMap((_, prompt) => Array.from({ length: groupSize }, (_, i) => [prompt, i])),
      );
      for (const { first, count, members } of parts) {
        expect(count * members).toBeLessThanOrEqual(limits.slots);
        const rows = all.slice(first, first + count).reduce((sum, length) => sum + length, 0);
        expect(count === 1 || rows <= limits.rows).toBe(true);
      }
    }),
  );
});
