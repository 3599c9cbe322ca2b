/** Cases for the tuner: kernels of decoding and of rows, with random operands. */
import type { Device } from '../gpu/device.ts';
import type { AnyTuningCase, TuningCase } from '../gpu/tuning.ts';
import { decodeFamily } from './decode/index.ts';
import type { DecodeOptions } from './decode/state.ts';
import { encodeSettings, sampleFamily } from './sampling/index.ts';
import type { SampleOptions } from './sampling/interface.ts';
import { softmaxBackwardFamily, softmaxForwardFamily } from './softmax/index.ts';
import { type AttentionHeads, operands } from './tuningCases.ts';

/** Tokens of a sequence that is being decoded, and room for as many again. */
const LENGTH = 64;
/** Words of the state of a slot and of a row. */
const STATE_WORDS = 4;

/** Return a case of decode attention: M sequences, each in the middle of its room. */
export function decodeCase(
  M: number,
  { heads, kvHeads = heads, headDim, alibi }: AttentionHeads,
): TuningCase<DecodeOptions> {
  const capacity = 2 * LENGTH;
  return {
    family: decodeFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const cache = () => floats(M * kvHeads * capacity * headDim);
      return {
        shape: { M, heads, kvHeads, headDim, capacity },
        views: {
          qkv: floats(M * (heads + 2 * kvHeads) * headDim),
          slopes: alibi ? floats(heads) : undefined,
          slots: words(Array.from({ length: M }, () => [LENGTH, 1, 0, 0]).flat()),
          rows: words(Array.from({ length: M }, (_, row) => [row, row, row, 0]).flat()),
          keys: cache(),
          values: cache(),
          out: floats(M * heads * headDim),
        },
      };
    },
    outputs: ({ views }) => [views.out],
  };
}

/** Return a case of sampling from M rows of V logits. */
export function sampleCase(M: number, V: number): TuningCase<SampleOptions> {
  const maxNewTokens = 2 * LENGTH;
  return {
    family: sampleFamily,
    make: (device) => {
      const { floats, words } = operands(device);
      const settings = device.allocate(encodeSettings(SETTINGS).byteLength);
      device.upload(settings, encodeSettings(SETTINGS));
      return {
        size: { M, V, maxNewTokens, eos: V },
        views: {
          ...{ logits: floats(M * V), settings, ids: words(new Array<number>(M).fill(0)) },
          rows: words(Array.from({ length: M }, (_, row) => [row, row, row, 0]).flat()),
          slots: words(new Array<number>(M * STATE_WORDS).fill(0)),
          samples: floats(M * maxNewTokens * 2),
        },
      };
    },
    // Slots change with every token, so that only the log-probabilities of the first one are the same in all variants.
    outputs: ({ views }) => [views.ids],
  };
}

const SETTINGS = { temperature: 1, topK: 0, topP: 1, seed: 0 } as const;

/** Return the cases of softmax over `rows` rows of `length` values, forward and backward. */
export function softmaxCases(rows: number, length: number): AnyTuningCase[] {
  const size = { outer: rows, length, inner: 1, logarithm: false };
  const values = (device: Device, names: readonly string[]) => {
    const { floats } = operands(device);
    return Object.fromEntries(names.map((name) => [name, floats(rows * length)]));
  };
  return [
    {
      family: softmaxForwardFamily,
      make: (device) => ({ size, views: values(device, ['x', 'y']) }),
      outputs: ({ views }) => [views.y],
    },
    {
      family: softmaxBackwardFamily,
      make: (device) => ({ size, views: values(device, ['y', 'dy', 'dx']) }),
      outputs: ({ views }) => [views.dx],
    },
  ];
}

