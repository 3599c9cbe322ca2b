/** Results: what is written is read, to the bit; anything that no honest worker sends is refused, and nothing else is thrown. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterError } from '../../../src/cluster/protocol/error.ts';
import type { WireSampling } from '../../../src/cluster/protocol/messages.ts';
import { mostResultBytes, readResult, writeResult } from '../../../src/cluster/protocol/result.ts';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../../src/formats/safetensors.ts';
import type { Completion } from '../../../src/model/completions.ts';

const EOS = 2;

/** An item and its completions. */
interface Answer {
  readonly prompts: number[][];
  readonly sampling: WireSampling;
  readonly shape: { readonly vocabSize: number; readonly eos: number };
  readonly completions: Completion[];
}

const answers: fc.Arbitrary<Answer> = fc
  .record({
    count: fc.integer({ min: 1, max: 4 }),
    groupSize: fc.integer({ min: 1, max: 3 }),
    maxNewTokens: fc.integer({ min: 1, max: 5 }),
    vocabSize: fc.integer({ min: 4, max: 70 }),
    topK: fc.constantFrom(0, 3),
  })
  .chain(({ count, groupSize, maxNewTokens, vocabSize, topK }) => {
    const words = topK > 0 ? Math.ceil(vocabSize / 32) : 0;
    const id = fc.integer({ min: EOS + 1, max: vocabSize - 1 });
    const logp = fc.float({ min: Math.fround(-50), max: 0, noNaN: true });
    const completion = fc
      .tuple(
        fc.array(id, { minLength: maxNewTokens, maxLength: maxNewTokens }),
        fc.nat({ max: maxNewTokens }),
      )
      .chain(([ids, end]) => {
        const isFinished = end < maxNewTokens;
        const tokens = isFinished ? [...ids.slice(0, end), EOS] : ids;
        const size = tokens.length;
        return fc.record({
          tokens: fc.constant(tokens),
          finished: fc.constant(isFinished),
          logps: fc
            .array(logp, { minLength: size, maxLength: size })
            .map((values) => Float32Array.from(values)),
          kept: fc.uint32Array({ minLength: size * words, maxLength: size * words }),
        });
      });
    const total = count * groupSize;
    return fc.array(completion, { minLength: total, maxLength: total }).map((each) => ({
      prompts: Array.from({ length: count }, () => [3]),
      sampling: {
        ...{ groupSize, maxNewTokens, temperature: 1, topK, topP: 1, minP: 0, seed: 0, firstSequenceId: 0 },
      },
      shape: { vocabSize, eos: EOS },
      completions: each.map(({ kept, ...rest }, i) => ({
        prompt: Math.floor(i / groupSize),
        ...rest,
        ...(words > 0 && { kept }),
      })),
    }));
  });

/** Read a result. @returns undefined if it is refused, as it must be, by one kind of error. */
function read(bytes: Uint8Array, answer: Answer): Completion[] | undefined {
  try {
    return readResult(bytes, answer, answer.shape);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 'BAD_MESSAGE') throw error;
    return undefined;
  }
}

it('reads what was written, to the bit, and no more bytes than it may have', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const bytes = writeResult(answer.completions);
      expect(read(bytes, answer)).toEqual(answer.completions);
      const { prompts, sampling, shape } = answer;
      const most = mostResultBytes(prompts.length * sampling.groupSize, sampling, shape.vocabSize);
      expect(bytes.length).toBeLessThanOrEqual(most);
    }),
  );
});

it('refuses a result with any byte changed, or reads one that could be honest', () => {
  fc.assert(
    fc.property(answers, fc.nat(), fc.integer({ min: 1, max: 255 }), (answer, at, flip) => {
      const bytes = writeResult(answer.completions);
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
      const found = read(bytes, answer);
      if (found) expect(read(writeResult(found), answer)).toEqual(found);
    }),
    { numRuns: 2000 },
  );
});

it('refuses any bytes', () => {
  fc.assert(
    fc.property(answers, fc.uint8Array({ maxLength: 300 }), (answer, bytes) => {
      expect(read(bytes, answer)).toBeUndefined();
    }),
  );
});

it('refuses a result that is cut, or has more behind it', () => {
  fc.assert(
    fc.property(answers, fc.nat(), (answer, at) => {
      const bytes = writeResult(answer.completions);
      expect(read(bytes.subarray(0, at % bytes.length), answer)).toBeUndefined();
      expect(read(Uint8Array.of(...bytes, 0), answer)).toBeUndefined();
    }),
  );
});

it('refuses the result of an item with another number of completions', () => {
  fc.assert(
    fc.property(answers, answers, (one, other) => {
      fc.pre(one.completions.length !== other.completions.length);
      expect(read(writeResult(one.completions), other)).toBeUndefined();
    }),
  );
});

/** Two completions of one prompt, `[5, <eos>]` and `[6, 7, 8]`. */
const TWO: Answer = {
  prompts: [[3]],
  sampling: {
    ...{
      groupSize: 2,
      maxNewTokens: 3,
      temperature: 1,
      topK: 0,
      topP: 1,
      minP: 0,
      seed: 0,
      firstSequenceId: 0,
    },
  },
  shape: { vocabSize: 10, eos: EOS },
  completions: [
    { prompt: 0, tokens: [5, EOS], logps: Float32Array.of(-1, -2), finished: true },
    { prompt: 0, tokens: [6, 7, 8], logps: Float32Array.of(-1, -2, -3), finished: false },
  ],
};

/** Write the two completions with other tensors. */
function changed(changes: Readonly<Record<string, NamedArray | undefined>>): Uint8Array {
  const tensors = new Map(readSafetensors(writeResult(TWO.completions)).tensors);
  for (const [name, tensor] of Object.entries(changes)) {
    if (tensor) tensors.set(name, tensor);
    else tensors.delete(name);
  }
  return writeSafetensors({ tensors, metadata: new Map() });
}

const u32 = (...values: number[]): NamedArray => ({
  dtype: 'U32',
  shape: [values.length],
  data: Uint32Array.from(values),
});
const u8 = (...values: number[]): NamedArray => ({
  dtype: 'U8',
  shape: [values.length],
  data: Uint8Array.from(values),
});
const f32 = (...values: number[]): NamedArray => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('a result that no honest worker sends', () => {
  it.each<[string, Readonly<Record<string, NamedArray | undefined>>, RegExp]>([
    ['without lengths', { lengths: undefined }, /lengths is missing/],
    ['without tokens', { tokens: undefined }, /tokens is missing/],
    ['without log-probabilities', { logps: undefined }, /logps is missing/],
    ['without ends', { finished: undefined }, /finished is missing/],
    ['with a tensor more', { more: u8(1) }, /1 tensors too many/],
    ['with masks where nothing is filtered', { kept: u32(1, 1, 1, 1, 1) }, /tensors too many/],
    ['with tokens of another dtype', { tokens: f32(5, 2, 6, 7, 8) }, /tokens is missing or not U32/],
    ['with a completion too few', { lengths: u32(5) }, /lengths has the shape \[1\], not \[2\]/],
    ['with a token too many', { tokens: u32(5, 2, 6, 7, 8, 9) }, /tokens has the shape \[6\], not \[5\]/],
    ['with a log-probability too few', { logps: f32(-1, -1, -1, -1) }, /logps has the shape/],
    ['of another rank', { lengths: { ...u32(2, 3), shape: [1, 2] } }, /lengths has the shape \[1,2\]/],
    ['with an empty completion', { lengths: u32(0, 5) }, /a length is out of range/],
    ['with one that is too long', { lengths: u32(1, 4) }, /a length is out of range/],
    ['with an end that is neither', { finished: u8(2, 0) }, /neither 0 nor 1/],
    ['with a token outside of the vocabulary', { tokens: u32(10, 2, 6, 7, 8) }, /not in the vocabulary/],
    ['with <eos> in the middle', { tokens: u32(2, 2, 6, 7, 8) }, /does not end where <eos> is/],
    ['with an end without <eos>', { tokens: u32(5, 6, 6, 7, 8) }, /does not end where <eos> is/],
    ['with <eos> and no end', { finished: u8(0, 0) }, /does not end where <eos> is/],
    ['that breaks off', { finished: u8(0, 0), tokens: u32(5, 6, 6, 7, 8) }, /breaks off/],
    ['with a positive log-probability', { logps: f32(0.1, -1, -1, -1, -1) }, /above 0 or not finite/],
    ['with NaN', { logps: f32(Number.NaN, -1, -1, -1, -1) }, /above 0 or not finite/],
    ['with an impossible token', { logps: f32(-Infinity, -1, -1, -1, -1) }, /above 0 or not finite/],
  ])('is refused: one %s', (_, changes, problem) => {
    expect(() => readResult(changed(changes), TWO, TWO.shape)).toThrow(
      expect.objectContaining({ code: 'BAD_MESSAGE', message: expect.stringMatching(problem) }),
    );
  });

  it('is refused without masks where tokens are filtered', () => {
    const filtered = { ...TWO, sampling: { ...TWO.sampling, topP: 0.5 } };
    expect(() => readResult(writeResult(TWO.completions), filtered, TWO.shape)).toThrow(/kept is missing/);
  });

  it('is refused by its size before it is read', () => {
    const most = mostResultBytes(2, TWO.sampling, 10);
    const reading = () => readResult(new Uint8Array(most + 1), TWO, TWO.shape);
    expect(reading).toThrow(`it has ${most + 1} bytes, more than the ${most} of a full one`);
  });

  it('is a log-probability above 0 by more than rounding', () => {
    const { shape } = TWO;
    const rounded = readResult(changed({ logps: f32(1e-6, -1, -1, -1, -1) }), TWO, shape);
    expect(rounded[0]?.logps[0]).toBeCloseTo(1e-6);
  });
});
